package sqlite

import (
	"context"
	"errors"
	"fmt"

	driversqlite "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/optin/optin/store"
)

// primary is SQLite's result code without its details (https://www.sqlite.org/rescode.html), 0 if err is none of it.
func primary(err error) int {
	var fault *driversqlite.Error
	if errors.As(err, &fault) {
		return fault.Code() & 0xff
	}
	return 0
}

// isLocked tells that another process has the lock just now.
func isLocked(err error) bool {
	c := primary(err)
	return c == code.SQLITE_BUSY || c == code.SQLITE_LOCKED
}

// isDamage tells that the file itself is at fault.
func isDamage(err error) bool {
	c := primary(err)
	return c == code.SQLITE_CORRUPT || c == code.SQLITE_NOTADB
}

// isAway tells that the file cannot be reached or written now, and perhaps can be later.
func isAway(err error) bool {
	switch primary(err) {
	case code.SQLITE_BUSY, code.SQLITE_LOCKED, code.SQLITE_FULL, code.SQLITE_IOERR, code.SQLITE_READONLY,
		code.SQLITE_CANTOPEN, code.SQLITE_INTERRUPT, code.SQLITE_PROTOCOL, code.SQLITE_NOMEM, code.SQLITE_PERM:
		return true
	}
	return false
}

// explain turns what went wrong into an error of the contract.
func explain(ctx context.Context, err error) error {
	var unfit *store.UnsafeError
	switch ended := ctx.Err(); {
	case err == nil:
		return nil
	case errors.As(err, &unfit):
		return err
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrLeaseLost), errors.Is(err, store.ErrChanged),
		errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrUnavailable):
		return err
	case ended != nil && !errors.Is(err, ended):
		return fmt.Errorf("%w: sqlite: %w: %w", store.ErrUnavailable, ended, err)
	case ended != nil || isAway(err):
		return fmt.Errorf("%w: sqlite: %w", store.ErrUnavailable, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}
