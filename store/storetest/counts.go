package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func countsCases() []testCase {
	return []testCase{
		{"CountsReturnsWhatWasCountedByDayAndName", countsByDay},
		{"CountsKeepsSitesApart", countsApart},
		{"EveryCommitIsCountedOnceHoweverManyContend", countsOnce},
		{"WhatIsNotCommittedIsNotCounted", countsNothing},
		{"UpdateThatEndsAJobCountsOnce", countsWithEnd},
		{"CountsOutliveTheirRecord", countsOutlive},
	}
}

// count commits a state with counts.
func count(t *testing.T, s store.Store, k store.Key, counts ...store.Count) {
	t.Helper()
	err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) {
		return store.Change{Put: pending(), Count: counts}, nil
	})
	if err != nil {
		t.Fatalf("counting at %v: %v", k, err)
	}
}

// counted fails unless exactly this was counted at a site.
func counted(t *testing.T, s store.Store, site, from, to string, want ...store.Count) {
	t.Helper()
	got, err := s.Counts(t.Context(), site, from, to)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("at %s from %s to %s: %v, %v, want %v", site, from, to, got, err, want)
	}
}

func countsByDay(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	const first, second, third = "2026-09-30", "2026-10-01", "2026-12-31"
	name := "email_0/x-" + fmt.Sprintf("%085d", 1) // as long as it may be
	for i := range 20 {                            // different records, so that they are in different shards
		count(t, s, key(i), store.Count{Day: second, Name: "signup", N: 1})
	}
	count(
		t, other, key(1), store.Count{Day: third, Name: "signup", N: 3},
		store.Count{Day: second, Name: "confirm/email", N: 40},
	)
	count(t, s, key(2), store.Count{Day: first, Name: name, N: 1 << 40}, store.Count{Day: first, Name: name, N: 2})

	a, b := store.Count{Day: first, Name: name, N: 1<<40 + 2}, store.Count{Day: second, Name: "confirm/email", N: 40}
	c, d := store.Count{Day: second, Name: "signup", N: 20}, store.Count{Day: third, Name: "signup", N: 3}
	for _, s := range []store.Store{s, other} {
		counted(t, s, site, first, third, a, b, c, d)
		counted(t, s, site, "2020-01-01", "2040-12-31", a, b, c, d)
		counted(t, s, site, second, second, b, c)
		counted(t, s, site, first, second, a, b, c)
		counted(t, s, site, "2026-10-02", third, d)
		counted(t, s, site, "2026-10-02", "2026-12-30")
		counted(t, s, site, third, first)
	}
}

func countsApart(t *testing.T, open func(*testing.T) store.Store) {
	s, one := open(t), store.Count{Day: "2026-10-01", Name: "signup", N: 1}
	count(t, s, keyAt("a", 1), one)
	count(t, s, keyAt("a-b", 1), one, one)
	counted(t, s, "a", one.Day, one.Day, one)
	counted(t, s, "a-b", one.Day, one.Day, store.Count{Day: one.Day, Name: one.Name, N: 2})
	counted(t, s, "b", one.Day, one.Day)
}

// countsOnce has many change few records at once, so that most changes are tried more than once.
func countsOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 200
	clients := []store.Store{open(t), open(t)}
	one := store.Count{Day: "2026-10-01", Name: "mark", N: 1}
	atOnce(t, n, func(i int) error {
		return markCounted(t.Context(), clients[i%2], key(i%3), fmt.Sprintf("m%03d", i), one)
	})
	counted(t, clients[0], site, one.Day, one.Day, store.Count{Day: one.Day, Name: one.Name, N: n})
}

func countsNothing(t *testing.T, open func(*testing.T) store.Store) {
	s, stop := open(t), errors.New("changed my mind")
	one := store.Count{Day: "2026-10-01", Name: "signup", N: 1}
	changes := map[error]store.Change{
		nil:              {}, // nothing is changed, nothing is counted
		store.ErrInvalid: {Count: []store.Count{one}},
		stop:             {Put: pending(), Count: []store.Count{one}},
	}
	for target, c := range changes {
		err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
			if target == stop {
				return c, stop
			}
			return c, nil
		})
		want(t, "a change that counts", err, target)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Update(ctx, key(1), func(store.Record) (store.Change, error) {
		cancel()
		return store.Change{Put: pending(), Count: []store.Count{one}}, nil
	})
	want(t, "an update that was cancelled while it ran", err, context.Canceled)
	absent(t, s, key(1))
	counted(t, s, site, one.Day, one.Day)
}

func countsWithEnd(t *testing.T, open func(*testing.T) store.Store) {
	s, one := open(t), store.Count{Day: "2026-10-01", Name: "sent", N: 1}
	j := leasedJob(t, s, time.Minute)
	end := func() error {
		return s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
			return store.Change{
				Put: pending(), Enqueue: []store.Job{job("hook", "webhook")}, Count: []store.Count{one},
				End: &store.JobEnd{Job: j, Outcome: store.Complete()},
			}, nil
		})
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	counted(t, s, site, one.Day, one.Day, one)
	want(t, "ending it twice", end(), store.ErrLeaseLost)
	counted(t, s, site, one.Day, one.Day, one)
	if hook := leaseOne(t, s, "webhook", time.Minute); hook.ID != "hook" {
		t.Errorf("leased %+v", hook)
	}
}

func countsOutlive(t *testing.T, open func(*testing.T) store.Store) {
	s, one := open(t), store.Count{Day: "2026-10-01", Name: "erased", N: 1}
	count(t, s, key(1), one)
	erasing := func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, Count: []store.Count{one}}, nil
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	counted(t, s, site, one.Day, one.Day, store.Count{Day: one.Day, Name: one.Name, N: 2})
}
