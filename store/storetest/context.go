package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func contextCases() []testCase {
	return []testCase{
		{"ACancelledCallReturnsItsContextsError", cancelled},
		{"ACallReturnsByItsDeadline", byDeadline},
		{"UpdateCommitsNothingOnceItsContextHasEnded", outlived},
	}
}

// calls returns one call of each method.
func calls(s store.Store) map[string]func(ctx context.Context) error {
	text, one := []byte("text"), store.Count{At: day("2026-10-01"), Name: "signup", N: 1}
	return map[string]func(ctx context.Context) error{
		"Update": func(ctx context.Context) error {
			return s.Update(ctx, key(1), func(store.Record) (store.Change, error) {
				return store.Change{
					Put:     pending(),
					Enqueue: []store.Job{reserving("a", bucket("reserved", store.Limit{N: 1, Per: time.Hour}))},
					Count:   []store.Count{one},
					Acquire: acquisition("", bucket("acquired", store.Limit{N: 1, Per: time.Hour})),
				}, nil
			})
		},
		"Find":       func(ctx context.Context) error { _, err := s.Find(ctx, key(2)); return err },
		"List":       func(ctx context.Context) error { _, err := s.List(ctx, store.Query{Site: site}); return err },
		"Due":        func(ctx context.Context) error { _, err := s.Due(ctx); return err },
		"Lease":      func(ctx context.Context) error { _, err := s.Lease(ctx, "webhook", 1, time.Minute); return err },
		"RenewLease": func(ctx context.Context) error { return s.RenewLease(ctx, job("a", "email"), time.Minute) },
		"End":        func(ctx context.Context) error { return s.End(ctx, job("a", "email"), store.Complete()) },
		"Acquire": func(ctx context.Context) error {
			_, err := s.Acquire(ctx, "", bucket("bucket", store.Limit{N: 1, Per: time.Hour}))
			return err
		},
		"Counts": func(ctx context.Context) error {
			_, err := s.Counts(ctx, site, store.ByDay, one.At, one.At)
			return err
		},
		"Failed":         func(ctx context.Context) error { _, err := s.Failed(ctx, "email", "a", 1); return err },
		"Requeue":        func(ctx context.Context) error { return s.Requeue(ctx, "email", "a", key(1)) },
		"SetNX":          func(ctx context.Context) error { _, err := s.SetNX(ctx, "a", text, time.Hour); return err },
		"CompareAndSwap": func(ctx context.Context) error { return s.CompareAndSwap(ctx, "a", text, text, time.Hour) },
		"PutText":        func(ctx context.Context) error { return s.PutText(ctx, sum(text), text) },
		"Text":           func(ctx context.Context) error { _, err := s.Text(ctx, sum([]byte("none"))); return err },
		"Ready":          func(ctx context.Context) error { return s.Ready(ctx) },
	}
}

// untouched fails if one of the calls left something behind.
func untouched(t *testing.T, s store.Store) {
	t.Helper()
	absent(t, s, key(1))
	nothingDue(t, s, "email")
	for _, name := range []string{"bucket", "acquired", "reserved"} {
		if wait := acquire(t, s, name, store.Limit{N: 1, Per: time.Hour}); wait != 0 {
			t.Errorf("the bucket %q is used; the wait is %v", name, wait)
		}
	}
	counted(t, s, site, day("2026-10-01"), day("2026-10-01"))
	if current := setNX(t, s, "a", []byte("mine"), time.Hour); current != nil {
		t.Errorf("the cell holds %q", current)
	}
	_, err := s.Text(t.Context(), sum([]byte("text")))
	want(t, "the text", err, store.ErrNotFound)
}

func cancelled(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls(s) {
		want(t, name+" after cancellation", call(ctx), context.Canceled)
	}
	untouched(t, s)
}

func byDeadline(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, call := range calls(s) {
		began := time.Now()
		want(t, name+" after its deadline", call(ctx), context.DeadlineExceeded)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s returned after %v", name, took)
		}
	}
	untouched(t, s)
}

func outlived(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Update(ctx, key(1), func(store.Record) (store.Change, error) {
		cancel()
		return store.Change{Put: pending(), Enqueue: []store.Job{job("a", "email")}}, nil
	})
	want(t, "an update that was cancelled while it ran", err, context.Canceled)
	absent(t, s, key(1))
	nothingDue(t, s, "email")
	put(t, s, key(1), pending())
}
