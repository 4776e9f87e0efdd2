package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/optin/optin/store"
)

// turns lets the callers of one process change one record one after the other; together they would only make each
// other start anew. Correctness does not rest on it: versions decide.
//
// Whoever waits while the server goes away gets the failure of the caller it waits for, so that a queue does not
// multiply the budget.
type turns struct {
	mu    sync.Mutex
	lanes map[store.Key]*lane
}

type lane struct {
	waiting int           // callers that hold or want the turn
	turn    chan struct{} // of one: full while somebody has it
	failed  chan struct{} // closed when the holder found the store away
	cause   error         // set before failed is closed
}

// take waits for the turn at a record. It must be given back with the error that came of it.
func (t *turns) take(ctx context.Context, key store.Key) (back func(error), err error) {
	t.mu.Lock()
	if t.lanes == nil {
		t.lanes = make(map[store.Key]*lane)
	}
	l := t.lanes[key]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1), failed: make(chan struct{})}
		t.lanes[key] = l
	}
	l.waiting++
	t.mu.Unlock()

	select {
	case l.turn <- struct{}{}:
	default:
		select {
		case l.turn <- struct{}{}:
		case <-l.failed:
			t.leave(key, l)
			return nil, l.cause
		case <-ctx.Done():
			t.leave(key, l)
			return nil, away(ctx, nil)
		}
	}
	select {
	case <-l.failed: // and the turn came at the same moment
		<-l.turn
		t.leave(key, l)
		return nil, l.cause
	default:
	}
	return func(err error) {
		if errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
			t.fail(key, l, err)
		}
		<-l.turn
		t.leave(key, l)
	}, nil
}

// fail tells all who wait, and makes the next caller begin a queue of its own.
func (t *turns) fail(key store.Key, l *lane, cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.cause = fmt.Errorf("waiting for another change of the same record: %w", cause)
	close(l.failed)
	if t.lanes[key] == l {
		delete(t.lanes, key)
	}
}

func (t *turns) leave(key store.Key, l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.waiting--; l.waiting == 0 && t.lanes[key] == l {
		delete(t.lanes, key)
	}
}
