package sqlite

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	code "modernc.org/sqlite/lib"

	"github.com/optin/optin/store"
)

// Ready reads back what the writing connection would keep, checks that the file is still the one that was opened and
// its tables those of optin, and commits a small change as durably as any other, which fails if the disk is full or
// read-only. It makes the reserve whole again (reserve.go). It returns an error from the moment on in which the file
// was found to be damaged. With Options.ReadOnly it writes nothing.
func (d *database) Ready(ctx context.Context) error {
	if damage := d.damage.Load(); damage != nil { // also of a file that cannot be written
		return damage
	}
	if d.o.ReadOnly {
		_, err := read(ctx, d.deadline(), d, func(*conn) (any, error) { return nil, d.checkFile() })
		return err
	}
	full := false
	err := d.write(ctx, d.deadline(), func(t *transaction) error {
		err := d.check(t)
		full = err == nil && errors.Is(d.spare.fill(), syscall.ENOSPC)
		return err
	})
	switch {
	case err == nil && full:
		return &store.UnsafeError{Setting: "the disk of " + d.o.Path, Want: "less full",
			Have: "full but for what is in reserve for withdrawals", Fix: roomFix}
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && resultCode(err) == 0:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, &store.UnsafeError{
			Setting: "the disk of " + d.o.Path, Have: "not answering",
			Want: fmt.Sprintf("so quick that a change is kept within %v", d.o.Deadline),
			Fix: "thaw it if it was frozen for a snapshot (fsfreeze -u); else look into the system's log for errors " +
				"of the disk, or for what keeps it busy",
		})
	}
	return d.unsafe(err)
}

// unsafe returns what an error of Ready says of the file; the error if it says nothing.
func (d *database) unsafe(err error) error {
	u := new(store.UnsafeError)
	if errors.As(err, &u) {
		return u
	}
	if u := d.refusal(err); u != nil {
		return u
	}
	switch {
	case errors.Is(err, errOverwritten):
		d.damage.CompareAndSwap(nil, &store.UnsafeError{
			Setting: "the file " + d.o.Path, Have: "overwritten while it was open", Want: "left to optin", Fix: copyFix,
			Incomplete: true,
		})
		return d.damage.Load()
	case errors.Is(err, errRefused):
		return &store.UnsafeError{
			Setting: "the schema of " + d.o.Path, Have: "changed by another program", Want: "left to optin",
			Words: err.Error(), Fix: "undo what that program did, or stop optin and put a copy back", Incomplete: true,
		}
	}
	return err
}

// check is what Ready asks SQLite and the file.
func (d *database) check(t *transaction) error {
	if err := d.checkFile(); err != nil {
		return err
	}
	if err := t.checkSettings(d.o.level()); err != nil {
		return err
	}
	if err := t.checkSchema(); err != nil {
		return err
	}
	return d.lineage.note(t)
}

const roomFix = "make room on it, or move the file to a larger one; what was accepted is there"

const copyFix = "stop optin, put a copy of the file in the place of this one, its -wal and its -shm, and start it"

// checkFile returns an error if the file was cut, or is not where what is written would last.
func (d *database) checkFile() error {
	size, err := d.place.check()
	if err != nil {
		return err
	}
	// Nothing here makes the file smaller, and what was in it has no other copy: it is damaged from now on, whatever
	// grows over the gap.
	if most := d.bytes.Load(); size < most {
		d.damage.CompareAndSwap(nil, &store.UnsafeError{
			Setting: "the file " + d.o.Path, Have: fmt.Sprintf("cut from %d bytes to %d while it was open", most, size),
			Want: "left to optin",
			Fix:  "start optin again if that was VACUUM; else " + copyFix, Incomplete: true,
		})
		return d.damage.Load()
	}
	d.bytes.Store(size)
	if d.o.Durability != store.DurabilityNone && inMemory(d.o.Path) {
		return &store.UnsafeError{
			Setting: "the file system of " + d.o.Path,
			Have:    "kept in memory (tmpfs)",
			Want:    "on a disk",
			Fix:     "put the file on a disk, or ask for less with ?durability=none",
		}
	}
	return nil
}

// refusal says what is wrong with a file that does not take what is written, in SQLite's own words, with what to do
// about it; nil if SQLite said nothing.
func (d *database) refusal(err error) *store.UnsafeError {
	u := &store.UnsafeError{Setting: "the file " + d.o.Path}
	switch primaryCode(err) {
	case code.SQLITE_FULL:
		u.Setting, u.Want = "the disk of "+d.o.Path, "less full"
		u.Fix = roomFix
	case code.SQLITE_READONLY, code.SQLITE_PERM, code.SQLITE_CANTOPEN:
		u.Want = "writable"
		u.Fix = "let the user of optin write the file, its log and its folder, on a disk that is not mounted read-only"
	case code.SQLITE_IOERR:
		u.Want, u.Fix = "on a disk that works", "look into the system's log for errors of the disk"
	case code.SQLITE_BUSY, code.SQLITE_LOCKED, code.SQLITE_PROTOCOL:
		u.Want, u.Fix = "unlocked", "end the program that holds its lock: fuser "+d.o.Path+" names it"
	case code.SQLITE_NOMEM:
		u.Setting, u.Want, u.Fix = "the memory of this machine", "more", "give the machine more, or end other programs"
	default:
		return nil
	}
	u.Words = resultWords(err)
	return u
}
