package idempotency_test

import (
	"bytes"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/idempotency"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// env is the keys in a real store, at a time that the test moves on.
type env struct {
	keys *idempotency.Store
	now  time.Time
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{now: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)}
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Durability: store.DurabilityNone,
		Now: func() time.Time { return e.now },
	})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	must(t, err)
	e.keys = idempotency.New(s, ring)
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// first claims a key.
func (e *env) first(t *testing.T, r idempotency.Request) *idempotency.Claim {
	t.Helper()
	claim, response, err := e.keys.Begin(t.Context(), r)
	if err != nil || claim == nil || response != nil {
		t.Fatalf("no claim: %v %v", response, err)
	}
	return claim
}

func request() idempotency.Request {
	return idempotency.Request{Key: "k", Caller: "c", Site: "s", Method: "POST", Path: "/p", Media: "application/json",
		Body: []byte("{}")}
}

func TestTheFirstRequestRunsAndTheSecondGetsItsResponse(t *testing.T) {
	e, r := newEnv(t), request()
	claim := e.first(t, r)
	if _, _, err := e.keys.Begin(t.Context(), r); !errors.Is(err, idempotency.ErrRunning) {
		t.Errorf("while it is running: %v", err)
	}
	must(t, claim.Complete(t.Context(),
		idempotency.Response{Status: 202, Header: http.Header{"X": {"y"}, "Set-Cookie": {"a=b"}}, Body: []byte("ok")}))
	_, got, err := e.keys.Begin(t.Context(), r)
	must(t, err)
	want := &idempotency.Response{Status: 202, Header: http.Header{"X": {"y"}}, Body: []byte("ok")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(*idempotency.Request){
		"another body":       func(r *idempotency.Request) { r.Body = []byte("[]") },
		"another media type": func(r *idempotency.Request) { r.Media = "text/plain" },
	} {
		other := request()
		change(&other)
		if _, _, err := e.keys.Begin(t.Context(), other); !errors.Is(err, idempotency.ErrReused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*idempotency.Request){
		"key": func(r *idempotency.Request) { r.Key = "l" }, "caller": func(r *idempotency.Request) { r.Caller = "d" },
		"site":   func(r *idempotency.Request) { r.Site = "t" },
		"method": func(r *idempotency.Request) { r.Method = "PUT" },
		"path":   func(r *idempotency.Request) { r.Path = "/q" },
	} {
		other := request()
		change(&other)
		if e.keys.ID(other) == e.keys.ID(r) {
			t.Errorf("another %s has the same ID", name)
		}
		e.first(t, other)
	}
	e.now = e.now.Add(24 * time.Hour)
	e.first(t, r)
}

func TestWhatWasNotCarriedOutReleasesTheKey(t *testing.T) {
	for name, end := range map[string]func(*idempotency.Claim) error{
		"released": func(c *idempotency.Claim) error { return c.Release(t.Context()) },
		"too many requests": func(c *idempotency.Claim) error {
			return c.Complete(t.Context(), idempotency.Response{Status: 429})
		},
		"broken": func(c *idempotency.Claim) error {
			return c.Complete(t.Context(), idempotency.Response{Status: 500})
		},
		"too large to store": func(c *idempotency.Claim) error {
			return c.Complete(t.Context(), idempotency.Response{Status: 200, Body: make([]byte, 1<<20)})
		},
		"its process has died": func(*idempotency.Claim) error { return nil },
	} {
		e := newEnv(t)
		must(t, end(e.first(t, request())))
		if name == "its process has died" {
			e.now = e.now.Add(time.Minute)
		}
		other := request()
		other.Body = []byte("another")
		e.first(t, other)
	}
}

func TestOfAPersonalResponseOnlyTheStatusIsStored(t *testing.T) {
	e := newEnv(t)
	must(t, e.first(t, request()).Complete(t.Context(),
		idempotency.Response{Status: 200, Header: http.Header{}, Body: []byte("ada"), Personal: true}))
	_, got, err := e.keys.Begin(t.Context(), request())
	must(t, err)
	if diff := cmp.Diff(&idempotency.Response{Status: 200, Personal: true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyIsAStringOrOneWord(t *testing.T) {
	for text, want := range map[string]string{
		`"a"`: "a", "a": "a", `"a\"b\\"`: `a"b\`, ` "a b" `: "a b",
		"8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
		strings.Repeat("a", 255):               strings.Repeat("a", 255),
	} {
		if got, err := idempotency.ParseKey([]string{text}); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", `""`, `"`, `"a`, `a"`, `"a"b`, "a b", "a,b", `"a\b"`, `"a\`, "é", "\"\t\"",
		strings.Repeat("a", 256), "(a)"} {
		if got, err := idempotency.ParseKey([]string{text}); !errors.Is(err, idempotency.ErrKey) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if got, err := idempotency.ParseKey(nil); got != "" || err != nil {
		t.Errorf("none: %q, %v", got, err)
	}
	if _, err := idempotency.ParseKey([]string{"a", "a"}); !errors.Is(err, idempotency.ErrKey) {
		t.Errorf("two: %v", err)
	}
}
