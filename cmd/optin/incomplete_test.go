package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// evictFillers lets a server evict keys until some of them were, which are no keys of optin's, and puts its settings
// right again.
func (r *redisChild) evictFillers() {
	r.t.Helper()
	for range 200 {
		r.ask("EVAL \"for i = 1, 20 do redis.call('SET', 'filler-' .. i, string.rep('x', 100000), 'EX', 1000) end\" 0")
		for _, command := range []string{
			"CONFIG SET maxmemory 2500000", "CONFIG SET maxmemory-policy volatile-ttl", "SET filler x EX 1000",
			"CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 0",
		} {
			r.ask(command)
		}
		if !strings.Contains(r.ask("INFO stats"), "evicted_keys:0\r\n") {
			return
		}
	}
	r.t.Fatal("nothing was evicted")
}

// What a server has thrown away may have been anybody: who is not found may be known, a list may lack people. But who
// is found may take back what they agreed to, and see that they did.
func TestAStoreThatMayLackPeopleSaysOfNobodyThatTheyAreUnknown(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	e := newEnv(t, server.url())
	e.siteYAML = newEndpoint(t).yaml()
	a := e.start()
	var links []string
	for _, email := range []string{"ada@reader.example", "grace@reader.example", "gone@reader.example"} {
		a.SignUp(email)
		a.Confirm(confirmLink(a.Email(email)))
		links = append(links, a.Lookup(email).UnsubscribeURL)
	}
	a.SignUp("alan@reader.example")
	link := confirmLink(a.Email("alan@reader.example"))
	gone, kept := a.idOf("gone@reader.example"), a.idOf("grace@reader.example")
	if resp := a.call("DELETE", "/subscriptions/"+gone, "", nil); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	server.evictFillers()
	a.refusesWithin(2*time.Second, "evicted_keys is ")
	refused := func(method, path, body string) func() bool {
		return func() bool { return a.call(method, path, body, nil).StatusCode == http.StatusServiceUnavailable }
	}
	fails := func(args ...string) func() bool {
		return func() bool {
			args := append(args, "-config", e.configPath)
			return run(t.Context(), args, lookup(nil), io.Discard, io.Discard) == exitFailed
		}
	}
	e.must(os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600))
	reads := map[string]func() bool{
		"a lookup":             refused("POST", "/lookup", `{"email":"nobody@reader.example"}`),
		"a list":               refused("GET", "/subscriptions", ""),
		"an export":            refused("GET", "/export?format=ndjson", ""),
		"statistics":           refused("GET", "/stats", ""),
		"failed events":        refused("GET", "/webhooks/failed", ""),
		"a person who is gone": refused("GET", "/subscriptions/"+gone, ""),
		"a text": func() bool {
			return a.status("/texts/"+strings.Repeat("a", 64)) == http.StatusServiceUnavailable
		},
		"a link":        func() bool { return a.status(path(links[2])) == http.StatusServiceUnavailable },
		"optin show":    fails("show", "nobody@reader.example"),
		"optin export":  fails("export", "-o", filepath.Join(t.TempDir(), "out")),
		"optin pending": fails("pending"),
		"optin stats":   fails("stats"),
		"optin failed":  fails("failed"),
	}
	asked := func(when string, want bool) {
		t.Helper()
		for what, is := range reads {
			if got := is(); got != want {
				t.Errorf("%s: %s is refused: %t", when, what, got)
			}
		}
	}
	asked("incomplete", true)
	if code := a.status(path(links[0])); code != http.StatusOK {
		t.Errorf("the page of somebody who is there: %d", code)
	}
	a.takesBack(links[0], kept, link)
	if code := a.Withdraw(links[2]); code != http.StatusServiceUnavailable {
		t.Errorf("a withdrawal of somebody who may have been lost: %d", code)
	}
	if body := a.dashboard("/admin"); !strings.Contains(body, "evicted_keys") {
		t.Errorf("the dashboard does not say what is wrong:\n%s", body)
	}

	server.ask("CONFIG RESETSTAT")
	a.eventually("ready again", func() bool { return a.status("/readyz") == http.StatusOK })
	asked("whole", false)
	a.statesAre(map[string]string{
		"ada@reader.example": "withdrawn", "grace@reader.example": "withdrawn", "alan@reader.example": "declined",
	})
}

// What a full store has is there, and is said.
func TestAFullStoreIsReadAsBefore(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	a := newEnv(t, server.url()).start()
	a.SignUp("ada@reader.example")
	link := confirmLink(a.Email("ada@reader.example"))
	server.ask("CONFIG SET maxmemory 1mb")
	a.refusesWithin(2*time.Second, "OOM command not allowed")
	if state := a.Lookup("ada@reader.example").State; state != "pending" {
		t.Errorf("somebody who signed up is %s", state)
	}
	unknown := a.call("POST", "/lookup", `{"email":"nobody@reader.example"}`, nil)
	if unknown.StatusCode != http.StatusNotFound {
		t.Errorf("somebody who did not: %v", unknown.Status)
	}
	if resp := a.call("GET", "/stats", "", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("statistics: %v", resp.Status)
	}
	if code := a.status(path(link)); code != http.StatusOK {
		t.Errorf("the page of a link: %d", code)
	}
}
