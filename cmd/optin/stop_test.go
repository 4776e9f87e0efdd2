package main

import (
	"net/http"
	"testing"
	"time"
)

// stops is how often the program is asked to stop on each store.
const stops = 6

// Stopping in the middle of everything is no accident: what is in hand is finished, and nobody notices but who comes while it is away.
func TestAskedToStopUnderLoadItFinishesWhatIsInHand(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		p, a := w.spawn(w.listen)
		c := newCrowd(t, w)
		for range stops {
			before := len(c.accepted.keys())
			a.until("load", func() bool { return len(c.accepted.keys()) >= before+30 })
			if code := p.stops(); code != exitOK {
				t.Errorf("it ends with %d:\n%s", code, p.stderr)
			}
			p, a = w.spawn(w.listen)
		}
		c.rest()
		c.wasThere(30 * stops)
		c.everyLetterComes(15 * time.Second) // no lease has to end first: none was left behind
		c.nothingIsForgotten()
		for _, email := range c.letters.keys() {
			if n := len(c.letters.get(email)); n != 1 {
				t.Errorf("%s has %d letters", email, n)
			}
		}
		if a.status("/readyz") != http.StatusOK {
			t.Error("it is not ready")
		}
	})
}
