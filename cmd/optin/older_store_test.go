package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A Redis that was started on older data while optin was stopped is noticed by the process that comes next: neither
// that nor a command takes it for all there was. Once somebody says that it is meant, all go on.
func TestOlderDataIsNoticedByAProcessThatStartsAfter(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	e := newEnv(t, server.url())
	e.redis = server
	p, a := e.spawn(e.listen)
	confirm := func(email string) {
		a.SignUp(email)
		a.Confirm(confirmLink(a.Email(email)))
	}
	confirm("ada@reader.example")
	leave := a.Lookup("ada@reader.example").UnsubscribeURL
	putBack := e.copyStore()
	confirm("grace@reader.example")
	p.stop()
	putBack()

	p = e.launch(e.listen)
	a.eventually("it answers", func() bool { return a.status("/healthz") == http.StatusOK })
	a.refusesWithin(2*time.Second, "the data of the server is as it was on")
	for _, email := range []string{"ada@reader.example", "grace@reader.example"} {
		resp := a.call("POST", "/lookup", `{"email":"`+email+`"}`, nil)
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a lookup of %s: %v", email, resp.Status)
		}
	}
	if code := a.Withdraw(leave); code != http.StatusServiceUnavailable {
		t.Errorf("a withdrawal that the newest data would not have: %d", code)
	}
	for _, args := range [][]string{{"check", "-dns=false"}, {"show", "ada@reader.example"}} {
		said := command(t, append(args, "-config", e.configPath)...)
		if code := said.wait(); code != exitFailed ||
			!strings.Contains(said.stdout.String()+said.stderr.String(), "accept-empty") {
			t.Errorf("optin %s: %d %s%s", args[0], code, said.stdout, said.stderr)
		}
	}

	if out, _ := e.optin(exitOK, "store", "accept-empty"); !strings.Contains(out, "accepted as it is") {
		t.Errorf("accepting it says %q", out)
	}
	for range 2 { // the process that runs, and one that starts
		a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
		if state := a.Lookup("ada@reader.example").State; state != "confirmed" {
			t.Errorf("who is in the older data is %s", state)
		}
		p.stop()
		p, a = e.spawn(e.listen)
	}
}
