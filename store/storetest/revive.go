package storetest

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func reviving() []testCase {
	return []testCase{
		{"TheRevivedAreDueAsIfNeverTried", revived},
		{"OnlyTheDeadAreRevived", onlyTheDead},
		{"OnlyOneRevivesTheDead", revivedOnce},
		{"WhoHeldItBeforeItDiedHasLostTheRevived", heldBefore},
		{"TheDeadOutliveTheirRecord", outliveRecord},
	}
}

func revived(t *testing.T, open func(*testing.T) store.Store) {
	s, other := open(t), open(t)
	e := entry("a", "letter")
	e.Due = time.Now().Add(-time.Hour)
	die(t, s, key(1), e)
	for round := range 2 { // and it may die again
		if err := other.Requeue(t.Context(), "letter", "a", key(1)); err != nil {
			t.Fatal(err)
		}
		if es := parked(t, s, "letter", "", 10); len(es) != 0 {
			t.Errorf("the revived are still listed: %+v", es)
		}
		put(t, s, key(1), pending(), entry("a", "letter")) // owed again: it is still that one entry
		got := leaseOne(t, s, "letter", time.Minute)
		if got.Attempts != 1 || got.Key != key(1) || string(got.Body) != "body of a" {
			t.Errorf("round %d: leased %+v, want its first try", round, got)
		}
		if age := time.Since(got.Due); age > time.Minute || age < -time.Minute {
			t.Errorf("round %d: it was due %v ago, want now", round, age)
		}
		nothingDue(t, other, "letter")
		if err := s.End(t.Context(), got, store.Retry(time.Now().Add(-time.Minute))); err != nil {
			t.Fatal(err)
		}
		if got = leaseOne(t, s, "letter", time.Minute); got.Attempts != 2 {
			t.Errorf("round %d: leased %+v, want its second try", round, got)
		}
		if err := s.End(t.Context(), got, store.Fail()); err != nil {
			t.Fatal(err)
		}
	}
}

func onlyTheDead(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	refused := func(what string, kind store.QueueName, id string, k store.Key) {
		t.Helper()
		want(t, "reviving "+what, s.Requeue(t.Context(), kind, id, k), store.ErrNotFound)
	}
	refused("what never was", "letter", "a", key(1))
	later := entry("a", "letter")
	later.Due = time.Now().Add(time.Hour)
	put(t, s, key(1), pending(), later)
	refused("what is owed later", "letter", "a", key(1))
	nothingDue(t, s, "letter")
	put(t, s, key(1), pending(), entry("b", "letter"))
	refused("what is owed", "letter", "b", key(1))
	b := leaseOne(t, s, "letter", time.Minute)
	refused("what is leased", "letter", "b", key(1))
	nothingDue(t, s, "letter")
	if err := s.End(t.Context(), b, store.Complete()); err != nil {
		t.Errorf("the holder settles: %v", err)
	}
	refused("what is done", "letter", "b", key(1))
	die(t, s, key(1), entry("c", "letter"))
	refused("another kind's", "webhook", "c", key(1))
	refused("another record's", "letter", "c", key(2))
	refused("another site's", "letter", "c", keyAt("other", 1))
	refused("another's", "letter", "cc", key(1))
	nothingDue(t, s, "letter")
	if ids := names(parked(t, s, "letter", "", 10)); !slices.Equal(ids, []string{"c"}) {
		t.Errorf("parked are %v, want c", ids)
	}
}

func revivedOnce(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	die(t, clients[0], key(1), entry("a", "letter"))
	var won atomic.Int32
	atOnce(t, 40, func(i int) error {
		err := clients[i%2].Requeue(t.Context(), "letter", "a", key(1))
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if won.Load() != 1 {
		t.Errorf("%d revived it, want 1", won.Load())
	}
	leaseOne(t, clients[0], "letter", time.Minute)
	nothingDue(t, clients[1], "letter")
}

func heldBefore(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	old := die(t, s, key(1), entry("a", "letter"))
	if err := s.Requeue(t.Context(), "letter", "a", key(1)); err != nil {
		t.Fatal(err)
	}
	for _, o := range []store.Outcome{store.Complete(), store.Retry(time.Now()), store.Fail()} {
		want(t, "settling what was revived", s.End(t.Context(), old, o), store.ErrLeaseLost)
	}
	want(t, "extending what was revived", s.RenewLease(t.Context(), old, time.Hour), store.ErrLeaseLost)
	leaseOne(t, s, "letter", time.Minute)
}

func outliveRecord(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	die(t, s, key(1), entry("a", "letter"))
	erase(t, s, key(1))
	if ids := names(parked(t, s, "letter", "", 10)); !slices.Equal(ids, []string{"a"}) {
		t.Errorf("parked are %v, want a", ids)
	}
	if err := s.Requeue(t.Context(), "letter", "a", key(1)); err != nil {
		t.Errorf("reviving: %v", err)
	}
	if e := leaseOne(t, s, "letter", time.Minute); e.Key != key(1) || string(e.Body) != "body of a" {
		t.Errorf("leased %+v", e)
	}
	absent(t, s, key(1))
}
