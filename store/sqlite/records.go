package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"math"
	"time"

	"github.com/optin/optin/store"
)

const (
	columns = "site, id, version, state, created, expires, data"

	selectRecord = "SELECT " + columns + " FROM records WHERE site = ? AND id = ? AND (expires IS NULL OR expires > ?)"

	// Row values are compared like words: by the first that differs.
	selectNewest = "SELECT " + columns + ` FROM records WHERE site = ? AND (created, id) < (?, ?)
		AND (expires IS NULL OR expires > ?) ORDER BY created DESC, id DESC LIMIT ?`
	selectState = "SELECT " + columns + ` FROM records WHERE site = ? AND state = ? AND (created, id) < (?, ?)
		AND (expires IS NULL OR expires > ?) ORDER BY created DESC, id DESC LIMIT ?`

	putRecord = `INSERT INTO records (` + columns + `) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, id) DO UPDATE SET
		version = excluded.version, state = excluded.state, created = excluded.created, expires = excluded.expires,
		data = excluded.data`
	eraseRecord = "DELETE FROM records WHERE site = ? AND id = ?"
	enqueueJob  = `INSERT INTO jobs (id, queue, site, record, body, due, available) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`
)

// Update runs f exactly once, on the record as it is, while nobody else can write. The whole of it, f included, has
// Options.Deadline. f itself is not interrupted, but a change that comes too late is not committed.
//
// f runs in the caller's goroutine, and the transaction in another one: so nothing of the caller's is touched after
// Update has returned, even if the disk hangs.
func (s *Store) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	records, changes := make(chan store.Record), make(chan store.Change, 1)
	committed := start(ctx, s, func() (struct{}, error) {
		return struct{}{}, s.transact(ctx, s.durable, func(tx transaction) error {
			return tx.update(ctx, key, s.o.Now, records, changes)
		})
	})
	select {
	case r := <-records:
		if err := decide(key, r, f, changes); err != nil {
			return err
		}
		_, err := await(ctx, committed)
		return err
	case r := <-committed:
		return contractError(ctx, r.err)
	case <-ctx.Done():
		return contractError(ctx, ctx.Err())
	}
}

// decide runs f and passes the change on. Without a change, because f failed or panicked, the transaction is rolled
// back: Update's context ends as Update returns.
func decide(
	key store.Key, r store.Record, f func(store.Record) (store.Change, error), changes chan<- store.Change,
) error {
	c, err := f(r)
	if err != nil {
		return err
	}
	if err := c.Check(key); err != nil {
		return err
	}
	changes <- c
	return nil
}

// update hands the record to the caller's goroutine and carries out the change that comes back.
func (t transaction) update(
	ctx context.Context, key store.Key, now func() time.Time, records chan<- store.Record, changes <-chan store.Change,
) error {
	r, err := scanRecord(t.row(selectRecord, key.Site, key.ID, millis(now())))
	if _, err := found(err); err != nil {
		return err
	}
	r.Key = key
	select {
	case records <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case c := <-changes:
		return t.apply(key, c, now())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// apply carries out a change that was checked.
func (t transaction) apply(key store.Key, c store.Change, now time.Time) error {
	if c.End != nil {
		if err := t.end(c.End.Job, c.End.Outcome, now); err != nil {
			return err
		}
	}
	if c.Erase {
		if _, err := t.exec(eraseRecord, key.Site, key.ID); err != nil {
			return err
		}
	}
	if r := c.Put; r != nil {
		expires := sql.NullInt64{Int64: millis(r.Expires), Valid: !r.Expires.IsZero()}
		_, err := t.exec(putRecord, key.Site, key.ID, rand.Text(), r.State, millis(r.Created), expires, r.Data)
		if err != nil {
			return err
		}
	}
	for _, job := range c.Enqueue {
		due := millis(job.Due)
		if job.Due.IsZero() {
			due = millis(now)
		}
		if _, err := t.exec(enqueueJob, job.ID, string(job.Queue), key.Site, key.ID, job.Body, due, due); err != nil {
			return err
		}
	}
	return t.count(key.Site, c.Count)
}

// scanRecord reads the columns of a record.
func scanRecord(row interface{ Scan(...any) error }) (store.Record, error) {
	var r store.Record
	var created int64
	var expires sql.NullInt64
	err := row.Scan(&r.Key.Site, &r.Key.ID, &r.Version, &r.State, &created, &expires, &r.Data)
	if err != nil {
		return store.Record{}, err
	}
	r.Created = time.UnixMilli(created).UTC()
	if expires.Valid {
		r.Expires = time.UnixMilli(expires.Int64).UTC()
	}
	return r, nil
}

// Find returns the record under key.
func (s *Store) Find(ctx context.Context, key store.Key) (store.Record, error) {
	return read(ctx, s, func(ctx context.Context) (store.Record, error) {
		row := s.reader.statements[selectRecord].QueryRowContext(ctx, key.Site, key.ID, millis(s.o.Now()))
		r, err := scanRecord(row)
		if there, err := found(err); !there && err == nil {
			return r, store.ErrNotFound
		}
		return r, err
	})
}

// List returns one page of a site's records, newest first.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	q, err := q.WithDefaults()
	if err != nil {
		return store.Page{}, err
	}
	return read(ctx, s, func(ctx context.Context) (store.Page, error) { return s.list(ctx, q) })
}

func (s *Store) list(ctx context.Context, q store.Query) (store.Page, error) {
	text, args := selectNewest, []any{q.Site}
	if q.State != "" {
		text, args = selectState, append(args, q.State)
	}
	before := int64(math.MaxInt64)
	if q.Before != (store.Cursor{}) {
		before = millis(q.Before.Created)
	}
	// One more than asked for shows whether there is anything older.
	args = append(args, before, q.Before.ID, millis(s.o.Now()), q.Limit+1)
	rows, err := s.reader.statements[text].QueryContext(ctx, args...)
	if err != nil {
		return store.Page{}, err
	}
	defer rows.Close()
	var p store.Page
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return store.Page{}, err
		}
		p.Records = append(p.Records, r)
	}
	if err := rows.Err(); err != nil {
		return store.Page{}, err
	}
	if len(p.Records) > q.Limit {
		p.Records = p.Records[:q.Limit]
		last := p.Records[q.Limit-1]
		p.Next = store.Cursor{Created: last.Created, ID: last.Key.ID}
	}
	return p, nil
}
