package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/idempotency"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

const ada = `{"email":"ada@b.example","consent":true}`

// signOnce sends a signup with an Idempotency-Key.
func (w *env) signOnce(key, body string, more ...string) answer {
	w.Helper()
	return w.send("POST", signupPath, body, append(more, "Content-Type", request.MediaJSON, "Idempotency-Key", key)...)
}

func TestTheSameKeyIsOneSignupAndOneAnswer(t *testing.T) {
	w := newEnv(t)
	first := w.signOnce(`"k1"`, ada)
	w.email()
	w.clock.pass(time.Hour) // the limits would allow another letter
	again := w.signOnce(`"k1"`, ada)
	bare := w.signOnce(`k1`, ada)
	for name, a := range map[string]answer{"again": again, "without quotes": bare} {
		if a.status != 202 || a.body != first.body || a.header.Get("Content-Type") != first.header.Get("Content-Type") || a.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %d %s %v", name, a.status, a.body, a.header)
		}
	}
	if first.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first answer says it is a replay")
	}
	for name, a := range map[string]answer{
		"another body":       w.signOnce(`"k1"`, `{"email":"eve@b.example","consent":true}`),
		"another spelling":   w.signOnce(`"k1"`, ada+" "),
		"another media type": w.send("POST", signupPath, "email=ada@b.example&consent=on", "Content-Type", request.MediaForm, "Idempotency-Key", "k1"),
	} {
		if code, _ := a.problem(t); a.status != 422 || code != "idempotency_key_reused" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.clock.pass(22 * time.Hour)
	if a := w.signOnce("k1", ada); a.header.Get("Idempotency-Replayed") == "" || len(w.emails()) > 0 {
		t.Errorf("after 23 hours: %v", a.header)
	}
	w.clock.pass(time.Hour)
	if a := w.signOnce("k1", `{"email":"eve@b.example","consent":true}`); a.status != 202 || a.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("after 24 hours: %d %v", a.status, a.header)
	}
	w.email()
}

func TestManyAtOnceWithOneKeyAreOneLetter(t *testing.T) {
	w := newEnv(t)
	other := httptest.NewUnstartedServer(nil) // another replica on the same store
	replica, err := newApp(w.web.Options)
	must(t, err)
	other.Config = HTTPServer("", replica.echo)
	other.Start()
	t.Cleanup(other.Close)
	var all sync.WaitGroup
	bodies := make([]string, 200)
	for i := range bodies {
		all.Go(func() {
			url := []string{w.http.URL, other.URL}[i%2]
			for deadline := time.Now().Add(20 * time.Second); bodies[i] == "" && time.Now().Before(deadline); {
				req, err := http.NewRequestWithContext(t.Context(), "POST", url+signupPath, strings.NewReader(ada))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", request.MediaJSON)
				req.Header.Set("Idempotency-Key", `"one"`)
				rec, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(rec.Body)
				if _ = rec.Body.Close(); err != nil {
					t.Error(err)
				}
				if rec.StatusCode != 409 {
					bodies[i] = string(b)
				} else if rec.Header.Get("Retry-After") != "1" {
					t.Error("409 without Retry-After")
				}
			}
		})
	}
	all.Wait()
	for i, b := range bodies {
		if b != "{\"status\":\"accepted\"}\n" {
			t.Errorf("%d: %s", i, b)
		}
	}
	w.email()
	if n := len(w.subscription().Requests); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// forgetful is a real store that goes away before an answer is kept.
type forgetful struct{ Store }

func (forgetful) CompareAndSwap(context.Context, string, []byte, []byte, time.Duration) error {
	return store.ErrUnavailable
}

func TestASignupWhoseAnswerWasNotKeptIsNotMadeTwice(t *testing.T) {
	w := newEnv(t, func(o *Options) { o.Store = forgetful{o.Store} })
	if a := w.signOnce("k", ada); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.email()
	if a := w.signOnce("k", ada); a.status != 409 || a.header.Get("Retry-After") != "1" {
		t.Errorf("its cell is still held: %d %s", a.status, a.body)
	} else if code, _ := a.problem(t); code != "idempotency_key_running" {
		t.Error(code)
	}
	w.clock.pass(11 * time.Minute) // the cell's time is over, and the limits would allow another letter
	if a := w.signOnce("k", ada); a.status != 202 || len(w.emails()) != 0 || len(w.subscription().Requests) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.clock.pass(11 * time.Minute)
	if a := w.signOnce("other", ada); a.status != 202 || len(w.emails()) != 1 {
		t.Errorf("with another key: %d %s", a.status, a.body)
	}
}

func TestWhatWasNotDoneIsNotKept(t *testing.T) {
	w := newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 1, Per: time.Minute}}
		o.Sites["gazette"] = g
	})
	w.signUp("bob@b.example")
	w.email()
	if a := w.signOnce("k", ada); a.status != 429 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.clock.pass(time.Minute)
	if a := w.signOnce("k", ada); a.status != 202 || a.header.Get("Idempotency-Replayed") != "" || w.email().To.String() != "ada@b.example" {
		t.Errorf("after 429: %d %s", a.status, a.body)
	}
	w.clock.pass(time.Minute)
	if a := w.signOnce("k2", `{"email":"nobody","consent":true}`); a.status != 422 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.signOnce("k2", `{"email":"cara@b.example","consent":true}`); a.status != 202 {
		t.Errorf("mended, with the same key: %d %s", a.status, a.body)
	}
}

func TestAPanicGivesTheKeyFree(t *testing.T) {
	broken := true
	w := newEnv(t, func(o *Options) {
		o.Undeliverable = func(context.Context, string) bool {
			if broken {
				panic("broken on purpose")
			}
			return false
		}
	})
	if a := w.signOnce("k", ada); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
	broken = false
	if a := w.signOnce("k", ada); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAKeyIsItsCallersAndItsCallsOwn(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	first := w.email()
	one := w.subscriptionPath("ada@b.example")
	do := func(path, key string) answer { return w.send("POST", path, "", asSite(key, "Idempotency-Key", "k")...) }
	w.send("POST", w.path(first.Confirm), "")
	for _, path := range []string{one + "/withdraw", one + "/resend"} {
		for _, key := range []string{gazetteKey, writeKey} {
			a := do(path, key)
			b := do(path, key)
			if a.status >= 300 || a.header.Get("Idempotency-Replayed") != "" || b.header.Get("Idempotency-Replayed") != "true" || a.body != b.body || a.status != b.status {
				t.Errorf("%s: %d %s; %d %s", path, a.status, a.body, b.status, b.body)
			}
		}
	}
	lost := do(signupPath+"/AAAAAAAAAAAAAAAAAAAAAA/resend", writeKey)
	if again := do(signupPath+"/AAAAAAAAAAAAAAAAAAAAAA/resend", writeKey); lost.status != 404 || again.status != 404 || again.body != lost.body {
		t.Errorf("%d, then %d", lost.status, again.status)
	}
	if a := do(one+"/resend", readKey); a.status != 403 {
		t.Errorf("a replay for a key that may not: %d", a.status)
	}
	if w.state("ada@b.example") != consent.Withdrawn {
		t.Error("not withdrawn")
	}
}

func TestKeysThatCannotBeReadAreRefused(t *testing.T) {
	w := newEnv(t)
	for _, key := range []string{"", `""`, `"`, `"a`, `a"`, `"a"b`, `"a";p=1`, "a b", "a,b", `"a\b"`, `"a\`, "é", "\"\t\"", strings.Repeat("a", 256), `"` + strings.Repeat("a", 256) + `"`, "(a)"} {
		a := w.signOnce(key, ada)
		if code, _ := a.problem(t); a.status != 400 || code != "idempotency_key_invalid" {
			t.Errorf("%q: %d %s", key, a.status, a.body)
		}
	}
	if a := w.signOnce("a", ada, "Idempotency-Key", "b"); a.status != 400 {
		t.Errorf("two: %d", a.status)
	}
	w.untouched()
	for text, want := range map[string]string{`"a"`: "a", "a": "a", `"a\"b\\"`: `a"b\`, ` "a b" `: "a b", "8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324", strings.Repeat("a", 255): strings.Repeat("a", 255)} {
		if got, err := idempotency.ParseKey([]string{text}); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
