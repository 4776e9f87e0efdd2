package sqlite

import (
	"bytes"
	"context"
	"time"

	"github.com/optin/optin/store"
)

// marks is the port store.Marks.
type marks struct{ *database }

const (
	selectMark = "SELECT mark FROM mark WHERE one = 1"
	putMark    = "INSERT INTO mark (one, mark) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET mark = excluded.mark"
	anyRecord  = "SELECT 1 FROM records LIMIT 1"
)

// Mark returns the mark, nil if there is none. The file is whole or it is damaged, which Ready says.
func (s marks) Mark(ctx context.Context) ([]byte, bool, error) {
	mark, err := read(ctx, s.deadline(), s.database, func(c *conn) ([]byte, error) {
		v, err := c.value(selectMark)
		return bytes.Clone(blob(v)), err
	})
	return mark, true, err
}

// Newest returns the zero time: a copy that takes the place of the file is put there on purpose, and while optin is
// stopped; see lineage.go for the rest.
func (s marks) Newest() time.Time { return time.Time{} }

// SetMark puts a mark in the place of the old one.
func (s marks) SetMark(ctx context.Context, old, mark []byte) error {
	if err := store.CheckMark(mark); err != nil {
		return err
	}
	old, mark = bytes.Clone(old), bytes.Clone(mark) // the call may go on after its caller has gone
	return s.write(ctx, s.deadline(), func(t *transaction) error {
		v, err := t.value(selectMark)
		if current := blob(v); err == nil && !bytes.Equal(current, old) && !bytes.Equal(current, mark) {
			err = store.ErrChanged
		}
		if err != nil {
			return err
		}
		_, err = t.exec(putMark, mark)
		return err
	})
}

// Empty reports whether there is no record.
func (s marks) Empty(ctx context.Context) (bool, error) {
	return read(ctx, s.deadline(), s.database, func(c *conn) (bool, error) {
		row, err := c.first(anyRecord)
		return row == nil, err
	})
}
