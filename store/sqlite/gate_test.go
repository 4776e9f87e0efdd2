package sqlite

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/store"
)

// TestABusyProcessLeavesTheLockNowAndThen writes without a break, with a clock of its own: every run ends in a break
// that is long enough for other processes to try several times.
func TestABusyProcessLeavesTheLockNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writing = 30 * time.Millisecond
		g, began, breaks := newGate(), time.Now(), 0
		for range 100 {
			asked := time.Now()
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch waited := time.Since(asked); {
			case waited >= 4*lockPoll:
				breaks++
				began = time.Now()
			case waited != 0:
				t.Errorf("waited %v", waited)
			}
			time.Sleep(writing)
			g.leave()
			if wrote := time.Since(began); wrote > longestRun+writing {
				t.Fatalf("the lock was not left for %v", wrote)
			}
		}
		if breaks < 20 || breaks > 30 {
			t.Errorf("%d breaks in 3 s of writing", breaks)
		}
	})
}

func TestAProcessThatWritesSeldomNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for range 100 {
			asked := time.Now()
			if err := g.enter(t.Context()); err != nil || time.Since(asked) != 0 {
				t.Fatalf("waited %v, %v", time.Since(asked), err)
			}
			time.Sleep(30 * time.Millisecond)
			g.leave()
			time.Sleep(2 * runBreak)
		}
	})
}

func TestWritersGoInTheOrderOfArrivalAndStopWaitingWithTheirContext(t *testing.T) {
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
			t.Errorf("a writer with a short deadline got %v", err)
		}
		g.leave()
		time.Sleep(time.Second) // a break comes, too
		synctest.Wait()
		for i, writer := range came {
			if i != writer {
				t.Fatalf("they came as %v", came)
			}
		}
		if len(came) != 5 {
			t.Errorf("they came as %v", came)
		}
	})
}

func TestGetWaitsForNoWriter(t *testing.T) {
	s, _ := openWithClock(t)
	if err := s.gate.enter(t.Context()); err != nil { // nobody writes now
		t.Fatal(err)
	}
	defer s.gate.leave()
	if current, err := s.Get(t.Context(), "name"); current != nil || err != nil {
		t.Errorf("the cell holds %q, %v", current, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	b := store.Bucket{Name: "bucket", Limits: []store.Limit{{N: 9, Per: time.Minute}}}
	if _, err := s.Acquire(ctx, "", b); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("acquiring, which writes, gave %v", err)
	}
}
