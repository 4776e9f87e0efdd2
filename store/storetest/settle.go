package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func settling() []testCase {
	return []testCase{
		{"WhatIsDoneIsGone", done},
		{"OnlyOneOfManySettlesALease", settleOnce},
		{"WhoComesTooLateHasLostTheLease", tooLate},
		{"ALeaseThatNobodyTookMayStillBeSettled", stillMine},
		{"AgainMakesItDueThen", again},
		{"AnExtendedLeaseLasts", keptOn},
		{"TheDeadAreNeverLeasedAgain", dead},
	}
}

// owed puts one letter that is due and leases it.
func owed(t *testing.T, s store.Store, hold time.Duration) store.Job {
	t.Helper()
	put(t, s, key(1), pending(), entry("a", "letter"))
	return leaseOne(t, s, "letter", hold)
}

func done(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, 50*time.Millisecond)
	if err := other.End(t.Context(), e, store.Complete()); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Outcome{store.Complete(), store.Retry(time.Now()), store.Fail()} {
		want(t, "settling what is done", s.End(t.Context(), e, o), store.ErrLeaseLost)
	}
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, "letter")
	e.ID = "unheard-of"
	want(t, "settling what never was", s.End(t.Context(), e, store.Complete()), store.ErrLeaseLost)
}

func keptOn(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, 400*time.Millisecond)
	begun := time.Now()
	if err := other.RenewLease(t.Context(), e, time.Minute); err != nil {
		t.Fatal(err)
	}
	until(t, begun.Add(500*time.Millisecond))
	nothingDue(t, other, "letter")
	if err := s.RenewLease(t.Context(), e, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	again := leaseOne(t, other, "letter", time.Minute)
	want(t, "extending what somebody else has", s.RenewLease(t.Context(), e, time.Hour), store.ErrLeaseLost)
	if err := other.End(t.Context(), again, store.Retry(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	want(t, "extending what was put back", other.RenewLease(t.Context(), again, time.Hour), store.ErrLeaseLost)
	again.ID = "unheard-of"
	want(t, "extending what never was", s.RenewLease(t.Context(), again, time.Hour), store.ErrLeaseLost)
}

func settleOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	e := owed(t, clients[0], time.Minute)
	won := make(chan bool, 32)
	atOnce(t, cap(won), func(i int) error {
		err := clients[i%2].End(t.Context(), e, store.Retry(time.Now()))
		won <- err == nil
		if errors.Is(err, store.ErrLeaseLost) {
			return nil
		}
		return err
	})
	wins := 0
	for range cap(won) {
		if <-won {
			wins++
		}
	}
	if wins != 1 {
		t.Errorf("%d settled the same lease, want 1", wins)
	}
}

func tooLate(t *testing.T, open func(*testing.T) store.Store) {
	slow, quick := open(t), open(t)
	old := owed(t, slow, 30*time.Millisecond)
	e := leaseOne(t, quick, "letter", time.Minute)
	if e.Attempts != old.Attempts+1 {
		t.Errorf("the second lease says try %d, after %d", e.Attempts, old.Attempts)
	}
	for _, o := range []store.Outcome{store.Complete(), store.Retry(time.Now()), store.Fail()} {
		want(t, "settling too late", slow.End(t.Context(), old, o), store.ErrLeaseLost)
	}
	nothingDue(t, slow, "letter")
	if err := quick.End(t.Context(), e, store.Complete()); err != nil {
		t.Errorf("the holder settles: %v", err)
	}
}

func stillMine(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := owed(t, s, 20*time.Millisecond)
	until(t, time.Now().Add(80*time.Millisecond))
	if err := s.End(t.Context(), e, store.Complete()); err != nil {
		t.Errorf("settling after the hold: %v", err)
	}
	nothingDue(t, s, "letter")
}

func again(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, time.Minute)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	if err := s.End(t.Context(), e, store.Retry(at)); err != nil {
		t.Fatal(err)
	}
	want(t, "settling what was given back", s.End(t.Context(), e, store.Complete()), store.ErrLeaseLost)
	next := leaseOne(t, other, "letter", time.Minute)
	if now := time.Now(); now.Before(at) || next.Attempts != 2 || string(next.Body) != "body of a" || next.Key != key(1) {
		t.Errorf("leased %+v at %v, want try 2 not before %v", next, now, at)
	}
	want(t, "settling with the old lease", s.End(t.Context(), e, store.Complete()), store.ErrLeaseLost)
	if err := other.End(t.Context(), next, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if e := leaseOne(t, s, "letter", time.Minute); e.Attempts != 3 {
		t.Errorf("leased %+v, want try 3", e)
	}
}

func dead(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, 30*time.Millisecond)
	if err := s.End(t.Context(), e, store.Fail()); err != nil {
		t.Fatal(err)
	}
	want(t, "settling the dead", other.End(t.Context(), e, store.Retry(time.Now())), store.ErrLeaseLost)
	put(t, s, key(1), pending(), entry("a", "letter")) // owed again: it is still that one entry
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, "letter")
	nothingDue(t, other, "letter")
}
