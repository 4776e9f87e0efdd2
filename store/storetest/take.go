package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func taking() []clause {
	return []clause{
		{"ExactlyAsManyAreTakenAsAllowed", exactly},
		{"NoWindowHoldsMoreThanAllowed", sliding},
		{"TheWaitIsRightAndRefusalsTakeNothing", waits},
		{"EveryLimitMustAllow", severalLimits},
		{"BucketsDoNotMix", buckets},
		{"ATakerTakesOnce", takesOnce},
	}
}

// take takes one and returns the wait.
func take(t *testing.T, s store.Store, bucket string, limits ...store.Limit) time.Duration {
	t.Helper()
	wait, err := s.Acquire(t.Context(), bucket, "", limits...)
	if err != nil {
		t.Fatalf("taking from %s: %v", bucket, err)
	}
	return wait
}

func exactly(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	for _, n := range []int{1, 3, 150} {
		bucket, limit := fmt.Sprintf("bucket-%d", n), store.Limit{N: n, Per: time.Hour}
		var mu sync.Mutex
		taken := 0
		atOnce(t, 200, func(i int) error {
			wait, err := clients[i%2].Acquire(t.Context(), bucket, "", limit)
			mu.Lock()
			defer mu.Unlock()
			if wait == 0 && err == nil {
				taken++
			} else if wait < 0 || wait > limit.Per {
				t.Errorf("the wait is %v", wait)
			}
			return err
		})
		if taken != n {
			t.Errorf("%d of 200 were taken, want %d", taken, n)
		}
	}
}

// sliding takes as fast as it can for several windows. Each take happened between its call and its answer; so takes
// that were both called and answered within less than one window must not be more than N.
func sliding(t *testing.T, open func(*testing.T) store.Store) {
	type span struct{ from, to time.Time }
	limit := store.Limit{N: 20, Per: 250 * time.Millisecond}
	clients := []store.Store{open(t), open(t)}
	var mu sync.Mutex
	var taken []span
	end := time.Now().Add(4 * limit.Per)
	atOnce(t, 6, func(i int) error {
		for time.Now().Before(end) {
			from := time.Now()
			wait, err := clients[i%2].Acquire(t.Context(), "bucket", "", limit)
			if err != nil {
				return err
			}
			if wait == 0 {
				mu.Lock()
				taken = append(taken, span{from, time.Now()})
				mu.Unlock()
			}
		}
		return nil
	})
	for _, first := range taken {
		within := 0
		for _, s := range taken {
			if !s.from.Before(first.from) && s.to.Before(first.from.Add(limit.Per)) {
				within++
			}
		}
		if within > limit.N {
			t.Fatalf("%d were taken within %v, want at most %d", within, limit.Per, limit.N)
		}
	}
	if len(taken) < 2*limit.N {
		t.Errorf("only %d were taken in four windows of %d", len(taken), limit.N)
	}
}

func waits(t *testing.T, open func(*testing.T) store.Store) {
	const slack = 20 * time.Millisecond
	s, limit := open(t), store.Limit{N: 2, Per: 400 * time.Millisecond}
	for round := range 2 {
		before := time.Now()
		for range limit.N {
			if wait := take(t, s, "bucket", limit); wait != 0 {
				t.Fatalf("round %d: refused for %v", round, wait)
			}
		}
		after := time.Now()
		for time.Since(before) < limit.Per/2 { // as often as it will
			called := time.Now()
			wait := take(t, s, "bucket", limit)
			answered := time.Now()
			if answered.Sub(before) >= limit.Per {
				break
			}
			free := called.Add(wait) // no later than this the first take is as old as the window
			if wait <= 0 || free.After(after.Add(limit.Per+slack)) || answered.Add(wait).Before(before.Add(limit.Per-slack)) {
				t.Fatalf("%v after the first, the wait is %v", called.Sub(before), wait)
			}
		}
		until(t, after.Add(limit.Per+slack)) // both are old now, and refusals were not counted
	}
}

func severalLimits(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	limits := []store.Limit{{N: 1, Per: 200 * time.Millisecond}, {N: 3, Per: time.Hour}}
	refused := 0
	for n := range 3 {
		eventually(t, fmt.Sprintf("take %d is allowed", n), func() bool {
			wait := take(t, s, "bucket", limits...)
			if wait > limits[0].Per {
				t.Fatalf("take %d must wait %v, though only the short limit is in the way", n, wait)
			}
			if wait > 0 {
				refused++
			}
			return wait == 0
		})
	}
	if wait := take(t, s, "bucket", limits...); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("the wait is %v, want what the long limit says", wait)
	}
	if refused == 0 {
		t.Error("the short limit never refused")
	}
}

func buckets(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 1, Per: time.Hour}
	for _, bucket := range []string{"a", "b", "ip:kj3_-h"} {
		if wait := take(t, s, bucket, limit); wait != 0 {
			t.Errorf("the first of %s is refused for %v", bucket, wait)
		}
		if wait := take(t, open(t), bucket, limit); wait == 0 {
			t.Errorf("the second of %s is taken", bucket)
		}
	}
}

func takesOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	limit := store.Limit{N: 2, Per: time.Hour}
	try := func(i int, taker string) time.Duration { return takeAs(t, clients[i%2], "bucket", taker, limit) }
	for i := range 10 {
		if wait := try(i, "letter-1"); wait != 0 {
			t.Fatalf("taking again, it waits %v", wait)
		}
	}
	if wait := try(0, "letter-2"); wait != 0 {
		t.Fatalf("another taker waits %v", wait)
	}
	if wait := try(1, "letter-3"); wait == 0 {
		t.Error("a third taker took what is not there")
	}
	if wait := try(1, "letter-2"); wait != 0 {
		t.Errorf("who has taken waits %v", wait)
	}
	if wait := try(0, "etter-2"); wait == 0 {
		t.Error("a taker was taken for another whose name ends like its own")
	}
}
