package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A database in WAL mode whose log was removed opens without an error and has lost what was committed last. SQLite
// cannot tell it from one that was closed in order, because it removes the log then. So this package makes SQLite
// leave the log in place (SQLITE_FCNTL_PERSIST_WAL), and refuses a database in WAL mode that has none. Copies made
// with VACUUM INTO are not in WAL mode, so they are known to be complete.

// errRefused says that the file cannot be used.
var errRefused = errors.New("refused")

// ErrNoFile says that there is no file, and that none is created with Options.ReadOnly or Options.Existing.
var ErrNoFile = errors.New("there is no such file yet")

// refuse returns an errRefused that says why, and what to do.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errRefused, fmt.Errorf(format, args...))
}

// header is the beginning of every SQLite file (https://www.sqlite.org/fileformat2.html, 1.3).
const header = "SQLite format 3\x00"

// prepareFile makes sure that there is a file to open: the one that is there, unless its size, header or log are
// wrong, or a new one.
func prepareFile(ctx context.Context, o Options) error {
	file, err := os.Stat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if log, err := os.Stat(o.Path + "-wal"); err == nil && log.Size() > 0 {
			return refuse("the database is missing, but its log %s-wal is there: put the database back beside it, "+
				"or move the log away to start anew", o.Path)
		}
		if o.ReadOnly || o.Existing {
			return ErrNoFile
		}
		return create(ctx, o)
	case err != nil:
		return refuse("the file cannot be examined: %w: "+
			"make each part of its path a folder that optin's user may enter", err)
	case !file.Mode().IsRegular():
		return refuse("it is not a regular file: name a file")
	case file.Size() == 0:
		return refuse("the file is empty, so what it held is lost: put a copy back, or remove it to start anew")
	}
	return checkHeader(ctx, o.Path)
}

// logWithin is how long to wait for the log of a file: another process that turns the file to WAL mode writes the
// header before it creates the log.
const logWithin = 300 * time.Millisecond

// checkHeader refuses a file that is no database, or one in WAL mode without its log.
func checkHeader(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return refuse("the file cannot be read: %w: let the user that optin runs as read and write it", err)
	}
	defer file.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(file, head); err != nil || !bytes.HasPrefix(head, []byte(header)) {
		return refuse(
			"the file is not an SQLite database, or its beginning is damaged: put a copy back, or name another file",
		)
	}
	if wal := head[18] == 2 || head[19] == 2; !wal {
		return checkLog(ctx, path, false)
	}
	for begun := time.Now(); ; {
		_, err = os.Stat(path + "-wal")
		late := time.Since(begun) >= logWithin
		if late || !errors.Is(err, fs.ErrNotExist) || pause(ctx, 5*time.Millisecond) != nil {
			break
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(
			"its log %[1]s-wal is missing, and what was last committed may have been in it: put the log back; "+
				"if you know that the database is complete (a copy made with VACUUM INTO, or closed by another "+
				"program), say so with: touch %[1]s-wal",
			path,
		)
	}
	return checkLog(ctx, path, true)
}

// create makes a complete new database under another name and links it into its place. So nobody sees a half-made
// database, and one that appeared meanwhile is not overwritten.
func create(ctx context.Context, o Options) (err error) {
	made := o.Path + ".new-" + rand.Text()
	file, err := os.OpenFile(made, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse("its folder %s does not exist: make it, for the user that optin runs as", filepath.Dir(o.Path))
	}
	if err != nil {
		return refuse("the file cannot be created: %w: let the user that optin runs as write to its folder", err)
	}
	defer func() {
		for _, name := range []string{made, made + "-wal", made + "-shm"} {
			if gone := os.Remove(name); err == nil && gone != nil && !errors.Is(gone, fs.ErrNotExist) {
				err = gone
			}
		}
	}()
	if err := file.Close(); err != nil {
		return err
	}
	if err := createSchema(ctx, made, o.level(), o.Now()); err != nil {
		return err
	}
	log, err := os.OpenFile(o.Path+"-wal", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return refuse("the log cannot be created: %w", err)
	}
	if err := log.Close(); err != nil {
		return err
	}
	if err := os.Link(made, o.Path); err != nil && !errors.Is(err, fs.ErrExist) {
		return refuse("the file cannot be put into its place: %w", err)
	}
	return syncFolder(filepath.Dir(o.Path))
}

// syncFolder makes the names of new files last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
