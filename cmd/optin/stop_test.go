package main

import (
	"net/http"
	"testing"
	"time"
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
