package sqlite

import (
	"context"
	"errors"
	"fmt"

	driversqlite "modernc.org/sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/optin/optin/store"
)

// resultCode returns SQLite's result code (https://www.sqlite.org/rescode.html), 0 if err is not SQLite's.
func resultCode(err error) int {
	var e *driversqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// resultWords returns SQLite's own words, empty if err is not SQLite's.
func resultWords(err error) string {
	var e *driversqlite.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	return ""
}

// primaryCode returns SQLite's result code without its details.
func primaryCode(err error) int { return resultCode(err) & 0xff }

// isLocked reports whether another process has the lock just now.
func isLocked(err error) bool {
	c := primaryCode(err)
	return c == code.SQLITE_BUSY || c == code.SQLITE_LOCKED
}

// isDamage reports whether the file itself is damaged, or its log: that it ends too early is no fault of the disk.
func isDamage(err error) bool {
	c := primaryCode(err)
	return c == code.SQLITE_CORRUPT || c == code.SQLITE_NOTADB || resultCode(err) == code.SQLITE_IOERR_SHORT_READ
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

// unavailable returns store.ErrUnavailable with its cause.
func unavailable(cause error) error { return fmt.Errorf("%w: sqlite: %w", store.ErrUnavailable, cause) }

// asItIs is an error of the caller's own function.
type asItIs struct{ error }

// contractError turns an error of SQLite, or of a context, into one of the contract. Any other stays as it is.
func contractError(err error) error {
	var own asItIs
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.error
	case errors.Is(err, store.ErrUnavailable):
		return err
	case isUnavailable(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(err)
	case resultCode(err) != 0:
		return fmt.Errorf("sqlite: %w", err)
	}
	return err
}
