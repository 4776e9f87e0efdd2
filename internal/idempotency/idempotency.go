// Package idempotency carries a request with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07) out once
// for each caller, call and key, among all replicas, and returns the same response for a day.
//
// Each key has a cell in the store. The cell is first claimed for a request that is running, and then holds its sealed
// response. A request that was not carried out releases the key. Where a response cannot be stored, because the store
// is unreachable by then or because it is larger than store.MaxBody, the key is free again after runningFor.
//
// A response that is about a person is not stored, since the person may be erased meanwhile. Only its status is stored,
// and the caller makes the response again.
package idempotency

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

const (
	runningFor   = time.Minute    // after which a running request is taken for dead, and its key is free
	storedFor    = 24 * time.Hour // how long a response is repeated
	storeWithin  = 2 * time.Second
	claimRetries = 4 // when others release and claim the same key at the same moment

	maxKey = 255 // bytes
)

// The errors of Begin, besides those of the store.
var (
	// ErrReused says that the key came with another body before.
	ErrReused = errors.New("idempotency: the key was used with another body")
	// ErrRunning says that the first request with the key has not ended.
	ErrRunning = errors.New("idempotency: the first request with the key is running")
	// ErrKey says that a header does not hold one key; see ParseKey.
	ErrKey = errors.New("idempotency: not a key")
)

// Store knows the keys that requests came with. It is safe for concurrent use.
type Store struct {
	cells store.Cells
	ring  *keyring.Keyring
}

// New returns the keys in a store, their cells sealed with a keyring.
func New(cells store.Cells, ring *keyring.Keyring) *Store { return &Store{cells, ring} }

// Request is what makes a request the same as another.
type Request struct {
	Key    string
	Caller string // an API key's sum, or another name; the same key of two callers are two keys
	Site   string
	Method string
	Path   string
	Media  string // of the body: with the same key it must be the same
	Body   []byte
}

// Response is the response to a request.
type Response struct {
	Status   int
	Header   http.Header
	Body     []byte
	Personal bool // about a person: it is not stored, and Begin returns its status only
}

// Begin claims a request's key. It returns a claim if this is the first request with the key, or the response that the
// first one had, or ErrReused or ErrRunning. A claim must be ended by Complete or Release.
func (k *Store) Begin(ctx context.Context, r Request) (*Claim, *Response, error) {
	c := &Claim{keys: k, name: k.name(r), sum: k.sum(r)}
	held, err := c.claim(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case held == nil:
		return c, nil, nil
	case held.Sum != c.sum:
		return nil, nil, ErrReused
	case held.Status == 0:
		return nil, nil, ErrRunning
	}
	return nil, &Response{Status: held.Status, Header: held.Header, Body: held.Body, Personal: held.Personal}, nil
}

// ID returns a name of a request that is the same for the same caller, call, key and body, and reveals none of them.
func (k *Store) ID(r Request) string { return k.name(r) + " " + k.sum(r) }

func (k *Store) name(r Request) string {
	sum := k.ring.MACs("idempotency key", r.Site, r.Caller, r.Method, r.Path, r.Key)[0]
	return "idempotency/" + base64.RawURLEncoding.EncodeToString(sum)
}

// sum tells bodies apart. It is a keyed hash over the key too, which is not stored anywhere: so even with the store
// and the secret nobody can find out, by trying addresses, whose body it was.
func (k *Store) sum(r Request) string {
	return base64.RawURLEncoding.EncodeToString(k.ring.MACs("idempotency body", r.Key, r.Media, string(r.Body))[0])
}

// Claim is the cell of a key, claimed by a request that is running.
type Claim struct {
	keys  *Store
	name  string
	sum   string
	value []byte // of the cell, as we have set it
}

// cell is what the cell of a key holds.
type cell struct {
	Free     bool        `json:"free,omitempty"`   // claimed by nobody
	Sum      string      `json:"sum,omitempty"`    // of the request
	Status   int         `json:"status,omitempty"` // 0: the request is running
	Header   http.Header `json:"header,omitempty"`
	Body     []byte      `json:"body,omitempty"`
	Personal bool        `json:"personal,omitempty"`
}

// claim claims the cell for a request that is running, or returns what the cell holds.
func (c *Claim) claim(ctx context.Context) (*cell, error) {
	c.value = c.seal(cell{Sum: c.sum})
	for range claimRetries {
		sealed, err := c.keys.cells.SetNX(ctx, c.name, c.value, runningFor)
		if err != nil || sealed == nil {
			return nil, err
		}
		held, err := c.open(sealed)
		if err != nil || !held.Free {
			return held, err
		}
		err = c.keys.cells.CompareAndSwap(ctx, c.name, sealed, c.value, runningFor)
		if !errors.Is(err, store.ErrChanged) {
			return nil, err
		}
	}
	return &cell{Sum: c.sum}, nil // others were quicker, and one of them is running
}

// Complete stores the response, without its cookies, which are for one browser. It releases the key instead if the
// status says that nothing was carried out: 429, or 500 and more.
func (c *Claim) Complete(ctx context.Context, r Response) error {
	if r.Status >= http.StatusInternalServerError || r.Status == http.StatusTooManyRequests {
		return c.Release(ctx)
	}
	stored := cell{Sum: c.sum, Status: r.Status, Header: r.Header.Clone(), Body: r.Body}
	stored.Header.Del("Set-Cookie")
	if r.Personal {
		stored = cell{Sum: c.sum, Status: r.Status, Personal: true}
	}
	value := c.seal(stored)
	if len(value) > store.MaxBody {
		return c.Release(ctx)
	}
	return c.replace(ctx, value, storedFor)
}

// Release makes the key free for another request.
func (c *Claim) Release(ctx context.Context) error {
	return c.replace(ctx, c.seal(cell{Free: true}), time.Second)
}

// replace sets the cell, even if the client has gone, since the request was carried out. If another request has claimed
// the cell meanwhile, it is left alone.
func (c *Claim) replace(ctx context.Context, value []byte, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	err := c.keys.cells.CompareAndSwap(ctx, c.name, c.value, value, d)
	if errors.Is(err, store.ErrChanged) {
		return nil
	}
	return err
}

// seal returns the sealed bytes of a cell, which are different each time.
func (c *Claim) seal(content cell) []byte {
	plain, err := json.Marshal(content)
	if err != nil {
		panic(err) // our own type
	}
	return c.keys.ring.Seal(c.name, plain)
}

func (c *Claim) open(sealed []byte) (*cell, error) {
	content := &cell{}
	plain, err := c.keys.ring.Open(c.name, sealed)
	if err == nil {
		err = json.Unmarshal(plain, content)
	}
	if err != nil {
		return nil, fmt.Errorf("idempotency: the cell of a key: %w", err)
	}
	return content, nil
}

// ParseKey parses the values of a request's Idempotency-Key header: one string of RFC 9651, section 3.3.3, or one word
// without quotes. It returns an empty key if there is no header, and ErrKey if a header has no valid key.
func ParseKey(header []string) (string, error) {
	if len(header) == 0 {
		return "", nil
	}
	key, ok := "", len(header) == 1
	if ok {
		key, ok = unquote(strings.Trim(header[0], " \t"))
	}
	if !ok || key == "" || len(key) > maxKey {
		return "", ErrKey
	}
	return key, nil
}

func unquote(text string) (string, bool) {
	inside, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\,;()<>[]{}`, r) }
		return text, strings.IndexFunc(text, odd) < 0
	}
	var b strings.Builder
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		switch {
		case c == '"':
			return b.String(), i == len(inside)-1
		case c == '\\':
			if i++; i == len(inside) || inside[i] != '"' && inside[i] != '\\' {
				return "", false
			}
			c = inside[i]
		case c < ' ' || c > '~':
			return "", false
		}
		b.WriteByte(c)
	}
	return "", false // no closing quote
}
