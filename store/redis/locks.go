package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/optin/optin/store"
)

// locks lets the callers of one process change a record one after the other; together they would only make each other
// start again. Correctness does not depend on it: versions decide.
//
// A caller that waits while the server goes away gets the failure of the caller that it waits for, so that a queue of
// callers does not multiply the budget.
type locks struct {
	mu  sync.Mutex
	all map[store.Key]*lock
}

type lock struct {
	callers int           // that have the lock or want it
	locked  chan struct{} // of one: full while a caller has the lock
	failed  chan struct{} // closed when the caller that had the lock found the store away
	cause   error         // set before failed is closed
}

// lock waits for the lock of a record. The caller must call unlock with the error that it got from the store.
func (ls *locks) lock(ctx context.Context, key store.Key) (unlock func(error), err error) {
	ls.mu.Lock()
	if ls.all == nil {
		ls.all = make(map[store.Key]*lock)
	}
	l := ls.all[key]
	if l == nil {
		l = &lock{locked: make(chan struct{}, 1), failed: make(chan struct{})}
		ls.all[key] = l
	}
	l.callers++
	ls.mu.Unlock()

	select {
	case l.locked <- struct{}{}:
	default:
		select {
		case l.locked <- struct{}{}:
		case <-l.failed:
			ls.leave(key, l)
			return nil, l.cause
		case <-ctx.Done():
			ls.leave(key, l)
			return nil, unavailable(ctx, nil)
		}
	}
	select {
	case <-l.failed: // at the same moment
		<-l.locked
		ls.leave(key, l)
		return nil, l.cause
	default:
	}
	return func(err error) {
		if errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
			ls.fail(key, l, err)
		}
		<-l.locked
		ls.leave(key, l)
	}, nil
}

// fail gives the failure to all callers that wait. The next caller begins with a new lock.
func (ls *locks) fail(key store.Key, l *lock, cause error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.cause = fmt.Errorf("waiting for another change of the same record: %w", cause)
	close(l.failed)
	if ls.all[key] == l {
		delete(ls.all, key)
	}
}

func (ls *locks) leave(key store.Key, l *lock) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l.callers--; l.callers == 0 && ls.all[key] == l {
		delete(ls.all, key)
	}
}
