package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// window is what a bucket must be like: all that was taken and not returned, oldest first. Each take was made at some moment between
// its call and its answer.
type window struct {
	limits []store.Limit
	takes  []span
}

type span struct {
	taker          string
	called, answer time.Time
}

// wait is between what and what one more has to wait, if it is asked for and answered within that span.
func (w *window) wait(s span) (least, most time.Duration) {
	for _, l := range w.limits {
		if i := len(w.takes) - l.N; i >= 0 { // this one must be as old as the limit's window
			nth := w.takes[i]
			least = max(least, nth.called.Add(l.Per).Sub(s.answer))
			most = max(most, nth.answer.Add(l.Per).Sub(s.called))
		}
	}
	return least, most
}

func (w *window) find(taker string) int {
	return slices.IndexFunc(w.takes, func(s span) bool { return s.taker == taker })
}

// forget drops what a taker returned, and tells whether there was something.
func (w *window) forget(taker string) bool {
	i := w.find(taker)
	if i >= 0 {
		w.takes = slices.Delete(w.takes, i, i+1)
	}
	return i >= 0
}

// stillExact takes and returns at random, for a while, and compares each answer with the model's.
func stillExact(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	// As long as one of them counts in the last of these, no take is forgotten.
	w := &window{limits: []store.Limit{{N: 3, Per: 60 * time.Millisecond}, {N: 8, Per: 300 * time.Millisecond}, {N: 14, Per: time.Hour}}}
	dice := rand.New(rand.NewPCG(7, 11))
	taken, refused, returned := 0, 0, 0
	begun := time.Now()
	few := func() bool { return time.Since(begun) < time.Second || taken < 100 || refused < 100 || returned < 100 }
	for few() && !t.Failed() {
		if time.Since(begun) > patience {
			t.Fatalf("%d were taken, %d refused, %d returned: too few to tell", taken, refused, returned)
		}
		s, taker := clients[dice.IntN(2)], fmt.Sprintf("letter-%d", dice.IntN(40))
		switch {
		case dice.IntN(8) == 0:
			giveBack(t, s, "bucket", taker)
			if w.forget(taker) {
				returned++
			}
		case w.find(taker) >= 0:
			if wait := takeAs(t, s, "bucket", taker, w.limits...); wait != 0 {
				t.Errorf("%s has taken, and waits %v", taker, wait)
			}
		case w.take(t, s, taker):
			taken++
		default:
			refused++
		}
	}
}

// take takes one for somebody who has none, and tells whether there was room.
func (w *window) take(t *testing.T, s store.Store, taker string) bool {
	t.Helper()
	const slack = 10 * time.Millisecond // between two clocks
	called := time.Now()
	wait := takeAs(t, s, "bucket", taker, w.limits...)
	one := span{taker, called, time.Now()}
	least, most := w.wait(one)
	if wait < least-slack || wait > most+slack || wait < 0 || (wait == 0 && least > slack) {
		t.Errorf("with %d taken the wait is %v, want %v to %v", len(w.takes), wait, least, most)
	}
	if wait == 0 {
		w.takes = append(w.takes, one)
	}
	return wait == 0
}
