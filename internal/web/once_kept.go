package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// kept is what the cell of an Idempotency-Key holds: whose it is, and the answer, once there is one.
type kept struct {
	Free   bool        `json:"free,omitempty"`   // nobody's
	Sum    string      `json:"sum,omitempty"`    // of the request
	Status int         `json:"status,omitempty"` // 0: it runs
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
	Again  bool        `json:"again,omitempty"` // the answer is made anew
}

// seal makes the bytes of a cell, different each time.
func (c *cell) seal(k kept) []byte {
	plain, err := json.Marshal(k)
	if err != nil {
		panic(err) // our own type
	}
	return c.server.opt.Keyring.Seal(c.name, plain)
}

func (c *cell) open(sealed []byte) (*kept, error) {
	plain, err := c.server.opt.Keyring.Open(c.name, sealed)
	if err != nil {
		return nil, fmt.Errorf("web: an idempotency key's cell: %w", err)
	}
	k := &kept{}
	if err := json.Unmarshal(plain, k); err != nil {
		return nil, fmt.Errorf("web: an idempotency key's cell: %w", err)
	}
	return k, nil
}

// tell answers what was answered before.
func (k *kept) tell(w http.ResponseWriter) {
	(&tape{header: k.Header, status: k.Status, body: k.Body}).tell(w)
}

// tape is an answer that is recorded before it is sent.
type tape struct {
	header http.Header
	status int
	body   []byte
}

func (t *tape) Header() http.Header { return t.header }

func (t *tape) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
}

func (t *tape) Write(b []byte) (int, error) {
	t.WriteHeader(http.StatusOK)
	t.body = append(t.body, b...)
	return len(b), nil
}

// kept is the answer as it is kept: without cookies, which are for one browser.
func (t *tape) kept(sum string) kept {
	h := t.header.Clone()
	h.Del("Set-Cookie")
	return kept{Sum: sum, Status: t.status, Header: h, Body: t.body}
}

// tell sends the answer, with what the chain has set already.
func (t *tape) tell(w http.ResponseWriter) {
	for name, values := range t.header {
		if name == "Vary" || name == "Set-Cookie" {
			for _, v := range values {
				w.Header().Add(name, v)
			}
			continue
		}
		w.Header()[name] = values
	}
	w.WriteHeader(t.status)
	_, _ = w.Write(t.body) // nobody is left to be told
}
