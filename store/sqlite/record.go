package sqlite

import (
	"context"
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
)

var readStatements = []string{
	selectRecord, selectNewest, selectState, selectDue, selectText, selectCounts, selectParked, selectPlace, selectCell,
}

// scan reads the columns of a record.
func scan(row interface{ Scan(...any) error }) (store.Record, error) {
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

// Get returns the record under key, or store.ErrNotFound.
func (s *Store) Find(ctx context.Context, key store.Key) (store.Record, error) {
	return read(ctx, s, func(ctx context.Context) (store.Record, error) {
		statement := s.reader.statements[selectRecord]
		r, err := scan(statement.QueryRowContext(ctx, key.Site, key.ID, millis(s.o.Now())))
		if there, err := found(err); !there && err == nil {
			return r, store.ErrNotFound
		}
		return r, err
	})
}

// List returns records of a site, newest first. It returns store.ErrInvalid for a limit that is out of range.
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
	// One more than asked for tells whether there is anything older.
	args = append(args, before, q.Before.ID, millis(s.o.Now()), q.Limit+1)
	rows, err := s.reader.statements[text].QueryContext(ctx, args...)
	if err != nil {
		return store.Page{}, err
	}
	defer rows.Close()
	var p store.Page
	for rows.Next() {
		r, err := scan(rows)
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
