package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"

	"github.com/optin/optin/store"
)

// quickCheck reads the whole file, in the order of its tables, and returns the first thing that is wrong.
const quickCheck = "PRAGMA quick_check(1)"

// checkDamage looks through the whole file, which takes as long as it takes to read it. What it finds makes the store
// unsafe from then on. It stops when ctx ends.
func (d *database) checkDamage(ctx context.Context, c *conn) {
	found, err := c.quickCheck(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !isDamage(err):
		d.o.Log.Warn("the database could not be checked for damage", slog.String("path", d.o.Path),
			slog.Any("error", err))
		return
	case err != nil:
		found = err.Error()
	case found == "ok":
		return
	}
	d.setDamage(found)
}

// setDamage makes the store unsafe.
func (d *database) setDamage(found string) {
	damage := &store.UnsafeError{
		Setting: "the database " + d.o.Path, Have: "damaged", Want: "whole", Words: found,
		Fix:        "stop optin and put a copy back, or save what can be read with: sqlite3 FILE .recover",
		Incomplete: true,
	}
	if d.damage.CompareAndSwap(nil, damage) {
		d.o.Log.Error("the database is damaged", slog.Any("error", damage))
	}
}

// contractError is contractError for an error that a call met. Damage makes the store unsafe, whoever meets it: what
// the check of the whole file found whole may be damaged later, and what Ready touches may be whole.
func (d *database) contractError(err error) error {
	if err = contractError(err); isDamage(err) {
		d.setDamage(resultWords(err))
		return unavailable(d.damage.Load())
	}
	return err
}

// quickCheck returns what SQLite says of the file, ok if it is whole. It is interrupted when ctx ends.
func (c *conn) quickCheck(ctx context.Context) (string, error) {
	s, err := c.prepared(quickCheck)
	if err != nil {
		return "", err
	}
	rows, err := s.QueryContext(ctx, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return text(row[0]), nil
}
