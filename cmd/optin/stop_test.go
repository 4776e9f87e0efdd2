package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
)

// stopCount is how often the program is asked to stop on each store.
const stopCount = 6

// A program that is asked to stop finishes its requests and jobs.
func TestAProgramThatIsStoppedUnderLoadFinishesItsWork(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		p, a := e.spawn(e.listen)
		l := newLoad(t, e)
		for range stopCount {
			before := len(l.accepted.keys())
			a.eventually("load", func() bool { return len(l.accepted.keys()) >= before+30 })
			if code := p.stop(); code != exitOK {
				t.Errorf("it exits with %d:\n%s", code, p.stderr)
			}
			p, a = e.spawn(e.listen)
		}
		l.stop()
		l.wantLoad(30 * stopCount)
		l.wantEveryEmail(15 * time.Second) // no lease has to end first: none was left behind
		l.wantNothingLost()
		for _, email := range l.emails.keys() {
			if n := len(l.emails.get(email)); n != 1 {
				t.Errorf("%s has %d emails", email, n)
			}
		}
		if a.status("/readyz") != http.StatusOK {
			t.Error("it is not ready")
		}
	})
}

// What stands in front of optin learns of a stop before it is refused, and loses no request: readiness says no, then
// the listener closes, then what is in hand is finished.
func TestAStopIsAnnouncedBeforeConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	e.edits = []string{"drain: 0s", "drain: 2s"}
	p, a := e.spawn(e.listen)
	inHand, err := net.Dial("tcp", e.listen)
	e.must(err)
	defer inHand.Close()
	const body = `{"email":"ada@people.test","consent":true,"locale":"en"}`
	_, err = io.WriteString(inHand, "POST "+signupPath+" HTTP/1.1\r\nHost: optin\r\nContent-Type: application/json\r\n"+
		"Content-Length: 56\r\n\r\n"+body[:10])
	e.must(err)
	e.must(p.cmd.Process.Signal(syscall.SIGTERM))

	a.eventually("the announcement", func() bool { return a.status("/readyz") == http.StatusServiceUnavailable })
	resp := a.post(signupPath, strings.Replace(body, "ada", "bob", 1), http.Header{"Content-Type": {mediaJSON}})
	if resp.StatusCode != http.StatusAccepted || !resp.Close {
		t.Errorf("a signup meanwhile returns %s, and the connection is closed: %v", resp.Status, resp.Close)
	}
	a.eventually("the end of the listener", func() bool { return a.status("/healthz") == 0 })
	_, err = io.WriteString(inHand, body[10:])
	e.must(err)
	if got, err := io.ReadAll(inHand); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 202 ") {
		t.Errorf("the request in hand gets %q, %v", got, err)
	}
	if code := p.wait(); code != exitOK {
		t.Errorf("it exits with %d:\n%s", code, p.stderr)
	}
	e.actor(e.listen).Email("bob@people.test")
}

// SIGTERM comes while the relay has an email and has not said whether it takes it. The next process must not send it
// again at once: it was maybe sent, and has one more attempt a quarter of an hour later.
func TestWhatWasMaybeSentAtAStopIsNotSentAgainAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+t.TempDir()+"/optin.db")
	inHand, end := make(chan struct{}, 1), make(chan struct{})
	t.Cleanup(func() { close(end) })
	relay := newSMTPServer(t, nil)
	relay.onData = func(first bool) {
		if first {
			inHand <- struct{}{}
			<-end
		}
	}
	e.relayAddr, e.leaseFor, e.finish = relay.addr, time.Second, time.Second
	p, a := e.spawn(e.listen)
	a.SignUp("ada@people.test")
	<-inHand
	if code := p.stop(); code != exitOK || !strings.Contains(p.stderr.String(), `"outcome":"maybe sent"`) {
		t.Errorf("it exits with %d:\n%s", code, p.stderr)
	}
	_, a = e.spawn(e.listen)
	a.SignUp("bob@people.test") // the relay takes emails again
	a.eventually("an email", func() bool { return len(relay.arrivedAt("bob@people.test")) == 1 })
	<-time.After(4 * e.leaseFor) // any lease of the one that stopped has ended
	if n := len(relay.arrivedAt("ada@people.test")); n != 0 {
		t.Errorf("%d more copies were sent at once", n)
	}
	due, err := e.core().store.Lease(t.Context(), confirm.QueueEmailMaybeSent, 1, time.Second)
	if err != nil || len(due) != 0 {
		t.Errorf("%d emails that were maybe sent are due, %v", len(due), err)
	}
}
