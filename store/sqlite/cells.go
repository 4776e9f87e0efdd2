package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/optin/optin/store"
)

const (
	selectCell = "SELECT value FROM cells WHERE name = ? AND expires > ?"
	putCell    = `INSERT INTO cells (name, value, expires) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires = excluded.expires`
	dropCells = "DELETE FROM cells WHERE name IN (SELECT name FROM cells WHERE expires <= ? ORDER BY expires LIMIT ?)"
)

// SetNX puts a value into a cell unless it holds another one, which it then returns.
func (s *Store) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	if err := store.CheckCell(name, value, d); err != nil {
		return nil, err
	}
	value = bytes.Clone(value) // the call may go on after its caller has gone
	return change(ctx, s, s.relaxed, func(tx transaction) ([]byte, error) {
		current, there, err := tx.cell(name, s.o.Now())
		switch {
		case err != nil:
			return nil, err
		case !there:
			return nil, tx.putCell(name, value, s.o.Now().Add(d))
		case bytes.Equal(current, value):
			return nil, nil // it is the caller's own
		}
		return current, nil
	})
}

// CompareAndSwap puts a value into a cell that holds exactly the old one.
func (s *Store) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := store.CheckCell(name, value, d); err != nil {
		return err
	}
	old, value = bytes.Clone(old), bytes.Clone(value)
	_, err := change(ctx, s, s.relaxed, func(tx transaction) (struct{}, error) {
		current, there, err := tx.cell(name, s.o.Now())
		if err == nil && (!there || !bytes.Equal(current, old)) {
			err = store.ErrChanged
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.putCell(name, value, s.o.Now().Add(d))
	})
	return err
}

// Get returns the value that a cell holds, or nil.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if err := store.CheckCellName(name); err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]byte, error) {
		current, there, err := scanCell(s.reader.statements[selectCell].QueryRowContext(ctx, name, millis(s.o.Now())))
		if !there {
			return nil, err
		}
		return current, err
	})
}

// scanCell reads the value that a cell holds, if it holds one; a value of no bytes is one, too.
func scanCell(row *sql.Row) (current []byte, there bool, err error) {
	there, err = found(row.Scan(&current))
	if current == nil {
		current = []byte{}
	}
	return current, there, err
}

func (t transaction) cell(name string, now time.Time) (current []byte, there bool, err error) {
	return scanCell(t.row(selectCell, name, millis(now)))
}

func (t transaction) putCell(name string, value []byte, expires time.Time) error {
	_, err := t.exec(putCell, name, value, millisUp(expires))
	return err
}
