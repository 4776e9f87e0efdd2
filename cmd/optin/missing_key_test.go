package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/readiness"
)

// Somebody deletes the index of those who are confirmed: an export would have nobody, and say that all is well.
func TestADeletedIndexIsNoEmptyExport(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	e := newEnv(t, server.url())
	a := e.start()
	a.SignUp("ada@reader.example")
	a.Confirm(confirmLink(a.Email("ada@reader.example")))
	time.Sleep(readiness.Every + readiness.Every/2) // what is there is looked at each second
	if reply := server.ask("DEL o{0}igazette/confirmed"); reply != ":1\r\n" {
		t.Fatal(reply)
	}
	a.refusesWithin(2*time.Second, `the key "o{0}igazette/confirmed" is missing`)
	if resp := a.call("GET", "/export?format=ndjson", "", nil); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an export: %v", resp.Status)
	}
	if out, _ := e.optin(exitOK, "store", "accept-empty"); !strings.Contains(out, "what is missing is lost") {
		t.Errorf("accepting it says %q", out)
	}
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
}
