package sqlite

import (
	"bytes"
	"context"
	"time"

	"github.com/optin/optin/store"
)

// cells is the port store.Cells.
type cells struct{ *database }

const (
	selectCell = "SELECT value FROM cells WHERE name = ? AND expires > ?"
	putCell    = `INSERT INTO cells (name, value, expires) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires = excluded.expires`
	dropCells = "DELETE FROM cells WHERE name IN (SELECT name FROM cells WHERE expires <= ? ORDER BY expires LIMIT 100)"
)

// SetNX puts a value into a cell unless it holds another one, which it then returns.
func (s cells) SetNX(ctx context.Context, name string, value []byte, d time.Duration) ([]byte, error) {
	if err := store.CheckCell(name, value, d); err != nil {
		return nil, err
	}
	value = bytes.Clone(value) // the call may go on after its caller has gone
	result := new([]byte)
	err := s.write(ctx, s.deadline(), func(t *transaction) error {
		*result = nil
		current, there, err := t.cell(name, t.now)
		switch {
		case err != nil:
			return err
		case !there:
			return setCell(t, name, value, d)
		case !bytes.Equal(current, value): // otherwise it is the caller's own
			*result = current
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return *result, nil
}

// CompareAndSwap puts a value into a cell that holds exactly the old one.
func (s cells) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if err := store.CheckCell(name, value, d); err != nil {
		return err
	}
	old, value = bytes.Clone(old), bytes.Clone(value)
	return s.write(ctx, s.deadline(), func(t *transaction) error {
		current, there, err := t.cell(name, t.now)
		if err == nil && (!there || !bytes.Equal(current, old)) {
			err = store.ErrChanged
		}
		if err != nil {
			return err
		}
		return setCell(t, name, value, d)
	})
}

// Get returns the value that a cell holds, or nil.
func (s cells) Get(ctx context.Context, name string) ([]byte, error) {
	if err := store.CheckCellName(name); err != nil {
		return nil, err
	}
	return read(ctx, s.deadline(), s.database, func(c *conn) ([]byte, error) {
		current, _, err := c.cell(name, s.o.Now())
		return current, err
	})
}

// cell reads the value that a cell holds, if it holds one; a value of no bytes is one, too.
func (c *conn) cell(name string, now time.Time) (current []byte, there bool, err error) {
	row, err := c.first(selectCell, name, millis(now))
	if row == nil {
		return nil, false, err
	}
	return append([]byte{}, blob(row[0])...), true, err
}

func setCell(t *transaction, name string, value []byte, d time.Duration) error {
	_, err := t.exec(putCell, name, value, millisUp(t.now.Add(d)))
	return err
}
