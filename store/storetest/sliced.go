package storetest

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// slicesOfWindow is the least number of slices in which an implementation may count a window of a large limit.
const slicesOfWindow = 32

func slicedCases() []testCase {
	return []testCase{
		{"ALargeLimitAllowsExactlyNAtOnce", slicedAtOnce},
		{"ALargeLimitNeverAllowsMoreThanNInAnyWindow", slicedInWindows},
		{"ALargeLimitHasRoomASliceAfterItsWindowAtTheLatest", slicedRoom},
		{"ALargeLimitKeepsToItsSmallerOnes", slicedSmaller},
		{"ExactAndLargeBucketsAreTakenTogetherOrNotAtAll", slicedTogether},
	}
}

func slicedAtOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	b := bucket("bucket", store.Limit{N: store.MaxExact + 50, Per: time.Hour})
	takenAtOnce(t, clients, b, time.Hour+time.Hour/slicesOfWindow)
}

func slicedInWindows(t *testing.T, open func(*testing.T) store.Store) {
	limit := store.Limit{N: store.MaxExact + 20, Per: 320 * time.Millisecond}
	taken := takenWithin(t, []store.Store{open(t), open(t)}, limit, 4*limit.Per)
	if len(taken) < 2*limit.N {
		t.Errorf("only %d were taken in four windows of %d", len(taken), limit.N)
	}
}

// slicedRoom uses a bucket up and waits until it has room again: not before what was taken first is as old as the
// window, and at most a slice later than that.
func slicedRoom(t *testing.T, open func(*testing.T) store.Store) {
	const slack = 20 * time.Millisecond // between two clocks
	s := open(t)
	limit := store.Limit{N: store.MaxExact + 1, Per: 1600 * time.Millisecond}
	called := time.Now()
	acquire(t, s, "bucket", limit)
	first := span{called: called, returned: time.Now()}
	for n := range limit.N - 1 {
		if wait := acquire(t, s, "bucket", limit); wait != 0 && time.Since(first.called) < limit.Per {
			t.Fatalf("after %d it waits %v", n+1, wait)
		}
	}
	var at time.Time
	for at.IsZero() {
		called := time.Now()
		wait := acquire(t, s, "bucket", limit)
		if wait == 0 {
			at = called
			break
		}
		if room := called.Add(wait); room.After(first.returned.Add(limit.Per + limit.Per/slicesOfWindow + slack)) {
			t.Fatalf("the wait is %v, %v after the first", wait, called.Sub(first.returned))
		}
		time.Sleep(2 * time.Millisecond)
	}
	if age := time.Since(first.called); age < limit.Per-slack {
		t.Errorf("there was room %v after the first, want %v at least", age, limit.Per)
	}
	if age := at.Sub(first.returned); age > limit.Per+limit.Per/slicesOfWindow+slack+patience/20 {
		t.Errorf("there was no room until %v after the first", age)
	}
}

func slicedSmaller(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	limits := []store.Limit{{N: 3, Per: time.Hour}, {N: 10 * store.MaxExact, Per: 24 * time.Hour}}
	hasRoom(t, s, "bucket", 3, limits...)
	wait := acquire(t, open(t), "bucket", limits...)
	if wait < 59*time.Minute || wait > time.Hour+time.Hour/slicesOfWindow {
		t.Errorf("the wait is %v, want what the limit of 3 says", wait)
	}
}

func slicedTogether(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	small := store.Limit{N: 2, Per: time.Hour}
	large := store.Limit{N: store.MaxExact + 5, Per: time.Hour}
	a, b := bucket("small", small), bucket("large", large)
	for i := range 2 {
		if waits := acquireAll(t, s, "", a, b); waits != nil {
			t.Fatalf("number %d waits %v", i, waits)
		}
	}
	for range 20 {
		if waits := acquireAll(t, other, "", b, a); waits == nil || waits[0] != 0 || waits[1] == 0 {
			t.Fatalf("the waits are %v", waits)
		}
	}
	hasRoom(t, s, "large", large.N-2, large)
	c := bucket("another", small)
	for range 5 {
		if waits := acquireAll(t, other, "email-1", c, b); waits == nil || waits[0] != 0 || waits[1] == 0 {
			t.Fatalf("the waits are %v", waits)
		}
	}
	hasRoom(t, s, "another", 2, small)
}
