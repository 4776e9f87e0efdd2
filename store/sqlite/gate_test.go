package sqlite

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/store"
)

// TestABusyProcessLeavesTheLockNowAndThen writes without a break, with a clock of its own: every stretch ends in a
// breath that is long enough for other processes to look several times.
func TestABusyProcessLeavesTheLockNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const act = 30 * time.Millisecond
		g, began, breaths := newGate(), time.Now(), 0
		for range 100 {
			asked := time.Now()
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch waited := time.Since(asked); {
			case waited >= 4*look:
				breaths++
				began = time.Now()
			case waited != 0:
				t.Errorf("waited %v", waited)
			}
			time.Sleep(act)
			g.leave()
			if held := time.Since(began); held > stretch+act {
				t.Fatalf("the lock was not left for %v", held)
			}
		}
		if breaths < 20 || breaths > 30 {
			t.Errorf("%d breaths in 3 s of writing", breaths)
		}
	})
}

func TestWhoWritesSeldomNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for range 100 {
			asked := time.Now()
			if err := g.enter(t.Context()); err != nil || time.Since(asked) != 0 {
				t.Fatalf("waited %v, %v", time.Since(asked), err)
			}
			time.Sleep(30 * time.Millisecond)
			g.leave()
			time.Sleep(2 * breath)
		}
	})
}

func TestTheTurnComesInTheOrderOfArrivalAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var came []int
		for i := range 5 {
			go func() {
				if err := g.enter(t.Context()); err != nil {
					t.Error(err)
				}
				came = append(came, i)
				g.leave()
			}()
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.enter(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the turn of the impatient gives %v", err)
		}
		g.leave()
		time.Sleep(time.Second) // a breath is taken, too
		synctest.Wait()
		for i, who := range came {
			if i != who {
				t.Fatalf("they came as %v", came)
			}
		}
		if len(came) != 5 {
			t.Errorf("they came as %v", came)
		}
	})
}

func TestGetWaitsForNoWriter(t *testing.T) {
	s, _ := steered(t)
	if err := s.gate.enter(t.Context()); err != nil { // nobody writes now
		t.Fatal(err)
	}
	defer s.gate.leave()
	if held, err := s.Get(t.Context(), "name"); held != nil || err != nil {
		t.Errorf("held is %q, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	b := store.Bucket{Name: "bucket", Limits: []store.Limit{{N: 9, Per: time.Minute}}}
	if _, err := s.Acquire(ctx, "", b); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("acquiring, which writes, gave %v", err)
	}
}
