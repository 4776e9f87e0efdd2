package storetest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func hastening() []testCase {
	return []testCase{
		{"OnlyWhatWaitsIsHastened", waitingOnly},
		{"WhatWouldBeDueSoonestIsHastened", soonestFirst},
		{"TheHastenedKeepAllButTheirTime", hastenedWhole},
		{"AllAreHastenedHoweverMany", hastenedAll},
		{"EachIsHastenedOnce", hastenedOnce},
	}
}

// everything is more than there can be.
const everything = 1_000_000_000

// hasten hastens up to n letters and fails unless so many there were.
func hasten(t *testing.T, s store.Store, n, want int) {
	t.Helper()
	if got, err := s.RunNow(t.Context(), "letter", n); err != nil || got != want {
		t.Fatalf("of %d letters to hasten there were %d, %v, want %d", n, got, err, want)
	}
}

// later owes a letter that is due in so many minutes.
func later(id string, minutes int) store.Job {
	e := entry(id, "letter")
	e.Due = time.Now().Add(time.Duration(minutes) * time.Minute)
	return e
}

// leased takes what is due and returns the IDs, in order.
func leased(t *testing.T, s store.Store, n int) []string {
	t.Helper()
	ids := names(lease(t, s, "letter", n, time.Minute))
	slices.Sort(ids)
	return ids
}

func waitingOnly(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	hasten(t, s, everything, 0)
	die(t, s, key(1), entry("dead", "letter"))
	put(t, s, key(2), pending(), entry("held", "letter"))
	held := leaseOne(t, other, "letter", time.Minute)
	put(t, s, key(3), pending(), entry("back", "letter"))
	if err := s.End(t.Context(), leaseOne(t, s, "letter", time.Minute), store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	elsewhere := later("elsewhere", 60)
	elsewhere.Queue = "email/slow"
	put(t, s, key(4), pending(), entry("due", "letter"), later("later", 60), elsewhere)

	hasten(t, other, 0, 0)
	hasten(t, other, everything, 2)
	hasten(t, s, everything, 0)
	if ids := leased(t, s, 10); !slices.Equal(ids, []string{"back", "due", "later"}) {
		t.Errorf("due are %v", ids)
	}
	hasten(t, s, everything, 0) // they are leased now
	nothingDue(t, s, "letter")
	nothingDue(t, s, "email/slow")
	if ids := names(parked(t, s, "letter", "", 10)); !slices.Equal(ids, []string{"dead"}) {
		t.Errorf("dead are %v", ids)
	}
	if err := other.RenewLease(t.Context(), held, time.Minute); err != nil {
		t.Errorf("extending what was leased all the time: %v", err)
	}
	if err := other.End(t.Context(), held, store.Complete()); err != nil {
		t.Errorf("settling what was leased all the time: %v", err)
	}
}

func soonestFirst(t *testing.T, open func(*testing.T) store.Store) {
	const n = 120
	s, other := open(t), open(t)
	name := func(minutes int) string { return fmt.Sprintf("in-%03d", minutes) }
	var all []string
	for i := range n {
		minutes := 1 + i*37%n // so that neither records nor arrival are in the order of time
		all = append(all, name(i+1))
		put(t, s, key(i%23), pending(), later(name(minutes), minutes))
	}
	from := 0
	for _, some := range []int{1, 2, 17, 60} {
		hasten(t, other, some, some)
		if ids := leased(t, s, n); !slices.Equal(ids, all[from:from+some]) {
			t.Errorf("after %d the next %d are %v", from, some, ids)
		}
		from += some
	}
	hasten(t, s, n, n-from)
	if ids := leased(t, other, n); !slices.Equal(ids, all[from:]) {
		t.Errorf("the last are %v", ids)
	}
}

func hastenedWhole(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, time.Minute)
	if err := s.End(t.Context(), e, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	hasten(t, other, 1, 1)
	put(t, s, key(1), pending(), later("a", 60)) // owed again: it is still that one entry
	want(t, "settling with the lease before", s.End(t.Context(), e, store.Complete()), store.ErrLeaseLost)
	got := leaseOne(t, s, "letter", time.Minute)
	if got.ID != "a" || got.Attempts != 2 || got.Key != key(1) || string(got.Body) != "body of a" {
		t.Errorf("leased %+v, want its second try", got)
	}
	if age := time.Since(got.Due); age > time.Minute || age < -time.Minute {
		t.Errorf("it was due %v ago, want now", age)
	}
	if err := s.End(t.Context(), got, store.Complete()); err != nil {
		t.Errorf("settling: %v", err)
	}
	hasten(t, other, everything, 0)
	nothingDue(t, other, "letter")
}

func hastenedAll(t *testing.T, open func(*testing.T) store.Store) {
	const one, others = 1300, 200
	s := open(t)
	var owe []store.Job
	for i := range one {
		owe = append(owe, later(fmt.Sprintf("one-%d", i), 60)) // many at the very same moment
	}
	put(t, s, key(0), pending(), owe...)
	for i := range others {
		put(t, s, key(1+i), pending(), later(fmt.Sprintf("other-%d", i), 1+i))
	}
	hasten(t, s, one, one)
	hasten(t, s, everything, others)
	hasten(t, s, everything, 0)
	seen := map[string]bool{}
	eventually(t, "all are leased", func() bool {
		for _, e := range lease(t, s, "letter", 1000, time.Minute) {
			seen[e.ID] = true
		}
		return len(seen) == one+others
	})
	hasten(t, s, everything, 0)
}

func hastenedOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 300
	clients := []store.Store{open(t), open(t)}
	for i := range n {
		put(t, clients[i%2], key(i), pending(), later(fmt.Sprintf("e-%d", i), 1+i%7))
	}
	var hastened atomic.Int32
	atOnce(t, 20, func(i int) error {
		got, err := clients[i%2].RunNow(t.Context(), "letter", 10)
		hastened.Add(int32(got))
		return err
	})
	if hastened.Load() != 200 {
		t.Errorf("twenty times ten were %d", hastened.Load())
	}
	if ids := leased(t, clients[0], n); len(ids) != 200 {
		t.Errorf("%d are due, want 200", len(ids))
	}
	atOnce(t, 4, func(i int) error {
		got, err := clients[i%2].RunNow(t.Context(), "letter", everything)
		hastened.Add(int32(got))
		return err
	})
	if hastened.Load() != n {
		t.Errorf("%d were hastened, there are %d", hastened.Load(), n)
	}
}
