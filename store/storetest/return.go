package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func returning() []clause {
	return []clause{
		{"AReturnedTakeMakesRoomForExactlyOne", makesRoom},
		{"TheWaitTurnsOnWhatWasNotReturned", turnsOnTheRest},
		{"OnlyATakersOwnTakeIsReturned", ownOnly},
		{"WhatCountsNoMoreIsNotReturned", pastReturning},
		{"WhoReturnedAndTakesAgainCountsOnce", takesAgain},
		{"TheWindowsStayExactHoweverIsTakenAndReturned", stillExact},
		{"ManyMayReturnAtOnce", returnAtOnce},
	}
}

// takeAs takes one for a taker and returns the wait.
func takeAs(t *testing.T, s store.Store, bucket, taker string, limits ...store.Limit) time.Duration {
	t.Helper()
	wait, err := s.Acquire(t.Context(), bucket, taker, limits...)
	if err != nil {
		t.Fatalf("%s takes from %s: %v", taker, bucket, err)
	}
	return wait
}

// giveBack returns what each of the takers took.
func giveBack(t *testing.T, s store.Store, bucket string, takers ...string) {
	t.Helper()
	for _, taker := range takers {
		if err := s.Return(t.Context(), bucket, taker); err != nil {
			t.Fatalf("%q returns to %s: %v", taker, bucket, err)
		}
	}
}

// hasRoom says that a bucket has room for so many more, and takes them.
func hasRoom(t *testing.T, s store.Store, bucket string, n int, limits ...store.Limit) {
	t.Helper()
	for i := range n {
		if wait := take(t, s, bucket, limits...); wait != 0 {
			t.Errorf("%s has room for %d, want %d", bucket, i, n)
			return
		}
	}
	if wait := take(t, s, bucket, limits...); wait == 0 {
		t.Errorf("%s has room for more than %d", bucket, n)
	}
}

func makesRoom(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	limits := []store.Limit{{N: 3, Per: time.Minute}, {N: 3, Per: time.Hour}}
	for _, place := range []string{"first", "middle", "last"} {
		for _, taker := range []string{"first", "middle", "last"} {
			if wait := takeAs(t, s, place, taker, limits...); wait != 0 {
				t.Fatalf("%s waits %v", taker, wait)
			}
		}
		giveBack(t, other, place, place)
		hasRoom(t, s, place, 1, limits...)
	}
	giveBack(t, s, "middle", "first", "last")
	hasRoom(t, other, "middle", 2, limits...)
}

func turnsOnTheRest(t *testing.T, open func(*testing.T) store.Store) {
	s, w := open(t), &window{limits: []store.Limit{{N: 3, Per: time.Hour}}}
	takes := func(taker string, want bool) {
		if got := w.take(t, s, taker); got != want {
			t.Errorf("that %s takes is %v, want %v", taker, got, want)
		}
		until(t, time.Now().Add(50*time.Millisecond)) // the waits on neighbours are far apart
	}
	returns := func(taker string) {
		giveBack(t, s, "bucket", taker)
		w.forget(taker)
	}
	for _, taker := range []string{"a", "b", "c"} {
		takes(taker, true)
	}
	takes("d", false)
	returns("b")
	takes("d", true)
	takes("e", false) // turns on a
	returns("a")
	takes("e", true)
	takes("f", false) // on c
	returns("e")
	takes("f", true)
	takes("g", false) // on c still
}

func ownOnly(t *testing.T, open func(*testing.T) store.Store) {
	s, other, limit := open(t), open(t), store.Limit{N: 3, Per: time.Hour}
	giveBack(t, s, "bucket", "letter-1") // from a bucket that nobody took from yet
	for _, taker := range []string{"letter-1", "letter-2", ""} {
		if wait := takeAs(t, s, "bucket", taker, limit); wait != 0 {
			t.Fatalf("%q waits %v", taker, wait)
		}
	}
	if wait := takeAs(t, s, "other", "letter-3", limit); wait != 0 {
		t.Fatalf("the first of another bucket waits %v", wait)
	}
	giveBack(t, other, "bucket", "letter-3", "etter-1", "letter-", "letter-11", "LETTER-1", "letter_1", "")
	giveBack(t, other, "other", "letter-1", "letter-2", "")
	giveBack(t, other, "bucke", "letter-1")
	hasRoom(t, s, "bucket", 0, limit)
	hasRoom(t, s, "other", 2, limit)
	for range 3 { // it is there to be returned once
		giveBack(t, s, "bucket", "letter-1")
		giveBack(t, other, "bucket", "letter-1")
	}
	hasRoom(t, s, "bucket", 1, limit)
}

func pastReturning(t *testing.T, open func(*testing.T) store.Store) {
	s, w := open(t), &window{limits: []store.Limit{{N: 2, Per: 100 * time.Millisecond}}}
	for range 3 {
		w.take(t, s, "letter-1")
		w.take(t, s, "letter-2")
		until(t, time.Now().Add(w.limits[0].Per+20*time.Millisecond))
		giveBack(t, s, "bucket", "letter-1") // not of what is taken from now on
		for _, taker := range []string{"letter-3", "letter-4", "letter-5"} {
			w.take(t, s, taker)
		}
		giveBack(t, s, "bucket", "letter-1", "letter-2")
		w.take(t, s, "letter-6")
		until(t, time.Now().Add(w.limits[0].Per+20*time.Millisecond))
	}
}

func takesAgain(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	limit := store.Limit{N: 4, Per: time.Hour}
	for _, taker := range []string{"letter-1", "letter-2", "letter-3"} {
		takeAs(t, clients[0], "bucket", taker, limit)
	}
	for i := range 9 {
		giveBack(t, clients[i%2], "bucket", "letter-2")
		for range 2 {
			if wait := takeAs(t, clients[(i+1)%2], "bucket", "letter-2", limit); wait != 0 {
				t.Fatalf("taking again for the %dth time, it waits %v", i, wait)
			}
		}
	}
	hasRoom(t, clients[0], "bucket", 1, limit)
	giveBack(t, clients[1], "bucket", "letter-2")
	hasRoom(t, clients[0], "bucket", 1, limit)
}

func returnAtOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 40
	clients, limit := []store.Store{open(t), open(t)}, store.Limit{N: n, Per: time.Hour}
	name := func(i int) string { return fmt.Sprintf("letter-%d", i) }
	for i := range n {
		if wait := takeAs(t, clients[i%2], "bucket", name(i), limit); wait != 0 {
			t.Fatalf("take %d waits %v", i, wait)
		}
	}
	atOnce(t, 2*n, func(i int) error { // of each two that return the same one has nothing to return
		if i%n%4 == 0 {
			return nil
		}
		return clients[i/n].Return(t.Context(), "bucket", name(i%n))
	})
	hasRoom(t, clients[0], "bucket", n-n/4, limit)

	atOnce(t, 2*n, func(i int) error { // whoever takes returns, while others take
		for range 3 {
			wait, err := clients[i%2].Acquire(t.Context(), "other", name(i), limit)
			if err != nil {
				return err
			}
			if wait == 0 {
				if err := clients[(i+1)%2].Return(t.Context(), "other", name(i)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	hasRoom(t, clients[1], "other", n, limit)
}
