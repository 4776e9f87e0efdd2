package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/inbox"
	"github.com/optin/optin/internal/webhook"
)

func TestOneConsentFromSignupToWithdrawal(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		a := e.start()
		a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
		if got := a.Lookup("ada@example.org"); got.State != "" {
			t.Fatalf("before anything: %+v", got)
		}
		if code := a.SignUp("ada@example.org"); code != http.StatusAccepted {
			t.Fatalf("signup returns %d", code)
		}
		link := confirmLink(a.Email("ada@example.org"))
		if a.status(path(link)) != http.StatusOK || a.Lookup("ada@example.org").State != "pending" {
			t.Fatal("opening the link changed something")
		}
		for range 2 {
			if code, state := a.Confirm(link); code != http.StatusOK || state != "confirmed" {
				t.Fatalf("confirming returns %d %q", code, state)
			}
		}
		got := a.Lookup("ada@example.org")
		if got.State != "confirmed" || got.Purposes[0].Text != "Receive the monthly letter" {
			t.Fatalf("after confirming: %+v", got)
		}
		if code := a.Withdraw(got.UnsubscribeURL); code != http.StatusOK ||
			a.Lookup("ada@example.org").State != "withdrawn" {
			t.Fatalf("withdrawing returns %d", code)
		}
		if code, _ := a.Confirm(link); code != http.StatusConflict || a.Lookup("ada@example.org").State != "withdrawn" {
			t.Fatalf("pressing what was taken back returns %d", code)
		}
	})
}

func TestTheWebsiteGetsEachEventOnceAndVerifies(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		requests := make(chan *http.Request, 10)
		bodies := make(chan []byte, 10)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			bodies <- b
			requests <- r
		}))
		defer hook.Close()
		e.siteYAML = "    webhooks: [{url: \"" + hook.URL + "\", secret: " + hookSecret + ", private: true}]\n"
		a := e.start()
		a.SignUp("ada@example.org")
		link := confirmLink(a.Email("ada@example.org"))
		a.Confirm(link)
		a.Confirm(link)
		body, r := <-bodies, <-requests
		if err := webhook.Verify(hookKey(), r.Header, body, time.Now()); err != nil {
			t.Fatal(err)
		}
		var event struct {
			Type string
			Data struct{ Email, State string }
		}
		if err := json.Unmarshal(body, &event); err != nil || event.Type != "subscription.confirmed" ||
			event.Data.Email != "ada@example.org" || event.Data.State != "confirmed" {
			t.Fatalf("the event is %s, %v", body, err)
		}
		a.Withdraw(a.Lookup("ada@example.org").UnsubscribeURL)
		if body := <-bodies; !strings.Contains(string(body), "subscription.withdrawn") {
			t.Fatalf("the event is %s", body)
		}
		if len(bodies) > 0 {
			t.Errorf("one more event: %s", <-bodies)
		}
	})
}

func TestAnUnreachableRelayDelaysEmailsAndLosesNone(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.relayAddr = childtest.FreeAddr(t)
	log := &childtest.Buffer{}
	a := e.startLogging(log)
	if code := a.SignUp("ada@example.org"); code != http.StatusAccepted {
		t.Fatalf("signup returns %d", code)
	}
	if a.Lookup("ada@example.org").State != "pending" {
		t.Fatal("not stored")
	}
	a.eventually("an attempt that fails", func() bool { return strings.Contains(log.String(), "connection refused") })
	mail, err := inbox.Open(e.relayAddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mail.Close() })
	a.mail = mail
	if code, state := a.Confirm(confirmLink(a.Email("ada@example.org"))); code != http.StatusOK ||
		state != "confirmed" {
		t.Errorf("the link returns %d %q", code, state)
	}
	if n := len(mail.Messages()); n != 1 {
		t.Errorf("%d emails arrived", n)
	}
}

func TestAnUnreachableStoreIsA503UntilItIsBack(t *testing.T) {
	t.Parallel()
	r := redisServer(t)
	e := newEnv(t, r.url())
	a := e.start()
	if code := a.SignUp("ada@example.org"); code != http.StatusAccepted {
		t.Fatalf("signup returns %d", code)
	}
	link := confirmLink(a.Email("ada@example.org"))
	r.kill()
	for _, call := range []func() (*http.Response, error){
		func() (*http.Response, error) {
			return http.Post(a.base+"/v1/sites/gazette/subscriptions", "application/json",
				strings.NewReader(`{"email":"bob@example.org","consent":true}`))
		},
		func() (*http.Response, error) { return http.Post(a.base+path(link), "", nil) },
	} {
		begun := time.Now()
		resp, err := call()
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" ||
			time.Since(begun) > 3*time.Second {
			t.Errorf("%s returns %s, Retry-After %q, after %v", resp.Request.URL.Path[:4], resp.Status,
				resp.Header.Get("Retry-After"), time.Since(begun))
		}
	}
	a.eventually("unready", func() bool { return a.status("/readyz") == http.StatusServiceUnavailable })
	if a.status("/healthz") != http.StatusOK {
		t.Error("/healthz fails")
	}
	r.start()
	a.eventually("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
	if code, state := a.Confirm(link); code != http.StatusOK || state != "confirmed" {
		t.Errorf("the link, afterwards: %d %q", code, state)
	}
}

func TestAnUnsafeRedisIsNotReadyAndSaysHowToFixIt(t *testing.T) {
	t.Parallel()
	r := redisServer(t)
	a := newEnv(t, r.url()).start()
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	for setting, unsafe := range map[string][2]string{
		"appendfsync": {"everysec", "always"}, "maxmemory-policy": {"allkeys-lru", "noeviction"},
		"appendonly": {"no", "yes"},
	} {
		r.ask("CONFIG SET " + setting + " " + unsafe[0])
		var body string
		a.eventually("unready for "+setting, func() bool {
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
		a.eventually("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
	}
}
