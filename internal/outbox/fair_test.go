package outbox_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestAKindWhoseTrialsHangKeepsNoFreshEntryOfAnotherWaiting(t *testing.T) {
	n := 500
	if os.Getenv("OPTIN_SOAK") != "" {
		n = 10_000
	}
	for name, c := range map[string]struct {
		each  int
		limit time.Duration
	}{
		"because of Each":        {each: 4, limit: time.Hour},
		"because of their limit": {each: 0, limit: 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			oweIn(t, st, "bad", 0, n)
			hanging, over, begun := make(chan bool, n), make(chan struct{}), make(chan string, 6)
			b := box(t, st, 500*time.Millisecond, outbox.Pool{
				Queues: []store.QueueName{"bad", "good"}, Workers: 8, PerQueue: c.each, Timeout: c.limit, Waits: []time.Duration{time.Hour},
				Run: func(ctx context.Context, e store.Job) (bool, error) {
					if e.Queue == "good" {
						begun <- e.ID
						return false, nil
					}
					hanging <- true
					select {
					case <-ctx.Done():
						return false, context.Cause(ctx)
					case <-over:
						return false, context.Canceled
					}
				}})
			stop := start(t, b)
			for range 4 {
				<-hanging
			}
			for i := range 6 {
				oweIn(t, st, "good", i, i+1)
				if i%2 == 0 { // the others are owed by another process
					b.Wake("good")
				}
				select {
				case <-begun:
				case <-time.After(time.Second):
					t.Fatalf("entry %d did not start within a second", i)
				}
			}
			close(over)
			stop()
		})
	}
}

func TestNoMoreThanEachAreAtOneKindAndNoFewer(t *testing.T) {
	for _, c := range []struct {
		each, workers, most int
		rounds              time.Duration
	}{
		{each: 3, workers: 8, most: 3, rounds: 10},
		{each: 0, workers: 8, most: 8, rounds: 8}, // 60 by 8
		{each: 1, workers: 2, most: 1, rounds: 30},
	} {
		t.Run(fmt.Sprint(c.each, " of ", c.workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := open(t)
				oweIn(t, st, "a", 0, 30)
				oweIn(t, st, "b", 0, 30)
				var mu sync.Mutex
				at, most := map[store.QueueName]int{}, map[store.QueueName]int{}
				begun, last, done := time.Now(), time.Duration(0), 0
				run(t, st, time.Hour, outbox.Pool{
					Queues: []store.QueueName{"a", "b"}, Workers: c.workers, PerQueue: c.each, Timeout: time.Hour, Waits: []time.Duration{time.Hour},
					Run: func(_ context.Context, e store.Job) (bool, error) {
						mu.Lock()
						at[e.Queue]++
						most[e.Queue] = max(most[e.Queue], at[e.Queue])
						mu.Unlock()
						time.Sleep(time.Minute)
						mu.Lock()
						defer mu.Unlock()
						at[e.Queue]--
						done++
						last = time.Since(begun)
						return false, nil
					}})
				if done != 60 || last > c.rounds*time.Minute+time.Second {
					t.Errorf("%d done after %v, want 60 after %d minutes", done, last, c.rounds)
				}
				for k, n := range most {
					if n > c.most || c.each > 0 && n != c.most {
						t.Errorf("%d at %s, want %d", n, k, c.most)
					}
				}
			})
		})
	}
}

func TestKindsHaveTheirTurnsWhoeverIsWoken(t *testing.T) {
	st := open(t)
	kinds := []store.QueueName{"a", "b", "c", "d"}
	for _, k := range kinds {
		oweIn(t, st, k, 0, 25)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var b *outbox.Outbox
	d := &diary{}
	b = box(t, st, time.Hour, outbox.Pool{Queues: kinds, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
		Run: func(_ context.Context, e store.Job) (bool, error) {
			d.note(time.Now(), e)
			b.Wake("a")
			b.Wake("c")
			if len(d.tries()) == 100 {
				stop()
			}
			return false, nil
		}})
	b.Run(ctx)
	had := map[store.QueueName]int{}
	for i, k := range d.kinds {
		had[k]++
		for _, other := range kinds {
			if had[k]-had[other] > 1 {
				t.Fatalf("trial %d: %s had %d turns, %s %d", i, k, had[k], other, had[other])
			}
		}
	}
	if len(d.kinds) != 100 {
		t.Errorf("%d trials, want 100", len(d.kinds))
	}
}
