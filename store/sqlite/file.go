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

// A database in WAL mode whose log was taken away opens without a word and has lost what was last committed; SQLite
// cannot tell it from one that was closed in order, because then the log is removed. So this package has SQLite leave
// the log where it is, always (SQLITE_FCNTL_PERSIST_WAL), and a database in WAL mode without one is refused. Copies
// made with VACUUM INTO are not in WAL mode, and are therefore known to be complete.

// errFile says that the file cannot be used, and what to do.
var errFile = errors.New("refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errFile, fmt.Errorf(format, args...))
}

// header is how every SQLite file begins (https://www.sqlite.org/fileformat2.html, 1.3).
const header = "SQLite format 3\x00"

// prepareFile makes sure that there is a file to be opened: the one that is there, if nothing is wrong with it on the
// outside, or else a new one.
func prepareFile(ctx context.Context, o Options) error {
	file, err := os.Stat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if log, err := os.Stat(o.Path + "-wal"); err == nil && log.Size() > 0 {
			return refuse("the database is missing, but its log %s-wal is there: put the database back beside it, "+
				"or move the log away to begin anew", o.Path)
		}
		return create(ctx, o)
	case err != nil:
		return refuse("the file cannot be looked at: %w", err)
	case !file.Mode().IsRegular():
		return refuse("it is not a regular file: name a file")
	case file.Size() == 0:
		return refuse("the file is empty, so whatever it held is lost: put a copy back, or remove it to begin anew")
	}
	return looksRight(ctx, o.Path)
}

// logWithin is how long the log of a file may be on its way: another process that makes the file one with a log writes so into the
// file first.
const logWithin = 300 * time.Millisecond

// looksRight reads the header.
func looksRight(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return refuse("the file cannot be read: %w", err)
	}
	defer file.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(file, head); err != nil || !bytes.HasPrefix(head, []byte(header)) {
		return refuse("the file is not an SQLite database, or its beginning is damaged: put a copy back, or name another file")
	}
	if wal := head[18] == 2 || head[19] == 2; !wal {
		return nil
	}
	_, err = os.Stat(path + "-wal")
	for begun := time.Now(); errors.Is(err, fs.ErrNotExist) && time.Since(begun) < logWithin && pause(ctx, 5*time.Millisecond) == nil; {
		_, err = os.Stat(path + "-wal")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return refuse("its log %[1]s-wal is missing, and what was last committed may have been in it: put the log back; "+
			"if you know that the database is complete (a copy made with VACUUM INTO, or closed by another program), "+
			"say so with: touch %[1]s-wal", path)
	}
	return nil
}

// create makes a whole new database under another name and links it into its place, so that a database is never seen
// half made, and never put over one that appeared meanwhile.
func create(ctx context.Context, o Options) (err error) {
	made := o.Path + ".new-" + rand.Text()
	file, err := os.OpenFile(made, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return refuse("the file cannot be created: %w", err)
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
	full, _ := o.Durability.levels()
	if err := createSchema(ctx, made, full); err != nil {
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

// syncFolder makes new names last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
