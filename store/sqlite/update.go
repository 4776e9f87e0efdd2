package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"

	"github.com/optin/optin/store"
)

const (
	putRecord = `INSERT INTO records (` + columns + `) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, id) DO UPDATE SET
		version = excluded.version, state = excluded.state, created = excluded.created, expires = excluded.expires,
		data = excluded.data`
	eraseRecord = "DELETE FROM records WHERE site = ? AND id = ?"
	oweEntry    = `INSERT INTO entries (id, kind, site, record, body, due, hidden) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`
)

var hardStatements = []string{
	selectRecord, putRecord, eraseRecord, oweEntry, settleDone, settleAgain, settleDead, keepText, askReady,
	addCount, reviveEntry, farWaiting, hastenUntil,
}

// Update runs f exactly once, on the record as it is, while nobody else can write. The whole of it, f included, has
// Options.Deadline; f itself is not interrupted, but a change that comes too late is not committed.
func (s *Store) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	seen, decided := make(chan store.Record), make(chan store.Change, 1)
	told := start(ctx, s, func() (struct{}, error) {
		return struct{}{}, s.transact(ctx, s.hard, func(tx transaction) error {
			return s.act(ctx, tx, key, seen, decided)
		})
	})
	select {
	case r := <-seen:
		if err := decide(key, r, f, decided); err != nil {
			return err
		}
		_, err := await(ctx, told)
		return err
	case a := <-told:
		return explain(ctx, a.err)
	case <-ctx.Done():
		return explain(ctx, ctx.Err())
	}
}

// decide runs f here, in the caller's goroutine, and passes the change on. Without a change, be it that f failed or
// that it panicked, the transaction is rolled back: Update's context ends as Update returns.
func decide(key store.Key, r store.Record, f func(store.Record) (store.Change, error), decided chan<- store.Change) error {
	c, err := f(r)
	if err != nil {
		return err
	}
	if err := c.Check(key); err != nil {
		return err
	}
	decided <- c
	return nil
}

// act shows the record to the caller and carries out what comes back.
func (s *Store) act(ctx context.Context, tx transaction, key store.Key, seen chan<- store.Record, decided <-chan store.Change) error {
	r, err := scan(tx.row(selectRecord, key.Site, key.ID, millis(s.o.Now())))
	if _, err := found(err); err != nil {
		return err
	}
	r.Key = key
	select {
	case seen <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case c := <-decided:
		return s.apply(tx, key, c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// apply carries out a change that was checked.
func (s *Store) apply(tx transaction, key store.Key, c store.Change) error {
	if c.End != nil {
		if err := tx.settle(c.End.Job, c.End.Outcome, s.o.Now()); err != nil {
			return err
		}
	}
	if c.Erase {
		if _, err := tx.exec(eraseRecord, key.Site, key.ID); err != nil {
			return err
		}
	}
	if r := c.Put; r != nil {
		expires := sql.NullInt64{Int64: millis(r.Expires), Valid: !r.Expires.IsZero()}
		_, err := tx.exec(putRecord, key.Site, key.ID, rand.Text(), r.State, millis(r.Created), expires, r.Data)
		if err != nil {
			return err
		}
	}
	for _, e := range c.Enqueue {
		due := millis(e.Due)
		if e.Due.IsZero() {
			due = millis(s.o.Now())
		}
		if _, err := tx.exec(oweEntry, e.ID, string(e.Queue), key.Site, key.ID, e.Body, due, due); err != nil {
			return err
		}
	}
	return tx.count(key.Site, c.Count)
}
