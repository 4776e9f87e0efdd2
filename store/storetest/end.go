package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func ending() []testCase {
	return []testCase{
		{"ACallThatIsCalledOffSaysSo", calledOff},
		{"ACallAnswersByItsDeadline", byDeadline},
		{"AnActThatOutlivesItsContextCommitsNothing", outlived},
	}
}

// calls makes one call of every sort.
func calls(s store.Store) map[string]func(ctx context.Context) error {
	text, one := []byte("text"), store.Count{Day: "2026-10-01", Name: "signup", N: 1}
	return map[string]func(ctx context.Context) error{
		"Update": func(ctx context.Context) error {
			return s.Update(ctx, key(1), func(store.Record) (store.Change, error) {
				return store.Change{Put: pending(), Enqueue: []store.Job{entry("a", "letter")}, Count: []store.Count{one}}, nil
			})
		},
		"Get":    func(ctx context.Context) error { _, err := s.Find(ctx, key(2)); return err },
		"List":   func(ctx context.Context) error { _, err := s.List(ctx, store.Query{Site: site}); return err },
		"Lease":  func(ctx context.Context) error { _, err := s.Lease(ctx, "webhook", 1, time.Minute); return err },
		"Extend": func(ctx context.Context) error { return s.RenewLease(ctx, entry("a", "letter"), time.Minute) },
		"Settle": func(ctx context.Context) error { return s.End(ctx, entry("a", "letter"), store.Complete()) },
		"Take": func(ctx context.Context) error {
			_, err := s.Acquire(ctx, "", bucket("bucket", store.Limit{N: 1, Per: time.Hour}))
			return err
		},
		"Counts":  func(ctx context.Context) error { _, err := s.Counts(ctx, site, "2026-10-01", "2026-10-01"); return err },
		"Parked":  func(ctx context.Context) error { _, err := s.Failed(ctx, "letter", "a", 1); return err },
		"Revive":  func(ctx context.Context) error { return s.Requeue(ctx, "letter", "a", key(1)) },
		"Reserve": func(ctx context.Context) error { _, err := s.SetNX(ctx, "name", text, time.Hour); return err },
		"Replace": func(ctx context.Context) error { return s.CompareAndSwap(ctx, "name", text, text, time.Hour) },
		"Keep":    func(ctx context.Context) error { return s.PutText(ctx, sum(text), text) },
		"Kept":    func(ctx context.Context) error { _, err := s.Text(ctx, sum([]byte("none"))); return err },
		"Ready":   func(ctx context.Context) error { return s.Ready(ctx) },
	}
}

// untouched fails if one of the calls left something behind.
func untouched(t *testing.T, s store.Store) {
	t.Helper()
	absent(t, s, key(1))
	nothingDue(t, s, "letter")
	if wait := acquire(t, s, "bucket", store.Limit{N: 1, Per: time.Hour}); wait != 0 {
		t.Errorf("one was taken; the wait is %v", wait)
	}
	tallied(t, s, site, "2026-10-01", "2026-10-01")
	if held := reserve(t, s, "name", []byte("mine"), time.Hour); held != nil {
		t.Errorf("%q was reserved", held)
	}
	_, err := s.Text(t.Context(), sum([]byte("text")))
	want(t, "the text", err, store.ErrNotFound)
}

func calledOff(t *testing.T, open func(*testing.T) store.Store) {
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
			t.Errorf("%s answered after %v", name, took)
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
		return store.Change{Put: pending(), Enqueue: []store.Job{entry("a", "letter")}}, nil
	})
	want(t, "an act that was called off while it ran", err, context.Canceled)
	absent(t, s, key(1))
	nothingDue(t, s, "letter")
	put(t, s, key(1), pending())
}
