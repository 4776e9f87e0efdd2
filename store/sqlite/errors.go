package sqlite

import (
	"context"
	"errors"
	"fmt"

	driversqlite "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/optin/optin/store"
)

// primaryCode returns SQLite's result code without its details (https://www.sqlite.org/rescode.html), 0 if err is not
// SQLite's.
func primaryCode(err error) int {
	var e *driversqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isLocked reports whether another process has the lock just now.
func isLocked(err error) bool {
	c := primaryCode(err)
	return c == code.SQLITE_BUSY || c == code.SQLITE_LOCKED
}

// isDamage reports whether the file itself is damaged.
func isDamage(err error) bool {
	c := primaryCode(err)
	return c == code.SQLITE_CORRUPT || c == code.SQLITE_NOTADB
}

// isUnavailable reports whether the file cannot be reached or written now, and perhaps can be later.
func isUnavailable(err error) bool {
	switch primaryCode(err) {
	case code.SQLITE_BUSY, code.SQLITE_LOCKED, code.SQLITE_FULL, code.SQLITE_IOERR, code.SQLITE_READONLY,
		code.SQLITE_CANTOPEN, code.SQLITE_INTERRUPT, code.SQLITE_PROTOCOL, code.SQLITE_NOMEM, code.SQLITE_PERM:
		return true
	}
	return false
}

// contractError turns an error into one of the contract.
func contractError(ctx context.Context, err error) error {
	var unsafe *store.UnsafeError
	switch ended := ctx.Err(); {
	case err == nil:
		return nil
	case errors.As(err, &unsafe):
		return err
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrLeaseLost), errors.Is(err, store.ErrChanged),
		errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrUnavailable):
		return err
	case ended != nil && !errors.Is(err, ended):
		return fmt.Errorf("%w: sqlite: %w: %w", store.ErrUnavailable, ended, err)
	case ended != nil || isUnavailable(err):
		return fmt.Errorf("%w: sqlite: %w", store.ErrUnavailable, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}
