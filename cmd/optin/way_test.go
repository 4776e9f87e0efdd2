package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/webhook"
)

func TestTheWayOfOneConsent(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		a := w.start()
		a.until("ready", func() bool { return a.status("/readyz") == http.StatusOK })
		if got := a.MayIWrite("ada@example.org"); got.State != "" {
			t.Fatalf("before anything: %+v", got)
		}
		if code := a.SignUp("ada@example.org"); code != http.StatusAccepted {
			t.Fatalf("signup answers %d", code)
		}
		link := confirmLink(a.Letter("ada@example.org"))
		if a.status(path(link)) != http.StatusOK || a.MayIWrite("ada@example.org").State != "pending" {
			t.Fatal("looking is not agreeing")
		}
		for range 2 {
			if code, state := a.Press(link); code != http.StatusOK || state != "confirmed" {
				t.Fatalf("pressing answers %d %q", code, state)
			}
		}
		got := a.MayIWrite("ada@example.org")
		if got.State != "confirmed" || got.Purposes[0].Text != "Receive the monthly letter" {
			t.Fatalf("after the button: %+v", got)
		}
		if code := a.Withdraw(got.UnsubscribeURL); code != http.StatusOK || a.MayIWrite("ada@example.org").State != "withdrawn" {
			t.Fatalf("taking back answers %d", code)
		}
		if code, _ := a.Press(link); code != http.StatusConflict || a.MayIWrite("ada@example.org").State != "withdrawn" {
			t.Fatalf("pressing what was taken back answers %d", code)
		}
	})
}

func TestTheWebsiteIsToldOnceAndVerifiably(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		told := make(chan *http.Request, 10)
		bodies := make(chan []byte, 10)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			bodies <- b
			told <- r
		}))
		defer hook.Close()
		w.more = "    webhooks: [{url: \"" + hook.URL + "\", secret: " + hookSecret + ", private: true}]\n"
		a := w.start()
		a.SignUp("ada@example.org")
		link := confirmLink(a.Letter("ada@example.org"))
		a.Press(link)
		a.Press(link)
		body, r := <-bodies, <-told
		if err := webhook.Verify(hookKey(), r.Header, body, time.Now()); err != nil {
			t.Fatal(err)
		}
		var event struct {
			Type string
			Data struct{ Email, State string }
		}
		if err := json.Unmarshal(body, &event); err != nil || event.Type != "subscription.confirmed" || event.Data.Email != "ada@example.org" || event.Data.State != "confirmed" {
			t.Fatalf("told %s, %v", body, err)
		}
		a.Withdraw(a.MayIWrite("ada@example.org").UnsubscribeURL)
		if body := <-bodies; !strings.Contains(string(body), "subscription.withdrawn") {
			t.Fatalf("told %s", body)
		}
		if len(bodies) > 0 {
			t.Errorf("told once more: %s", <-bodies)
		}
	})
}

func TestARelayThatIsAwayDelaysAndLosesNothing(t *testing.T) {
	w := newWorld(t, "sqlite://"+t.TempDir()+"/optin.db")
	w.smtp = freeAddr(t)
	a := w.start()
	if code := a.SignUp("ada@example.org"); code != http.StatusAccepted {
		t.Fatalf("signup answers %d", code)
	}
	if a.MayIWrite("ada@example.org").State != "pending" {
		t.Fatal("not stored")
	}
}

func TestAStoreThatIsAwayIsAnHonestRefusal(t *testing.T) {
	r := redisServer(t)
	w := newWorld(t, r.url())
	a := w.start()
	if code := a.SignUp("ada@example.org"); code != http.StatusAccepted {
		t.Fatalf("signup answers %d", code)
	}
	link := confirmLink(a.Letter("ada@example.org"))
	r.kill()
	for _, call := range []func() (*http.Response, error){
		func() (*http.Response, error) {
			return http.Post(a.base+"/v1/sites/gazette/subscriptions", "application/json", strings.NewReader(`{"email":"bob@example.org","consent":true}`))
		},
		func() (*http.Response, error) { return http.Post(a.base+path(link), "", nil) },
	} {
		begun := time.Now()
		resp, err := call()
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || time.Since(begun) > 3*time.Second {
			t.Errorf("%s answers %s, Retry-After %q, after %v", resp.Request.URL.Path[:4], resp.Status, resp.Header.Get("Retry-After"), time.Since(begun))
		}
	}
	a.until("unready", func() bool { return a.status("/readyz") == http.StatusServiceUnavailable })
	if a.status("/healthz") != http.StatusOK {
		t.Error("the process says it is dead")
	}
	r.start()
	a.until("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
	if code, state := a.Press(link); code != http.StatusOK || state != "confirmed" {
		t.Errorf("the link, afterwards: %d %q", code, state)
	}
}

func TestAnUnsafeRedisIsNotReadyAndSaysHowToMendIt(t *testing.T) {
	r := redisServer(t)
	a := newWorld(t, r.url()).start()
	a.until("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	for setting, unsafe := range map[string][2]string{
		"appendfsync": {"everysec", "always"}, "maxmemory-policy": {"allkeys-lru", "noeviction"}, "appendonly": {"no", "yes"},
	} {
		r.ask("CONFIG SET " + setting + " " + unsafe[0])
		var body string
		a.until("unready for "+setting, func() bool {
			resp, err := http.Get(a.base + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			body = string(b)
			return resp.StatusCode == http.StatusServiceUnavailable
		})
		if !strings.Contains(body, setting) || !strings.Contains(body, "CONFIG SET") {
			t.Errorf("%s %s: %s", setting, unsafe[0], body)
		}
		r.ask("CONFIG SET " + setting + " " + unsafe[1])
		a.until("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
	}
}
