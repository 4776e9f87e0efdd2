package storetest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func runNowCases() []testCase {
	return []testCase{
		{"RunNowChangesOnlyJobsThatWait", runNowOnlyWaiting},
		{"RunNowTakesTheSoonestFirst", runNowSoonest},
		{"RunNowChangesNothingOfAJobButItsTime", runNowWhole},
		{"RunNowMakesAllDueHoweverMany", runNowAll},
		{"RunNowCountsEachJobOnce", runNowOnce},
		{"MakeDueMakesOneJobDueThatWaits", makeDue},
		{"MakeDueReturnsErrNotFoundUnlessTheJobWaits", makeDueOnlyWaiting},
	}
}

// everything is more than there can be.
const everything = 1_000_000_000

// runNow makes up to n emails due now and fails unless there were that many.
func runNow(t *testing.T, s store.Store, n, want int) {
	t.Helper()
	if got, err := s.RunNow(t.Context(), "email", n); err != nil || got != want {
		t.Fatalf("RunNow of %d made %d due, %v, want %d", n, got, err, want)
	}
}

// later returns an email that is due in so many minutes.
func later(id string, minutes int) store.Job {
	j := job(id, "email")
	j.Due = time.Now().Add(time.Duration(minutes) * time.Minute)
	return j
}

// leaseIDs leases what is due and returns the IDs, sorted.
func leaseIDs(t *testing.T, s store.Store, n int) []string {
	t.Helper()
	ids := idsOf(lease(t, s, "email", n, time.Minute))
	slices.Sort(ids)
	return ids
}

func runNowOnlyWaiting(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	runNow(t, s, everything, 0)
	failJob(t, s, key(1), job("failed", "email"))
	put(t, s, key(2), pending(), job("leased", "email"))
	current := leaseOne(t, other, "email", time.Minute)
	put(t, s, key(3), pending(), job("back", "email"))
	back := leaseOne(t, s, "email", time.Minute)
	if err := s.End(t.Context(), back, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	elsewhere := later("elsewhere", 60)
	elsewhere.Queue = "email/slow"
	put(t, s, key(4), pending(), job("due", "email"), later("later", 60), elsewhere)

	runNow(t, other, 0, 0)
	runNow(t, other, everything, 2)
	runNow(t, s, everything, 0)
	if ids := leaseIDs(t, s, 10); !slices.Equal(ids, []string{"back", "due", "later"}) {
		t.Errorf("due are %v", ids)
	}
	runNow(t, s, everything, 0) // they are leased now
	nothingDue(t, s, "email")
	nothingDue(t, s, "email/slow")
	if ids := idsOf(failed(t, s, "email", "", 10)); !slices.Equal(ids, []string{"failed"}) {
		t.Errorf("failed are %v", ids)
	}
	if err := other.RenewLease(t.Context(), current, time.Minute); err != nil {
		t.Errorf("renewing what was leased all the time: %v", err)
	}
	if err := other.End(t.Context(), current, store.Complete()); err != nil {
		t.Errorf("ending what was leased all the time: %v", err)
	}
}

func makeDue(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	put(t, s, key(1), pending(), later("one", 60), later("two", 60))
	put(t, s, key(2), pending(), later("three", 60))
	for range 2 { // one that is due stays so
		if err := other.MakeDue(t.Context(), "email", "two", key(1)); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := s.Due(t.Context()); err != nil || !slices.Contains(found, "email") {
		t.Errorf("due are %v, %v", found, err)
	}
	j := leaseOne(t, s, "email", time.Minute)
	if j.ID != "two" || j.Attempts != 1 || string(j.Body) != "body of two" {
		t.Errorf("leased %+v", j)
	}
	nothingDue(t, s, "email")
	if err := s.End(t.Context(), j, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if err := other.MakeDue(t.Context(), "email", "two", key(1)); err != nil {
		t.Fatal(err)
	}
	if j = leaseOne(t, s, "email", time.Minute); j.ID != "two" || j.Attempts != 2 {
		t.Errorf("leased again %+v", j)
	}
}

func makeDueOnlyWaiting(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	failJob(t, s, key(1), job("failed", "email"))
	put(t, s, key(2), pending(), job("leased", "email"))
	current := leaseOne(t, s, "email", time.Minute)
	put(t, s, key(3), pending(), later("waits", 60))
	for what, row := range map[string]struct {
		queue store.QueueName
		id    string
		key   store.Key
	}{
		"nobody's": {"email", "none", key(1)}, "a failed job": {"email", "failed", key(1)},
		"a leased job": {"email", "leased", key(2)}, "another's job": {"email", "waits", key(2)},
		"a job in another queue": {"email/slow", "waits", key(3)}, "a timer": {store.TimerQueue, key(3).ID, key(3)},
	} {
		want(t, "making due "+what, other.MakeDue(t.Context(), row.queue, row.id, row.key), store.ErrNotFound)
	}
	nothingDue(t, s, "email")
	if err := s.End(t.Context(), current, store.Complete()); err != nil {
		t.Errorf("ending what was leased all the time: %v", err)
	}
	want(t, "making due what is complete", s.MakeDue(t.Context(), "email", "leased", key(2)), store.ErrNotFound)
}

func runNowSoonest(t *testing.T, open func(*testing.T) store.Store) {
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
		runNow(t, other, some, some)
		if ids := leaseIDs(t, s, n); !slices.Equal(ids, all[from:from+some]) {
			t.Errorf("after %d the next %d are %v", from, some, ids)
		}
		from += some
	}
	runNow(t, s, n, n-from)
	if ids := leaseIDs(t, other, n); !slices.Equal(ids, all[from:]) {
		t.Errorf("the last are %v", ids)
	}
}

func runNowWhole(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	j := leasedJob(t, s, time.Minute)
	if err := s.End(t.Context(), j, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	runNow(t, other, 1, 1)
	put(t, s, key(1), pending(), later("a", 60)) // enqueued again: it is still that one job
	want(t, "ending the lease before", s.End(t.Context(), j, store.Complete()), store.ErrLeaseLost)
	got := leaseOne(t, s, "email", time.Minute)
	if got.ID != "a" || got.Attempts != 2 || got.Key != key(1) || string(got.Body) != "body of a" {
		t.Errorf("leased %+v, want its second attempt", got)
	}
	if age := time.Since(got.Due); age > time.Minute || age < -time.Minute {
		t.Errorf("it was due %v ago, want now", age)
	}
	if err := s.End(t.Context(), got, store.Complete()); err != nil {
		t.Errorf("ending it: %v", err)
	}
	runNow(t, other, everything, 0)
	nothingDue(t, other, "email")
}

func runNowAll(t *testing.T, open func(*testing.T) store.Store) {
	const one, others = 1300, 200
	s := open(t)
	var jobs []store.Job
	for i := range one {
		jobs = append(jobs, later(fmt.Sprintf("one-%d", i), 60)) // many at the very same moment
	}
	put(t, s, key(0), pending(), jobs...)
	for i := range others {
		put(t, s, key(1+i), pending(), later(fmt.Sprintf("other-%d", i), 1+i))
	}
	runNow(t, s, one, one)
	runNow(t, s, everything, others)
	runNow(t, s, everything, 0)
	seen := map[string]bool{}
	eventually(t, "all are leased", func() bool {
		for _, j := range lease(t, s, "email", 1000, time.Minute) {
			seen[j.ID] = true
		}
		return len(seen) == one+others
	})
	runNow(t, s, everything, 0)
}

func runNowOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 300
	clients := []store.Store{open(t), open(t)}
	for i := range n {
		put(t, clients[i%2], key(i), pending(), later(fmt.Sprintf("e-%d", i), 1+i%7))
	}
	var done atomic.Int32
	atOnce(t, 20, func(i int) error {
		got, err := clients[i%2].RunNow(t.Context(), "email", 10)
		done.Add(int32(got))
		return err
	})
	if done.Load() != 200 {
		t.Errorf("twenty times ten made %d due", done.Load())
	}
	if ids := leaseIDs(t, clients[0], n); len(ids) != 200 {
		t.Errorf("%d are due, want 200", len(ids))
	}
	atOnce(t, 4, func(i int) error {
		got, err := clients[i%2].RunNow(t.Context(), "email", everything)
		done.Add(int32(got))
		return err
	})
	if done.Load() != n {
		t.Errorf("%d were made due, there are %d", done.Load(), n)
	}
}
