package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

// result is what the goroutine that uses the disk returns.
type result[T any] struct {
	value T
	err   error
}

// errClosed is what a call returns after Close.
var errClosed = fmt.Errorf("%w: sqlite: the store is closed", store.ErrUnavailable)

// start runs f, which uses the disk, in a goroutine of its own. Close waits for it.
func start[T any](ctx context.Context, s *Store, f func() (T, error)) <-chan result[T] {
	results := make(chan result[T], 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		results <- result[T]{err: errClosed}
	case ctx.Err() != nil:
		results <- result[T]{err: ctx.Err()}
	default:
		s.calls.Go(func() {
			v, err := f()
			results <- result[T]{v, err}
		})
	}
	return results
}

// await returns the result, or the context's error if that comes first.
func await[T any](ctx context.Context, results <-chan result[T]) (T, error) {
	var r result[T]
	select {
	case r = <-results:
	case <-ctx.Done():
		select {
		case r = <-results: // both came: the result says more
		default:
			r.err = fmt.Errorf("%w while the disk was used", ctx.Err())
		}
	}
	return r.value, contractError(ctx, r.err)
}

// bounded returns a context that ends no later than a call may take.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.o.Deadline)
}

// read runs f, which reads the last committed state.
func read[T any](ctx context.Context, s *Store, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return await(ctx, start(ctx, s, func() (T, error) {
		for {
			v, err := f(ctx)
			if !isLocked(err) { // as it is for a moment when another process recovers the log
				return v, err
			}
			if ended := pause(ctx, lockPoll); ended != nil {
				return v, fmt.Errorf("%w: %w", ended, err)
			}
		}
	}))
}

// change runs f in a transaction, which is rolled back if f fails.
func change[T any](ctx context.Context, s *Store, p *pool, f func(transaction) (T, error)) (T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return await(ctx, start(ctx, s, func() (v T, err error) {
		err = s.transact(ctx, p, func(tx transaction) error {
			v, err = f(tx)
			return err
		})
		return v, err
	}))
}

// transact runs f in an immediate transaction: what f reads, nobody changes until it commits. Its statements are short
// and are not interrupted; a context that ends is noticed before the commit, and never after.
func (s *Store) transact(ctx context.Context, p *pool, f func(transaction) error) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	tx, err := begin(ctx, p)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after the commit this does nothing
	if err := f(transaction{p, tx}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tx.Commit()
}

// begin waits until no other process writes.
func begin(ctx context.Context, p *pool) (*sql.Tx, error) {
	for {
		tx, err := p.db.BeginTx(context.Background(), nil)
		if err == nil || !isLocked(err) {
			return tx, err
		}
		if ended := pause(ctx, lockPoll); ended != nil {
			return nil, fmt.Errorf("%w while another process was writing: %w", ended, err)
		}
	}
}

// transaction runs prepared statements.
type transaction struct {
	p  *pool
	tx *sql.Tx
}

func (t transaction) statement(text string) *sql.Stmt { return t.tx.Stmt(t.p.statements[text]) }

// exec returns how many rows were changed.
func (t transaction) exec(text string, args ...any) (int64, error) {
	r, err := t.statement(text).Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t transaction) row(text string, args ...any) *sql.Row {
	return t.statement(text).QueryRow(args...)
}

// found turns sql.ErrNoRows into false.
func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// millis returns a time as it is kept.
func millis(t time.Time) int64 { return t.UnixMilli() }

// millisUp rounds up, so that nothing ends earlier than was asked for.
func millisUp(t time.Time) int64 { return millis(t.Add(time.Millisecond - 1)) }
