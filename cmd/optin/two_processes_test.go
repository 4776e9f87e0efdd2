package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/store"
)

// unlimited raises the limit of all emails.
const unlimited = "limits: {emails: 100000/1s, emails_per_domain: 100000/1s}\n"

func TestTwoProcessesSendEveryEmailOnce(t *testing.T) {
	t.Parallel()
	const few = 600
	n := size(few, 100_000)
	relay := newSMTPServer(t, nil)
	if n == few { // a process that looks a second later than the other finds something left
		relay.onData = func(bool) { time.Sleep(30 * time.Millisecond) }
	}
	e := newEnv(t, redisServer(t).url())
	e.relayAddr, e.connections, e.topYAML = relay.addr, 8, unlimited
	c := e.core()
	one, _ := e.spawn(e.listen)
	two, _ := e.spawn(childtest.FreeAddr(t))
	begun := time.Now()
	signUpMany(t, c.service, n, addressOf)
	e.eventually(10*time.Minute, "every email", func() bool { _, different := relay.emails(); return different == n })
	took := time.Since(begun)
	e.eventually(time.Minute, "no job is left",
		func() bool { return countOf(t, c.store, consent.CountEmails) == int64(n) })
	if one.stop() != exitOK || two.stop() != exitOK {
		t.Errorf("they do not exit with 0:\n%s\n%s", one.stderr, two.stderr)
	}
	if all, different := relay.emails(); all != n || different != n {
		t.Errorf("%d emails arrived, %d different ones; want %d", all, different, n)
	}
	for name, p := range map[string]*process{"one": one, "two": two} {
		if sent := deliveredBy(p); sent < n/10 {
			t.Errorf("process %s sent %d of %d: it had no part in it", name, sent, n)
		}
	}
	t.Logf("%d emails by two processes of 8 workers in %v: %.0f a second", n, took.Round(time.Millisecond),
		float64(n)/took.Seconds())
}

// A process is suspended while the relay has its email, and resumes after another has sent it: it changes nothing.
func TestAProcessThatResumesAfterItsLeaseChangesNothing(t *testing.T) {
	inHand, release := make(chan struct{}, 1), make(chan struct{})
	relay := newSMTPServer(t, nil)
	relay.onData = func(first bool) {
		if first {
			inHand <- struct{}{}
			<-release
		}
	}
	e := newEnv(t, redisServer(t).url())
	e.relayAddr, e.leaseFor = relay.addr, time.Second
	sleeper, a := e.spawn(e.listen)
	a.SignUp("ada@people.test")
	<-inHand
	e.must(sleeper.cmd.Process.Signal(syscall.SIGSTOP))
	c := e.core()
	other, _ := e.spawn(childtest.FreeAddr(t))
	e.eventually(30*time.Second, "the other's email",
		func() bool { return countOf(t, c.store, consent.CountEmails) == 1 })
	close(release)
	e.must(sleeper.cmd.Process.Signal(syscall.SIGCONT))
	e.eventually(30*time.Second, "the sleeper's outcome",
		func() bool { return bytes.Contains([]byte(sleeper.stderr.String()), []byte(`"outcome":"lost"`)) })
	if all, different := relay.emails(); all != 2 || different != 1 {
		t.Errorf("%d copies of %d emails arrived; want two of one", all, different)
	}
	if n := countOf(t, c.store, consent.CountEmails); n != 1 {
		t.Errorf("the record counts %d emails", n)
	}
	if sleeper.stop() != exitOK || other.stop() != exitOK {
		t.Errorf("they do not exit with 0:\n%s\n%s", sleeper.stderr, other.stderr)
	}
	if all, _ := relay.emails(); all != 2 {
		t.Errorf("afterwards %d copies have come", all)
	}
}

// A process dies while it tells a website of a confirmation. The website knows within ten seconds all the same.
func TestTheEventOfAConfirmationIsThereInTenSecondsThoughAProcessDies(t *testing.T) {
	t.Parallel()
	calls, end := make(chan string, 10), make(chan struct{})
	var all atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls <- r.Header.Get("webhook-id")
		if all.Add(1) == 1 {
			<-end // the first never gets an answer
		}
	}))
	t.Cleanup(hook.Close)
	t.Cleanup(func() { close(end) })
	e := newEnv(t, redisServer(t).url())
	e.siteYAML = "    webhooks: [{url: \"" + hook.URL + "\", secret: " + hookSecret + ", private: true}]\n"
	dying, a := e.spawn(e.listen)
	a.SignUp("ada@people.test")
	a.Confirm(confirmLink(a.Email("ada@people.test")))
	first := <-calls
	e.spawn(childtest.FreeAddr(t))
	<-time.After(3 * time.Second) // so that its lease has been renewed
	dying.kill()
	died := time.Now()
	select {
	case again := <-calls:
		if again != first {
			t.Errorf("the event has the ids %s and %s", first, again)
		}
		t.Logf("after %v", time.Since(died))
	case <-time.After(10 * time.Second):
		t.Error("ten seconds later the website does not know")
	}
}

// deliveredBy counts the emails that a process delivered, by its log.
func deliveredBy(p *process) (n int) {
	for line := range bytes.Lines([]byte(p.stderr.String())) {
		var l struct{ Msg, Outcome string }
		if json.Unmarshal(line, &l) == nil && l.Msg == "email" && l.Outcome == "delivered" {
			n++
		}
	}
	return n
}

// countOf returns a counter since yesterday, because a test may run at midnight.
func countOf(t *testing.T, st store.Store, name string) (n int64) {
	t.Helper()
	now := time.Now()
	all, err := st.Counts(t.Context(), "gazette", store.ByDay, now.Add(-24*time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Name == name && one.By == "" {
			n += one.N
		}
	}
	return n
}

// eventually polls until ok returns true.
func (e *env) eventually(within time.Duration, what string, ok func() bool) {
	e.t.Helper()
	for end := time.Now().Add(within); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			e.t.Fatalf("not within %v: %s", within, what)
		}
	}
}
