package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func settling() []clause {
	return []clause{
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
func owed(t *testing.T, s store.Store, hold time.Duration) store.Entry {
	t.Helper()
	put(t, s, key(1), pending(), entry("a", "letter"))
	return leaseOne(t, s, "letter", hold)
}

func done(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, 50*time.Millisecond)
	if err := other.Settle(t.Context(), e, store.Done()); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Outcome{store.Done(), store.Again(time.Now()), store.Dead()} {
		want(t, "settling what is done", s.Settle(t.Context(), e, o), store.ErrLost)
	}
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, "letter")
	e.ID = "unheard-of"
	want(t, "settling what never was", s.Settle(t.Context(), e, store.Done()), store.ErrLost)
}

func keptOn(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, 400*time.Millisecond)
	begun := time.Now()
	if err := other.Extend(t.Context(), e, time.Minute); err != nil {
		t.Fatal(err)
	}
	until(t, begun.Add(500*time.Millisecond))
	nothingDue(t, other, "letter")
	if err := s.Extend(t.Context(), e, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	again := leaseOne(t, other, "letter", time.Minute)
	want(t, "extending what somebody else has", s.Extend(t.Context(), e, time.Hour), store.ErrLost)
	if err := other.Settle(t.Context(), again, store.Again(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	want(t, "extending what was put back", other.Extend(t.Context(), again, time.Hour), store.ErrLost)
	again.ID = "unheard-of"
	want(t, "extending what never was", s.Extend(t.Context(), again, time.Hour), store.ErrLost)
}

func settleOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	e := owed(t, clients[0], time.Minute)
	won := make(chan bool, 32)
	atOnce(t, cap(won), func(i int) error {
		err := clients[i%2].Settle(t.Context(), e, store.Again(time.Now()))
		won <- err == nil
		if errors.Is(err, store.ErrLost) {
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
	if e.Tries != old.Tries+1 {
		t.Errorf("the second lease says try %d, after %d", e.Tries, old.Tries)
	}
	for _, o := range []store.Outcome{store.Done(), store.Again(time.Now()), store.Dead()} {
		want(t, "settling too late", slow.Settle(t.Context(), old, o), store.ErrLost)
	}
	nothingDue(t, slow, "letter")
	if err := quick.Settle(t.Context(), e, store.Done()); err != nil {
		t.Errorf("the holder settles: %v", err)
	}
}

func stillMine(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := owed(t, s, 20*time.Millisecond)
	until(t, time.Now().Add(80*time.Millisecond))
	if err := s.Settle(t.Context(), e, store.Done()); err != nil {
		t.Errorf("settling after the hold: %v", err)
	}
	nothingDue(t, s, "letter")
}

func again(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, time.Minute)
	at := time.Now().Add(200 * time.Millisecond).Truncate(time.Millisecond)
	if err := s.Settle(t.Context(), e, store.Again(at)); err != nil {
		t.Fatal(err)
	}
	want(t, "settling what was given back", s.Settle(t.Context(), e, store.Done()), store.ErrLost)
	next := leaseOne(t, other, "letter", time.Minute)
	if now := time.Now(); now.Before(at) || next.Tries != 2 || string(next.Body) != "body of a" || next.Key != key(1) {
		t.Errorf("leased %+v at %v, want try 2 not before %v", next, now, at)
	}
	want(t, "settling with the old lease", s.Settle(t.Context(), e, store.Done()), store.ErrLost)
	if err := other.Settle(t.Context(), next, store.Again(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if e := leaseOne(t, s, "letter", time.Minute); e.Tries != 3 {
		t.Errorf("leased %+v, want try 3", e)
	}
}

func dead(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := owed(t, s, 30*time.Millisecond)
	if err := s.Settle(t.Context(), e, store.Dead()); err != nil {
		t.Fatal(err)
	}
	want(t, "settling the dead", other.Settle(t.Context(), e, store.Again(time.Now())), store.ErrLost)
	put(t, s, key(1), pending(), entry("a", "letter")) // owed again: it is still that one entry
	until(t, time.Now().Add(80*time.Millisecond))
	nothingDue(t, s, "letter")
	nothingDue(t, other, "letter")
}
