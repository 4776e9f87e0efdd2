package mailer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// failingStore is a store whose next updates fail.
type failingStore struct {
	store.Store
	mu   sync.Mutex
	away int   // how many of the next updates fail
	as   error // the error; store.ErrUnavailable if nil
}

func (a *failingStore) UpdateFrom(
	ctx context.Context, k store.Record, f func(store.Record) (store.Change, error),
) error {
	a.mu.Lock()
	away, as := a.away > 0, a.as
	a.away = max(0, a.away-1)
	a.mu.Unlock()
	if away && as != nil {
		return as
	}
	if away {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errors.New("the disk is full"))
	}
	return a.Store.UpdateFrom(ctx, k, f)
}

func (a *failingStore) leave(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = n
}

func TestAStoreThatIsUnavailableForAMomentCausesNoDuplicate(t *testing.T) {
	r := startRelay(t)
	a := &failingStore{}
	env := newEnvWithStore(t, r.addr, func(s store.Store) store.Store { a.Store = s; return a })
	job := env.signUp(ada)
	a.leave(3)
	env.deliver(job)
	if len(r.received()) != 1 || env.taken(job) == nil {
		t.Errorf("%d emails; %+v", len(r.received()), env.request(job))
	}
	other := env.signUp("nobody@example.org")
	r.change(says("RCPT", "550 5.1.1 unknown"))
	a.leave(2)
	if ended, err := env.Run(t.Context(), other); !ended || err != nil ||
		env.request(other).State != consent.Undeliverable {
		t.Errorf("ended %v, %v", ended, err)
	}
}

// closedStore is a store whose Find, FindAll or Acquire fails.
type closedStore struct {
	store.Store
	find, acquire bool
}

func (s *closedStore) Find(ctx context.Context, k store.Key) (store.Record, error) {
	if s.find {
		return store.Record{}, store.ErrUnavailable
	}
	return s.Store.Find(ctx, k)
}

func (s *closedStore) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	if s.find {
		return nil, store.ErrUnavailable
	}
	return s.Store.FindAll(ctx, keys...)
}

func (s *closedStore) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if s.acquire {
		return nil, store.ErrUnavailable
	}
	return s.Store.Acquire(ctx, taker, buckets...)
}

func TestAnAttemptWhileTheStoreIsUnavailableDoesNotCount(t *testing.T) {
	for name, change := range map[string]func(*closedStore){
		"the message": func(s *closedStore) { s.find = true },
		"the limit":   func(s *closedStore) { s.acquire = true },
	} {
		t.Run(name, func(t *testing.T) {
			r, s := startRelay(t), &closedStore{}
			env := newEnvWithStore(t, r.addr, func(st store.Store) store.Store { s.Store = st; return s })
			job := env.signUp(ada)
			job.Reserved = false // it found no room when it was enqueued, and so asks again
			change(s)
			_, err := env.Run(t.Context(), job)
			if !errors.Is(err, store.ErrUnavailable) || queueOf(err) != job.Queue || waitOf(err) != 5*time.Second ||
				env.lastLog()["outcome"] != "error" {
				t.Errorf("%v is retried in %s in queue %s", err, waitOf(err), queueOf(err))
			}
			job.Queue = confirm.QueueEmailMaybeSent
			if _, err := env.Run(t.Context(), job); queueOf(err) != confirm.QueueEmailMaybeSent {
				t.Errorf("what was maybe sent is retried in %s: %v", queueOf(err), err)
			}
			*s = closedStore{Store: s.Store}
			env.deliver(job)
		})
	}
}

func TestAnUnrecordedDeliveryIsRecordedByTheNextAttemptAndNotSentAgain(t *testing.T) {
	r := startRelay(t)
	a := &failingStore{as: errors.New("the disk is odd")}
	env := newEnvWithStore(t, r.addr, func(s store.Store) store.Store { a.Store = s; return a })
	job := env.signUp(ada)
	a.leave(1)
	ended, err := env.Run(t.Context(), job)
	if ended || err == nil || env.lastLog()["outcome"] != "unrecorded" || !env.isDue(job) {
		t.Fatalf("ended %v, %v", ended, err)
	}
	env.noSecrets(err)
	job = env.lease()
	env.deliver(job)
	if q := env.request(job); len(r.received()) != 1 || taken(q) == nil ||
		taken(q).Reply != "250 2.0.0 Ok: queued as 4FD1" || env.isDue(job) {
		t.Errorf("%d emails; %+v", len(r.received()), q)
	}
}
