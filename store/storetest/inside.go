package storetest

import (
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func settlingInside() []testCase {
	return []testCase{
		{"ASettlementCommitsWithItsRecord", settledWith},
		{"ALostSettlementCommitsNothing", lostInside},
		{"AnErasureMaySettle", erasesAndSettles},
		{"AnEntryOfAnotherRecordIsNotSettled", foreign},
	}
}

// settleBy confirms the record and settles e in one change that also owes a webhook.
func settleBy(t *testing.T, s store.Store, k store.Key, e store.Job, o store.Outcome) error {
	t.Helper()
	return s.Update(t.Context(), k, func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     &store.Record{State: "confirmed"},
			Enqueue: []store.Job{entry("hook", "webhook")},
			End:     &store.JobEnd{Job: e, Outcome: o},
		}, nil
	})
}

func settledWith(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := owed(t, s, time.Minute)
	if err := settleBy(t, s, key(1), e, store.Retry(time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if r := get(t, s, key(1)); r.State != "confirmed" {
		t.Errorf("the record is %+v", r)
	}
	if hook := leaseOne(t, s, "webhook", time.Minute); hook.ID != "hook" {
		t.Errorf("leased %+v", hook)
	}
	e = leaseOne(t, s, "letter", time.Minute)
	if e.Attempts != 2 {
		t.Errorf("leased %+v, want try 2", e)
	}
	if err := settleBy(t, s, key(1), e, store.Complete()); err != nil {
		t.Fatal(err)
	}
	want(t, "settling again", s.End(t.Context(), e, store.Complete()), store.ErrLeaseLost)
	nothingDue(t, s, "letter")
}

func lostInside(t *testing.T, open func(*testing.T) store.Store) {
	slow, quick := open(t), open(t)
	old := owed(t, slow, 30*time.Millisecond)
	e := leaseOne(t, quick, "letter", time.Minute)
	before := get(t, slow, key(1))
	want(t, "a change that settles too late", settleBy(t, slow, key(1), old, store.Complete()), store.ErrLeaseLost)
	nothingDue(t, slow, "webhook")
	if err := quick.End(t.Context(), e, store.Complete()); err != nil {
		t.Errorf("the holder settles: %v", err)
	}
	want(t, "a change that settles twice", settleBy(t, quick, key(1), e, store.Complete()), store.ErrLeaseLost)
	nothingDue(t, slow, "webhook")
	if after := get(t, quick, key(1)); after.Version != before.Version || after.State != "pending" {
		t.Errorf("the record went from %+v to %+v", before, after)
	}
	erase(t, slow, key(1))
	want(t, "a change that would create and settle", settleBy(t, slow, key(1), e, store.Complete()), store.ErrLeaseLost)
	absent(t, slow, key(1))
	nothingDue(t, slow, "webhook")
}

func erasesAndSettles(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := owed(t, s, time.Minute)
	erasing := func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, End: &store.JobEnd{Job: e, Outcome: store.Complete()}}, nil
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	want(t, "the same again", s.Update(t.Context(), key(1), erasing), store.ErrLeaseLost)
}

func foreign(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	e := owed(t, s, time.Minute)
	want(t, "settling another's entry", settleBy(t, s, key(2), e, store.Complete()), store.ErrInvalid)
	absent(t, s, key(2))
	nothingDue(t, s, "webhook")
	if err := s.End(t.Context(), e, store.Complete()); err != nil {
		t.Errorf("its own holder settles: %v", err)
	}
}
