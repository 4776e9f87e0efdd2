package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func countsCases() []testCase {
	return []testCase{
		{"CountsReturnsWhatWasCountedByDayAndName", countsByDay},
		{"CountsAreByHourAndMinuteToo", countsByHour},
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
func counted(t *testing.T, s store.Store, site string, from, to time.Time, want ...store.Count) {
	t.Helper()
	got, err := s.Counts(t.Context(), site, store.ByDay, from, to)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("at %s from %s to %s: %v, %v, want %v", site, from, to, got, err, want)
	}
}

func countsByDay(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	first, second, third := day("2026-09-30"), day("2026-10-01"), day("2026-12-31")
	noon := 12 * time.Hour
	long := fmt.Sprintf("%064d", 1) // as long as it may be
	for i := range 20 {             // different records, so that they are in different shards
		count(t, s, key(i), store.Count{At: second.Add(noon), Name: "signup", N: 1})
	}
	count(t, other, key(1), store.Count{At: third, Name: "signup", N: 3})
	count(t, other, key(1), store.Count{At: second, Name: "confirm", By: "how", Of: "email", N: 40},
		store.Count{At: second, Name: "confirm", N: 30})
	count(t, s, key(2), store.Count{At: first, Name: "email_0", By: "form", Of: long, N: 1 << 40},
		store.Count{At: first, Name: "email_0", By: "form", Of: long, N: 2})

	a := store.Count{At: first, Name: "email_0", By: "form", Of: long, N: 1<<40 + 2}
	b := store.Count{At: second, Name: "confirm", N: 30}
	b2 := store.Count{At: second, Name: "confirm", By: "how", Of: "email", N: 40}
	c, d := store.Count{At: second, Name: "signup", N: 20}, store.Count{At: third, Name: "signup", N: 3}
	for _, s := range []store.Store{s, other} {
		counted(t, s, site, first, third, a, b, b2, c, d)
		counted(t, s, site, day("2020-01-01"), day("2040-12-31"), a, b, b2, c, d)
		counted(t, s, site, second, second, b, b2, c)
		counted(t, s, site, first.Add(noon), second, a, b, b2, c)
		counted(t, s, site, day("2026-10-02"), third, d)
		counted(t, s, site, day("2026-10-02"), day("2026-12-30"))
		counted(t, s, site, third, first)
	}
}

// countsByHour counts what has a dimension by day alone.
func countsByHour(t *testing.T, open func(*testing.T) store.Store) {
	s, start := open(t), day("2026-10-01").Add(17*time.Hour+5*time.Minute)
	for i, after := range []time.Duration{
		0, 59 * time.Second, 60 * time.Second, 10 * time.Minute, 55 * time.Minute, 5 * time.Hour,
	} {
		at := start.Add(after)
		count(t, s, key(i), store.Count{At: at, Name: "signup", N: 1},
			store.Count{At: at, Name: "signup", By: "form", Of: "a", N: 1})
	}
	for by, want := range map[store.CountPeriod]map[string]int64{
		store.ByMinute: {"17:05": 2, "17:06": 1, "17:15": 1, "18:00": 1, "22:05": 1},
		store.ByHour:   {"17:00": 4, "18:00": 1, "22:00": 1},
	} {
		got := map[string]int64{}
		all, err := s.Counts(t.Context(), site, by, start, start.Add(5*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range all {
			got[c.At.Format("15:04")] = c.N
			if c.Name != "signup" || c.By != "" || i > 0 && !c.At.After(all[i-1].At) {
				t.Errorf("number %d is %+v", i, c)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("by period %d: %v, want %v", by, got, want)
		}
		some, err := s.Counts(t.Context(), site, by, start.Add(time.Minute), start.Add(54*time.Minute))
		if err != nil || len(some) != map[store.CountPeriod]int{store.ByMinute: 2, store.ByHour: 1}[by] {
			t.Errorf("by period %d, of the first hour: %v, %v", by, some, err)
		}
	}
}

// day parses a day.
func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func countsApart(t *testing.T, open func(*testing.T) store.Store) {
	s, one := open(t), store.Count{At: day("2026-10-01"), Name: "signup", N: 1}
	count(t, s, keyAt("a", 1), one)
	count(t, s, keyAt("a-b", 1), one, one)
	counted(t, s, "a", one.At, one.At, one)
	counted(t, s, "a-b", one.At, one.At, store.Count{At: one.At, Name: one.Name, N: 2})
	counted(t, s, "b", one.At, one.At)
}

// countsOnce has many change few records at once, so that most changes are tried more than once.
func countsOnce(t *testing.T, open func(*testing.T) store.Store) {
	const n = 200
	clients := []store.Store{open(t), open(t)}
	one := store.Count{At: day("2026-10-01"), Name: "mark", N: 1}
	atOnce(t, n, func(i int) error {
		return markCounted(t.Context(), clients[i%2], key(i%3), fmt.Sprintf("m%03d", i), one)
	})
	counted(t, clients[0], site, one.At, one.At, store.Count{At: one.At, Name: one.Name, N: n})
}

func countsNothing(t *testing.T, open func(*testing.T) store.Store) {
	s, stop := open(t), errors.New("changed my mind")
	one := store.Count{At: day("2026-10-01"), Name: "signup", N: 1}
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
	counted(t, s, site, one.At, one.At)
}

func countsWithEnd(t *testing.T, open func(*testing.T) store.Store) {
	s, one := open(t), store.Count{At: day("2026-10-01"), Name: "sent", N: 1}
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
	counted(t, s, site, one.At, one.At, one)
	want(t, "ending it twice", end(), store.ErrLeaseLost)
	counted(t, s, site, one.At, one.At, one)
	if hook := leaseOne(t, s, "webhook", time.Minute); hook.ID != "hook" {
		t.Errorf("leased %+v", hook)
	}
}

func countsOutlive(t *testing.T, open func(*testing.T) store.Store) {
	s, one := open(t), store.Count{At: day("2026-10-01"), Name: "erased", N: 1}
	count(t, s, key(1), one)
	erasing := func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, Count: []store.Count{one}}, nil
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	counted(t, s, site, one.At, one.At, store.Count{At: one.At, Name: one.Name, N: 2})
}
