package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/idempotency"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

const ada = `{"email":"ada@b.example","consent":true}`

// signOnce sends a signup with an Idempotency-Key.
func (e *env) signOnce(key, body string, more ...string) answer {
	e.Helper()
	return e.send("POST", signupPath, body, append(more, "Content-Type", request.MediaJSON, "Idempotency-Key", key)...)
}

func TestTheSameKeyIsOneSignupAndOneAnswer(t *testing.T) {
	e := newEnv(t)
	first := e.signOnce(`"k1"`, ada)
	e.email()
	e.clock.pass(time.Hour) // the limits would allow another email
	again := e.signOnce(`"k1"`, ada)
	bare := e.signOnce(`k1`, ada)
	for name, a := range map[string]answer{"again": again, "without quotes": bare} {
		if a.status != 202 || a.body != first.body ||
			a.header.Get("Content-Type") != first.header.Get("Content-Type") ||
			a.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %d %s %v", name, a.status, a.body, a.header)
		}
	}
	if first.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first response says it is a repetition")
	}
	for name, a := range map[string]answer{
		"another body":     e.signOnce(`"k1"`, `{"email":"eve@b.example","consent":true}`),
		"another spelling": e.signOnce(`"k1"`, ada+" "),
		"another media type": e.send("POST", signupPath, "email=ada@b.example&consent=on", "Content-Type",
			request.MediaForm, "Idempotency-Key", "k1"),
	} {
		if code, _ := a.problem(t); a.status != 422 || code != "idempotency_key_reused" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	e.clock.pass(22 * time.Hour)
	if a := e.signOnce("k1", ada); a.header.Get("Idempotency-Replayed") == "" || len(e.emails()) > 0 {
		t.Errorf("after 23 hours: %v", a.header)
	}
	e.clock.pass(time.Hour)
	if a := e.signOnce("k1", `{"email":"eve@b.example","consent":true}`); a.status != 202 ||
		a.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("after 24 hours: %d %v", a.status, a.header)
	}
	e.email()
}

func TestManyAtOnceWithOneKeyAreOneEmail(t *testing.T) {
	e := newEnv(t)
	other := httptest.NewUnstartedServer(nil) // another replica on the same store
	replica, err := newApp(e.web.Options)
	must(t, err)
	other.Config = HTTPServer("", replica.echo)
	other.Start()
	t.Cleanup(other.Close)
	var all sync.WaitGroup
	bodies := make([]string, 200)
	for i := range bodies {
		all.Go(func() {
			url := []string{e.http.URL, other.URL}[i%2]
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
	e.email()
	if n := len(e.subscription().Requests); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// forgetful is a real store that becomes unreachable before a response is stored.
type forgetful struct{ Store }

func (forgetful) CompareAndSwap(context.Context, string, []byte, []byte, time.Duration) error {
	return store.ErrUnavailable
}

func TestASignupWhoseResponseWasNotStoredIsNotMadeTwice(t *testing.T) {
	e := newEnv(t, func(o *Options) { o.Store = forgetful{o.Store} })
	if a := e.signOnce("k", ada); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	e.email()
	if a := e.signOnce("k", ada); a.status != 409 || a.header.Get("Retry-After") != "1" {
		t.Errorf("its cell is still claimed: %d %s", a.status, a.body)
	} else if code, _ := a.problem(t); code != "idempotency_key_running" {
		t.Error(code)
	}
	e.clock.pass(11 * time.Minute) // the cell's time is over, and the limits would allow another email
	if a := e.signOnce("k", ada); a.status != 202 || len(e.emails()) != 0 || len(e.subscription().Requests) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	e.clock.pass(11 * time.Minute)
	if a := e.signOnce("other", ada); a.status != 202 || len(e.emails()) != 1 {
		t.Errorf("with another key: %d %s", a.status, a.body)
	}
}

func TestWhatWasNotDoneIsNotStored(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 1, Per: time.Minute}}
		o.Sites["gazette"] = g
	})
	e.signUp("bob@b.example")
	e.email()
	if a := e.signOnce("k", ada); a.status != 429 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	e.clock.pass(time.Minute)
	if a := e.signOnce("k", ada); a.status != 202 || a.header.Get("Idempotency-Replayed") != "" ||
		e.email().To.String() != "ada@b.example" {
		t.Errorf("after 429: %d %s", a.status, a.body)
	}
	e.clock.pass(time.Minute)
	if a := e.signOnce("k2", `{"email":"nobody","consent":true}`); a.status != 422 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.signOnce("k2", `{"email":"cara@b.example","consent":true}`); a.status != 202 {
		t.Errorf("mended, with the same key: %d %s", a.status, a.body)
	}
}

func TestAPanicReleasesTheKey(t *testing.T) {
	broken := true
	e := newEnv(t, func(o *Options) {
		o.Undeliverable = func(context.Context, string) bool {
			if broken {
				panic("broken on purpose")
			}
			return false
		}
	})
	if a := e.signOnce("k", ada); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
	broken = false
	if a := e.signOnce("k", ada); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAKeyIsItsCallersAndItsCallsOwn(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	first := e.email()
	one := e.subscriptionPath("ada@b.example")
	do := func(path, key string) answer { return e.send("POST", path, "", asSite(key, "Idempotency-Key", "k")...) }
	e.send("POST", e.path(first.Confirm), "")
	for _, path := range []string{one + "/withdraw", one + "/resend"} {
		for _, key := range []string{gazetteKey, writeKey} {
			a := do(path, key)
			b := do(path, key)
			if a.status >= 300 || a.header.Get("Idempotency-Replayed") != "" ||
				b.header.Get("Idempotency-Replayed") != "true" || a.body != b.body || a.status != b.status {
				t.Errorf("%s: %d %s; %d %s", path, a.status, a.body, b.status, b.body)
			}
		}
	}
	lost := do(signupPath+"/AAAAAAAAAAAAAAAAAAAAAA/resend", writeKey)
	if again := do(signupPath+"/AAAAAAAAAAAAAAAAAAAAAA/resend", writeKey); lost.status != 404 || again.status != 404 ||
		again.body != lost.body {
		t.Errorf("%d, then %d", lost.status, again.status)
	}
	if a := do(one+"/resend", readKey); a.status != 403 {
		t.Errorf("a repetition for a key that may not: %d", a.status)
	}
	if e.state("ada@b.example") != consent.Withdrawn {
		t.Error("not withdrawn")
	}
}

func TestKeysThatCannotBeReadAreRefused(t *testing.T) {
	e := newEnv(t)
	for _, key := range []string{"", `""`, `"`, `"a`, `a"`, `"a"b`, `"a";p=1`, "a b", "a,b", `"a\b"`, `"a\`, "é",
		"\"\t\"", strings.Repeat("a", 256), `"` + strings.Repeat("a", 256) + `"`, "(a)"} {
		a := e.signOnce(key, ada)
		if code, _ := a.problem(t); a.status != 400 || code != "idempotency_key_invalid" {
			t.Errorf("%q: %d %s", key, a.status, a.body)
		}
	}
	if a := e.signOnce("a", ada, "Idempotency-Key", "b"); a.status != 400 {
		t.Errorf("two: %d", a.status)
	}
	e.untouched()
	for text, want := range map[string]string{`"a"`: "a", "a": "a", `"a\"b\\"`: `a"b\`, ` "a b" `: "a b",
		"8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324",
		strings.Repeat("a", 255):               strings.Repeat("a", 255)} {
		if got, err := idempotency.ParseKey([]string{text}); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestACellNamesNobodyAndSaysNothing(t *testing.T) {
	seen := &spy{}
	e := newEnv(t, func(o *Options) { seen.Store = o.Store; o.Store = seen })
	e.signOnce("ada@secret.example", `{"email":"ada@secret.example","consent":true}`)
	for _, secret := range []string{"secret.example", "accepted", "gazette", "202"} {
		if strings.Contains(seen.all, secret) {
			t.Errorf("the store was given %q", secret)
		}
	}
	if seen.all == "" {
		t.Error("nothing was stored")
	}
}

// spy is a real store that remembers what its cells were given.
type spy struct {
	Store
	all   string
	cells [][2]string // name and value
}

// stored are the plain texts of all that cells were given.
func (s *spy) stored(e *env) (all []string) {
	e.Helper()
	for _, c := range s.cells {
		plain, err := e.web.Options.Keyring.Open(c[0], []byte(c[1]))
		must(e, err)
		var k struct{ Body []byte }
		must(e, json.Unmarshal(plain, &k))
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

func TestWhatIsStoredForAKeyDoesNotOutliveAnErasure(t *testing.T) {
	seen := &spy{}
	e := newEnv(t, func(o *Options) { seen.Store = o.Store; o.Store = seen })
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	one := e.subscriptionPath("ada@b.example")
	do := func(path, body string) answer {
		return e.send("POST", path, body,
			asSite(writeKey, "Idempotency-Key", "k", "Content-Type", request.MediaJSON)...)
	}
	e.clock.pass(11 * time.Minute)
	resent := do(one+"/resend", "")
	e.send("POST", link, "")
	var before, after consent.Status
	do(one+"/withdraw", `{"purposes":["letter"]}`).read(t, 200, &before)
	e.clock.pass(time.Minute)
	e.signUp("ada@b.example")
	again := do(one+"/withdraw", `{"purposes":["letter"]}`)
	again.read(t, 200, &after)
	if before.State != consent.Withdrawn || after.State != consent.Pending ||
		again.header.Get("Idempotency-Replayed") != "true" || e.state("ada@b.example") != consent.Pending {
		t.Errorf("before %s, again %s, %v", before.State, after.State, again.header)
	}
	if a := do(one+"/withdraw", `{}`); a.status != 422 {
		t.Errorf("another body: %d %s", a.status, a.body)
	}
	for _, k := range seen.stored(e) {
		if strings.Contains(k, "b.example") || strings.Contains(k, "Receive letter") || strings.Contains(k, "/u/") {
			t.Errorf("a cell holds %s", k)
		}
	}
	e.send("DELETE", one, "", asSite(writeKey)...)
	e.clock.pass(time.Minute)
	gone := do(one+"/withdraw", `{"purposes":["letter"]}`)
	if code, _ := gone.problem(t); gone.status != 404 || code != "subscription_unknown" {
		t.Errorf("after the erasure: %d %s", gone.status, gone.body)
	}
	if a := do(one+"/resend", ""); a.body != resent.body || strings.Contains(a.body, "b.example") {
		t.Errorf("resend after the erasure: %d %s", a.status, a.body)
	}
}

func TestARefusalIsRepeatedAsItWas(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	one := e.subscriptionPath("ada@b.example")
	do := func(body string) answer {
		return e.send("POST", one+"/withdraw", body,
			asSite(writeKey, "Idempotency-Key", "k", "Content-Type", request.MediaJSON)...)
	}
	first, again := do(`{"purposes":["weather"]}`), do(`{"purposes":["weather"]}`)
	if code, _ := again.problem(t); first.status != 422 || again.body != first.body || code != "purpose_unknown" ||
		again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s", again.status, again.body)
	}
}

func TestALookupStoresNothingForAKey(t *testing.T) {
	seen := &spy{}
	e := newEnv(t, func(o *Options) { seen.Store = o.Store; o.Store = seen })
	look := func(key string) answer {
		return e.send("POST", "/v1/sites/gazette/lookup", `{"email":"ada@b.example"}`,
			asSite(readKey, "Idempotency-Key", key, "Content-Type", request.MediaJSON)...)
	}
	if a := look("k"); a.status != 404 {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	e.signUp("ada@b.example")
	for _, key := range []string{"k", "", `"not a key`} {
		if a := look(key); a.status != 200 || a.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%q: %d %s", key, a.status, a.body)
		}
	}
	if seen.all != "" {
		t.Error("something was stored")
	}
}

// lossy is a real store that is unreachable for every third response to be stored, as if the process had died just
// before.
type lossy struct {
	Store
	n    atomic.Int64
	lost atomic.Int64
}

func (l *lossy) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if l.n.Add(1)%3 == 1 {
		l.lost.Add(1)
		return store.ErrUnavailable
	}
	return l.Store.CompareAndSwap(ctx, name, old, value, d)
}

// TestNoSignupIsCarriedOutTwiceUnderItsKey sends each key's signup many times at once to two replicas, of which one
// loses answers; and the same again when the keys of lost answers are free and the limits would allow another email.
func TestNoSignupIsCarriedOutTwiceUnderItsKey(t *testing.T) {
	keys, times := 30, 5 // twice
	if os.Getenv("OPTIN_SOAK") == "1" {
		keys = 10_000
	}
	bad := &lossy{}
	e := newEnv(t)
	o := e.web.Options
	bad.Store, o.Store = o.Store, bad
	replica, err := newApp(o)
	must(t, err)
	other := httptest.NewUnstartedServer(nil)
	other.Config = HTTPServer("", replica.echo)
	other.Start()
	t.Cleanup(other.Close)
	var repeated, running atomic.Int64
	send := func(n, nth int) {
		url := []string{e.http.URL, other.URL}[nth%2]
		body := fmt.Sprintf(`{"email":"p%d@b.example","consent":true}`, n)
		req, err := http.NewRequestWithContext(t.Context(), "POST", url+signupPath, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = http.Header{"Content-Type": {request.MediaJSON}, "Idempotency-Key": {fmt.Sprintf("k%d", n)}}
		res, err := e.http.Client().Transport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		_ = res.Body.Close()
		switch {
		case res.StatusCode == http.StatusConflict:
			running.Add(1)
		case res.StatusCode != http.StatusAccepted:
			t.Errorf("key %d: %s", n, res.Status)
		case res.Header.Get("Idempotency-Replayed") != "":
			repeated.Add(1)
		}
	}
	for round, want := range []int{keys, 0} {
		for part := range (keys + 29) / 30 {
			var all sync.WaitGroup
			for n := part * 30; n < min(keys, part*30+30); n++ {
				if n%10 == 0 {
					send(n, 1) // alone, so that the replica surely answers some
				}
				for nth := range times {
					all.Go(func() { send(n, n+nth) })
				}
			}
			all.Wait()
		}
		got := 0
		for more := e.emails(); len(more) > 0; more = e.emails() {
			got += len(more)
		}
		if got != want {
			t.Errorf("round %d: %d emails are due, want %d", round+1, got, want)
		}
		e.clock.pass(11 * time.Minute)
	}
	if repeated.Load() == 0 || running.Load() == 0 || bad.lost.Load() == 0 {
		t.Errorf("%d were repeated, %d refused, %d answers lost, so this proves nothing", repeated.Load(),
			running.Load(), bad.lost.Load())
	}
	t.Logf("of %d requests %d were repeated, %d refused; %d answers were lost", 2*(keys*times+keys/10), repeated.Load(),
		running.Load(), bad.lost.Load())
}
