package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
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
		var r run
		began, breaks := time.Now(), 0
		for range 100 {
			asked := time.Now()
			r.begin()
			switch waited := time.Since(asked); {
			case waited >= 4*lockPoll:
				breaks++
				began = time.Now()
			case waited != 0:
				t.Errorf("waited %v", waited)
			}
			time.Sleep(writing)
			r.end()
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
		var r run
		for range 100 {
			asked := time.Now()
			if r.begin(); time.Since(asked) != 0 {
				t.Fatalf("waited %v", time.Since(asked))
			}
			time.Sleep(30 * time.Millisecond)
			r.end()
			time.Sleep(2 * runBreak)
		}
	})
}

// TestAnotherProcessWritesWhileThisOneIsBusy writes with several goroutines, and now and then with a store of another
// process, so to speak.
func TestAnotherProcessWritesWhileThisOneIsBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	busy, other := open(t, Options{Path: path}), open(t, Options{Path: path})
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := put(ctx, busy, fmt.Sprintf("busy-%d-%d", i, n), nil); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range 5 {
		if err := put(t.Context(), other, fmt.Sprint("other-", n), nil); err != nil {
			t.Error(err)
		}
	}
	stop()
	writers.Wait()
}

func TestGetWaitsForNoWriter(t *testing.T) {
	s, _ := openWithClock(t)
	release := hang(t, s)
	defer release()
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
