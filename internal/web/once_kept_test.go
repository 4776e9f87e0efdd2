package web

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

func TestACellNamesNobodyAndSaysNothing(t *testing.T) {
	seen := &spy{}
	w := newEnv(t, func(o *Options) { seen.Store = o.Store; o.Store = seen })
	w.signOnce("ada@secret.example", `{"email":"ada@secret.example","consent":true}`)
	for _, secret := range []string{"secret.example", "accepted", "gazette", "202"} {
		if strings.Contains(seen.all, secret) {
			t.Errorf("the store was given %q", secret)
		}
	}
	if seen.all == "" {
		t.Error("nothing was kept")
	}
}

// spy is a real store that remembers what its cells were given.
type spy struct {
	Store
	all   string
	cells [][2]string // name and value
}

// kept are the plain texts of all that cells were given.
func (s *spy) kept(w *env) (all []string) {
	w.Helper()
	for _, c := range s.cells {
		plain, err := w.web.Options.Keyring.Open(c[0], []byte(c[1]))
		must(w, err)
		var k struct{ Body []byte }
		must(w, json.Unmarshal(plain, &k))
		all = append(all, string(plain)+string(k.Body))
	}
	return all
}

func (s *spy) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	s.all += name + string(value)
	s.cells = append(s.cells, [2]string{name, string(value)})
	return s.Store.SetNX(ctx, name, value, d)
}

func (s *spy) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	s.all += name + string(value)
	s.cells = append(s.cells, [2]string{name, string(value)})
	return s.Store.CompareAndSwap(ctx, name, old, value, d)
}

func TestWhatAKeyKeepsDoesNotOutliveAnErasure(t *testing.T) {
	seen := &spy{}
	w := newEnv(t, func(o *Options) { seen.Store = o.Store; o.Store = seen })
	w.signUp("ada@b.example")
	link := w.path(w.email().Confirm)
	one := w.subscriptionPath("ada@b.example")
	do := func(path, body string) answer {
		return w.send("POST", path, body, asSite(writeKey, "Idempotency-Key", "k", "Content-Type", request.MediaJSON)...)
	}
	w.clock.pass(11 * time.Minute)
	resent := do(one+"/resend", "")
	w.send("POST", link, "")
	var before, after consent.Status
	do(one+"/withdraw", `{"purposes":["letter"]}`).read(t, 200, &before)
	w.clock.pass(time.Minute)
	w.signUp("ada@b.example")
	again := do(one+"/withdraw", `{"purposes":["letter"]}`)
	again.read(t, 200, &after)
	if before.State != consent.Withdrawn || after.State != consent.Pending || again.header.Get("Idempotency-Replayed") != "true" || w.state("ada@b.example") != consent.Pending {
		t.Errorf("before %s, again %s, %v", before.State, after.State, again.header)
	}
	if a := do(one+"/withdraw", `{}`); a.status != 422 {
		t.Errorf("another body: %d %s", a.status, a.body)
	}
	for _, k := range seen.kept(w) {
		if strings.Contains(k, "b.example") || strings.Contains(k, "Receive letter") || strings.Contains(k, "/u/") {
			t.Errorf("a cell holds %s", k)
		}
	}
	w.send("DELETE", one, "", asSite(writeKey)...)
	w.clock.pass(time.Minute)
	gone := do(one+"/withdraw", `{"purposes":["letter"]}`)
	if code, _ := gone.problem(t); gone.status != 404 || code != "subscription_unknown" {
		t.Errorf("after the erasure: %d %s", gone.status, gone.body)
	}
	if a := do(one+"/resend", ""); a.body != resent.body || strings.Contains(a.body, "b.example") {
		t.Errorf("resend after the erasure: %d %s", a.status, a.body)
	}
}

func TestWhatWasRefusedIsReplayedAsItWas(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	one := w.subscriptionPath("ada@b.example")
	do := func(body string) answer {
		return w.send("POST", one+"/withdraw", body, asSite(writeKey, "Idempotency-Key", "k", "Content-Type", request.MediaJSON)...)
	}
	first, again := do(`{"purposes":["weather"]}`), do(`{"purposes":["weather"]}`)
	if code, _ := again.problem(t); first.status != 422 || again.body != first.body || code != "purpose_unknown" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s", again.status, again.body)
	}
}

func TestALookupKeepsNothingForAKey(t *testing.T) {
	seen := &spy{}
	w := newEnv(t, func(o *Options) { seen.Store = o.Store; o.Store = seen })
	look := func(key string) answer {
		return w.send("POST", "/v1/sites/gazette/lookup", `{"email":"ada@b.example"}`, asSite(readKey, "Idempotency-Key", key, "Content-Type", request.MediaJSON)...)
	}
	if a := look("k"); a.status != 404 {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	w.signUp("ada@b.example")
	for _, key := range []string{"k", "", `"not a key`} {
		if a := look(key); a.status != 200 || a.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%q: %d %s", key, a.status, a.body)
		}
	}
	if seen.all != "" {
		t.Error("something was kept")
	}
}
