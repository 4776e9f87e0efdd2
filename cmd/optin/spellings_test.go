package main

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// redisCluster starts three servers that share the slots, and returns the address of the store.
func redisCluster(t *testing.T) string {
	t.Helper()
	childtest.Need(t, "redis-cli")
	var addrs []string
	for range 3 {
		r := redisServer(t, "--cluster-enabled", "yes", "--cluster-port", childtest.FreePort(t))
		addrs = append(addrs, r.addr)
	}
	create := append([]string{"--cluster", "create", "--cluster-replicas", "0", "--cluster-yes"}, addrs...)
	if out, err := exec.Command("redis-cli", create...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// onEachStoreAndCluster is onEachStore, and a Redis Cluster.
func onEachStoreAndCluster(t *testing.T, f func(t *testing.T, e *env)) {
	onEachStore(t, f)
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		f(t, newEnv(t, redisCluster(t)))
	})
}

func TestNotMeHoldsForTheMailboxInEverySpelling(t *testing.T) {
	onEachStoreAndCluster(t, func(t *testing.T, e *env) {
		e.perAddress, e.topYAML = "1000/1m", "limits: {emails_per_address: 1000/1h}\n"
		a := e.start()
		a.eventually("it is ready", func() bool { return a.status("/readyz") == http.StatusOK })
		spellings := []string{"grace@example.org", "Grace@example.org", "grace+a@example.org", "GRACE+b@example.org"}
		a.SignUp("grace+a@example.org")
		link := confirmLink(a.Email("grace+a@example.org"))
		if status, _ := a.Confirm(link + "/decline"); status != http.StatusOK {
			t.Fatalf("declining is answered %d", status)
		}
		sent := len(e.mail.Messages())
		for _, s := range spellings {
			if status := a.SignUp(s); status != http.StatusAccepted {
				t.Errorf("%s is answered %d", s, status)
			}
		}
		a.SignUp("someone@example.org")
		a.Email("someone@example.org")
		for _, s := range spellings {
			a.eventually(s+" is declined", func() bool { return a.Lookup(s).State == "declined" })
		}
		if n := len(e.mail.Messages()); n != sent+1 {
			t.Errorf("%d emails went to a mailbox that declined", n-sent-1)
		}
		if status, _ := a.Confirm(link + "/unblock"); status != http.StatusOK {
			t.Fatalf("lifting it is answered %d", status)
		}
		for _, s := range spellings {
			before := e.emailsTo(s)
			a.SignUp(s)
			a.eventually("an email comes to "+s, func() bool { return e.emailsTo(s) == before+1 })
		}
	})
}
