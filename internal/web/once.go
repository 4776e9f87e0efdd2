package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/optin/optin/store"
)

const (
	onceRuns   = time.Minute    // how long a request may hold its key before it is taken for dead; each has only patience
	onceKept   = 24 * time.Hour // how long an answer is replayed
	onceWithin = 2 * time.Second
	onceTries  = 4 // of taking over a key that was given free
)

// once carries a request with an Idempotency-Key out once for each caller, method, path and key, among all replicas, and answers the
// same for onceKept. The key's cell in the store is first reserved for a request that runs, then holds its sealed answer. What was not
// carried out gives the key free: a status of 500 or more, 429, and a signup that lacks its proof. Where an answer cannot be kept, because the store is away by then or
// it is larger than store.MaxBody, the key is free after onceRuns; a signup is told from its double by its request's id even then.
//
// An answer that tells of a person is not kept, for the person may be erased meanwhile: the route's again answers in its place.
func (s *Server) once(w http.ResponseWriter, r *http.Request, rt route) error {
	key, err := onceKey(r)
	if err != nil || key == "" {
		if err == nil {
			err = rt.handle(w, r)
		}
		return err
	}
	c := s.cell(r, key)
	held, err := c.reserve(r.Context())
	switch {
	case err != nil:
		return err
	case held == nil:
		return s.first(w, r, c, rt)
	case held.Sum != c.sum:
		return refuse(codeOnceReused)
	case held.Status == 0:
		return &refusal{code: codeOnceRunning, after: time.Second}
	}
	w.Header().Set("Idempotency-Replayed", "true")
	if held.Again {
		return rt.again(w, r)
	}
	held.tell(w)
	return nil
}

// first carries a request out that holds its key's cell, and keeps the answer there.
func (s *Server) first(w http.ResponseWriter, r *http.Request, c *cell, rt route) error {
	t := &tape{header: http.Header{}}
	defer func() {
		if t.status == 0 { // it panicked
			_ = c.free(r.Context())
		}
	}()
	if err := rt.handle(t, r); err != nil {
		s.fail(t, r, err)
	}
	keep := func() error { return c.keep(r.Context(), t, rt.again != nil) }
	if exchangeOf(r).undone {
		keep = func() error { return c.free(r.Context()) }
	}
	if err := keep(); err != nil {
		exchangeOf(r).cause = errors.Join(exchangeOf(r).cause, err)
	}
	t.tell(w)
	return nil
}

// onceSum is what tells one request from another under the same key. Nothing else of it counts.
func onceSum(r *http.Request) string {
	media, _ := mediaOf(r)
	sum := sha256.Sum256(append([]byte(media+"\n"), exchangeOf(r).body...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// onceName names what is asked, and who asks, by a request's key and body; empty without a key.
func (s *Server) onceName(r *http.Request) string {
	key, err := onceKey(r)
	if err != nil || key == "" {
		return ""
	}
	return s.cell(r, key).name + " " + onceSum(r)
}

// cell is where the answer of one request with a key is kept.
type cell struct {
	server *Server
	name   string
	sum    string
	value  []byte // what we put there last
}

func (s *Server) cell(r *http.Request, key string) *cell {
	caller := exchangeOf(r).key
	if caller == "" {
		caller = "public"
	}
	name := s.opt.Keyring.Sums("idempotency key", r.PathValue("site"), caller, r.Method, r.URL.Path, key)[0]
	return &cell{server: s, name: "once/" + base64.RawURLEncoding.EncodeToString(name), sum: onceSum(r)}
}

// reserve takes the cell for a request that runs, or returns what is there.
func (c *cell) reserve(ctx context.Context) (*kept, error) {
	st := c.server.opt.Store
	c.value = c.seal(kept{Sum: c.sum})
	for range onceTries {
		held, err := st.SetNX(ctx, c.name, c.value, onceRuns)
		if err != nil || held == nil {
			return nil, err
		}
		k, err := c.open(held)
		if err != nil || !k.Free {
			return k, err
		}
		if err := st.CompareAndSwap(ctx, c.name, held, c.value, onceRuns); !errors.Is(err, store.ErrChanged) {
			return nil, err
		}
	}
	return &kept{Sum: c.sum}, nil // others are quicker: it runs
}

// keep puts the answer into the cell, or gives the cell free; with again, of what was done only that.
func (c *cell) keep(ctx context.Context, t *tape, again bool) error {
	if t.status >= http.StatusInternalServerError || t.status == http.StatusTooManyRequests {
		return c.free(ctx)
	}
	k := t.kept(c.sum)
	if again && t.status < http.StatusMultipleChoices {
		k = kept{Sum: c.sum, Status: t.status, Again: true}
	}
	value := c.seal(k)
	if len(value) > store.MaxBody {
		return c.free(ctx)
	}
	return c.replace(ctx, value, onceKept)
}

func (c *cell) free(ctx context.Context) error {
	return c.replace(ctx, c.seal(kept{Free: true}), time.Second)
}

// replace changes the cell though the client may have gone: what was done is done. Whoever has taken the cell over may have it.
func (c *cell) replace(ctx context.Context, value []byte, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), onceWithin)
	defer cancel()
	err := c.server.opt.Store.CompareAndSwap(ctx, c.name, c.value, value, d)
	if errors.Is(err, store.ErrChanged) {
		return nil
	}
	return err
}
