package storetest

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func backlogCases() []testCase {
	return []testCase{
		{"BacklogsCountWhatStandsInEachQueue", backlogsCount},
		{"BacklogsSayHowLateTheFirstJobIs", backlogsLate},
		{"BacklogsOfTimersAreInvalid", backlogsInvalid},
	}
}

// backlog returns the backlog of one queue.
func backlog(t *testing.T, s store.Store, queue store.QueueName) store.Backlog {
	t.Helper()
	all, err := s.Backlogs(t.Context(), queue)
	if err != nil || len(all) != 1 {
		t.Fatalf("the backlog of %s: %v, %v", queue, all, err)
	}
	return all[0]
}

func backlogsCount(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	later := job("later", "email")
	later.Due = time.Now().Add(time.Hour)
	put(t, s, key(1), pending(), job("a", "email"), later, job("b", "webhook/gazette"), job("c", "webhook/gazette"))
	put(t, other, keyAt("another", 2), pending(), job("d", "email"))
	leaseOne(t, s, "email", time.Minute)
	failed := leaseOne(t, s, "webhook/gazette", time.Minute)
	if err := s.End(t.Context(), failed, store.Fail()); err != nil {
		t.Fatal(err)
	}
	all, err := other.Backlogs(t.Context(), "webhook/gazette", "nowhere", "email")
	if err != nil || len(all) != 3 {
		t.Fatalf("%v, %v", all, err)
	}
	for i, want := range []store.Backlog{{Jobs: 1, Failed: 1}, {}, {Jobs: 3}} {
		if got := all[i]; got.Jobs != want.Jobs || got.Failed != want.Failed {
			t.Errorf("backlog %d is %+v, want %+v", i, got, want)
		}
	}
	if err := s.Requeue(t.Context(), "webhook/gazette", failed.ID, failed.Key); err != nil {
		t.Fatal(err)
	}
	j := leaseOne(t, s, "webhook/gazette", time.Minute)
	if err := s.End(t.Context(), j, store.Complete()); err != nil {
		t.Fatal(err)
	}
	if b := backlog(t, other, "webhook/gazette"); b.Jobs != 1 || b.Failed != 0 {
		t.Errorf("afterwards: %+v", b)
	}
	if none, err := s.Backlogs(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("of no queue: %v, %v", none, err)
	}
}

func backlogsLate(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	later, old, older := job("later", "later"), job("old", "email"), job("older", "email")
	later.Due = time.Now().Add(time.Hour)
	old.Due, older.Due = time.Now().Add(-time.Minute), time.Now().Add(-time.Hour)
	put(t, s, key(1), pending(), later, old, older)
	about := func(queue store.QueueName, want time.Duration) {
		t.Helper()
		if b := backlog(t, s, queue); b.Late < want || b.Late > want+patience {
			t.Errorf("%s is late by %v, want %v", queue, b.Late, want)
		}
	}
	about("email", time.Hour)
	if b := backlog(t, s, "later"); b.Late != 0 {
		t.Errorf("what is due in an hour is late by %v", b.Late)
	}
	leaseOne(t, s, "email", time.Minute)
	about("email", time.Minute)
	leaseOne(t, s, "email", time.Minute)
	if b := backlog(t, s, "email"); b.Late != 0 {
		t.Errorf("what is leased is late by %v", b.Late)
	}
}

func backlogsInvalid(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	for _, queue := range []store.QueueName{store.TimerQueue, "", "A b"} {
		_, err := s.Backlogs(t.Context(), "email", queue)
		want(t, "the backlog of "+string(queue), err, store.ErrInvalid)
	}
}

func inStateCases() []testCase {
	return []testCase{{"InStateCountsTheRecordsOfASite", inStateCounts}}
}

func inStateCounts(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	const n = 60 // more than an index may keep together
	for i := range n {
		listed(t, s, key(i), "pending", i)
	}
	listed(t, s, key(n), "confirmed", 1)
	listed(t, s, keyAt("another", 1), "pending", 1)
	count := func(site, state string, want int) {
		t.Helper()
		if got, err := other.InState(t.Context(), site, state); err != nil || got != want {
			t.Errorf("%s has %d that are %s, %v, want %d", site, got, state, err, want)
		}
	}
	count(site, "pending", n)
	count(site, "confirmed", 1)
	count("another", "pending", 1)
	count("nowhere", "pending", 0)
	count(site, "never-was", 0)
	listed(t, s, key(0), "confirmed", 0)
	erase(t, s, key(1))
	count(site, "pending", n-2)
	count(site, "confirmed", 2)
}
