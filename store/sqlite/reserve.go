package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/optin/optin/store"
)

const (
	selectCell = "SELECT value FROM cells WHERE name = ? AND until > ?"
	putCell    = `INSERT INTO cells (name, value, until) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, until = excluded.until`
	dropCells = "DELETE FROM cells WHERE name IN (SELECT name FROM cells WHERE until <= ? ORDER BY until LIMIT ?)"
)

// Reserve keeps a value under a name unless another is kept there, which it then returns.
func (s *Store) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	if err := store.CheckCell(name, value, d); err != nil {
		return nil, err
	}
	value = bytes.Clone(value) // the call may go on when its caller has gone
	return change(ctx, s, s.soft, func(tx transaction) ([]byte, error) {
		held, there, err := tx.cell(name, s.o.Now())
		switch {
		case err != nil:
			return nil, err
		case !there:
			return nil, tx.putCell(name, value, s.o.Now().Add(d))
		case bytes.Equal(held, value):
			return nil, nil // values tell whose it is: the caller's own
		}
		return held, nil
	})
}

// Replace puts a value where exactly the old one is kept, or returns store.ErrLeaseLost.
func (s *Store) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := store.CheckCell(name, value, d); err != nil {
		return err
	}
	old, value = bytes.Clone(old), bytes.Clone(value)
	_, err := change(ctx, s, s.soft, func(tx transaction) (struct{}, error) {
		held, there, err := tx.cell(name, s.o.Now())
		if err == nil && (!there || !bytes.Equal(held, old)) {
			err = store.ErrChanged
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.putCell(name, value, s.o.Now().Add(d))
	})
	return err
}

// Held returns what is kept under a name, or nil.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if err := store.CheckCellName(name); err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]byte, error) {
		held, there, err := scanCell(s.reader.statements[selectCell].QueryRowContext(ctx, name, millis(s.o.Now())))
		if !there {
			return nil, err
		}
		return held, err
	})
}

// scanCell reads the value of a cell, if there is one; a value of no bytes is one, too.
func scanCell(row *sql.Row) (held []byte, there bool, err error) {
	there, err = found(row.Scan(&held))
	if held == nil {
		held = []byte{}
	}
	return held, there, err
}

// cell is what is kept under a name.
func (t transaction) cell(name string, now time.Time) (held []byte, there bool, err error) {
	return scanCell(t.row(selectCell, name, millis(now)))
}

// putCell keeps a value until a moment, rounded up: never less than was asked for.
func (t transaction) putCell(name string, value []byte, until time.Time) error {
	_, err := t.exec(putCell, name, value, millis(until.Add(time.Millisecond-1)))
	return err
}
