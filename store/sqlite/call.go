package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

// answer is what the goroutine that asks the disk has to say.
type answer[T any] struct {
	value T
	err   error
}

// errClosed is what a call gets after Close.
var errClosed = fmt.Errorf("%w: sqlite: the store is closed", store.ErrUnavailable)

// start asks the disk in a goroutine of its own. Close waits for it.
func start[T any](ctx context.Context, s *Store, ask func() (T, error)) <-chan answer[T] {
	told := make(chan answer[T], 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		told <- answer[T]{err: errClosed}
	case ctx.Err() != nil:
		told <- answer[T]{err: ctx.Err()}
	default:
		s.inHand.Go(func() {
			v, err := ask()
			told <- answer[T]{v, err}
		})
	}
	return told
}

// await gives the answer, or what the context says when that comes first.
func await[T any](ctx context.Context, told <-chan answer[T]) (T, error) {
	var a answer[T]
	select {
	case a = <-told:
	case <-ctx.Done():
		select {
		case a = <-told: // both came: the answer says more
		default:
			a.err = fmt.Errorf("%w while the disk was asked", ctx.Err())
		}
	}
	return a.value, explain(ctx, a.err)
}

// bounded is a context that ends no later than a call may take.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.o.Deadline)
}

// read asks the last committed state.
func read[T any](ctx context.Context, s *Store, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return await(ctx, start(ctx, s, func() (T, error) {
		for {
			v, err := ask(ctx)
			if !isLocked(err) { // as it is for a moment when another process recovers the log
				return v, err
			}
			if ended := pause(ctx, look); ended != nil {
				return v, fmt.Errorf("%w: %w", ended, err)
			}
		}
	}))
}

// change makes a transaction of work, which is rolled back if it fails.
func change[T any](ctx context.Context, s *Store, p *pool, work func(transaction) (T, error)) (T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return await(ctx, start(ctx, s, func() (v T, err error) {
		err = s.transact(ctx, p, func(tx transaction) error {
			v, err = work(tx)
			return err
		})
		return v, err
	}))
}

// transact runs work in an immediate transaction: what it reads, nobody changes until it commits. Its statements are short
// and are not interrupted; a context that ends is noticed before the commit, and never after.
func (s *Store) transact(ctx context.Context, p *pool, work func(transaction) error) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	tx, err := begin(ctx, p)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after the commit this does nothing
	if err := work(transaction{p, tx}); err != nil {
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
		if ended := pause(ctx, look); ended != nil {
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

// exec tells how many rows were changed.
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

// millis is a time as it is kept.
func millis(t time.Time) int64 { return t.UnixMilli() }
