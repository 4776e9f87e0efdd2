package webhook_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

var (
	newer = bytes.Repeat([]byte("n"), 24)
	older = bytes.Repeat([]byte("o"), 64)
	quiet = slog.New(slog.DiscardHandler)
	now   = time.Date(2026, 11, 21, 18, 5, 41, 0, time.UTC)
	entry = store.Job{ID: "evt-0", Queue: webhook.Queue("gazette", "https://gazette.example"), Attempts: 1}
)

// desk opens every entry to the same event, as confirm.Service does; with an id or error of its own if set.
type desk struct {
	id  string
	err error
}

func (d desk) Event(context.Context, store.Job) (confirm.Event, error) {
	id := cmp.Or(d.id, "Zm9vYmFyYmF6cXV4MTIzNA")
	at := time.Date(2026, 11, 21, 18, 5, 40, 118e6, time.UTC)
	return confirm.Event{ID: id, Type: consent.EventConfirmed, At: at, Data: consent.Status{
		ID: "AbCdEfGhIjKlMnOpQrStUv", Site: "gazette", Email: "ada@example.org", State: consent.Confirmed, CreatedAt: at, ConfirmedAt: &at,
		Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Confirmed, Since: at, Text: "La lettre <mensuelle> & plus"}},
	}}, d.err
}

// call is one that arrived.
type call struct {
	method, path string
	header       http.Header
	body         []byte
}

// receiver is a website's server that keeps what arrived.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
	conns int // that were opened
}

// receive starts a receiver that answers by then; nil answers 200.
func receive(t *testing.T, then http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.calls = append(r.calls, call{req.Method, req.URL.RequestURI(), req.Header.Clone(), body})
		r.mu.Unlock()
		if then != nil {
			then(w, req)
		}
	}))
	r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.mu.Lock()
			r.conns++
			r.mu.Unlock()
		}
	}
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(func() { r.CloseClientConnections(); r.Close() })
	return r
}

func (r *receiver) arrived() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func (r *receiver) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

// answering starts a receiver without TLS that always answers the same.
func answering(t *testing.T, status int, header ...string) *receiver {
	t.Helper()
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	})
	r.Start()
	return r
}

// caller makes one for a private endpoint, with what is missing filled in.
func caller(t *testing.T, o webhook.Options) *webhook.Caller {
	t.Helper()
	if o.Events == nil {
		o.Events = desk{}
	}
	if o.Endpoint.Secrets == nil {
		o.Endpoint.Secrets = [][]byte{newer}
	}
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func private(url string) webhook.Options {
	return webhook.Options{Endpoint: webhook.Endpoint{URL: url, Private: true}}
}

// delivered tries once and fails the test if that did not deliver.
func delivered(t *testing.T, c *webhook.Caller) {
	t.Helper()
	if settled, err := c.Run(t.Context(), entry); settled || err != nil {
		t.Fatalf("Try = %t, %v", settled, err)
	}
}
