package sqlite

import (
	"os"

	"github.com/optin/optin/store"
)

// place is where the open file was, and its log: SQLite goes on writing into files that were removed or replaced.
type place struct {
	path, log string
	opened    os.FileInfo
}

// placeOf returns the place of a file that has just been opened.
func placeOf(path string) (place, error) {
	opened, err := os.Stat(path)
	return place{path, path + "-wal", opened}, err
}

// file returns the file that is there, or nil if it is another one or none.
func (p place) file() os.FileInfo {
	if is, err := os.Stat(p.path); err == nil && os.SameFile(is, p.opened) {
		return is
	}
	return nil
}

// check returns the size of the file, or an error if what is written would be lost. It costs so little that every
// commit can ask.
func (p place) check() (size int64, err error) {
	file := p.file()
	if file == nil {
		return 0, &store.UnsafeError{
			Setting: "the file " + p.path,
			Have:    "not the one that was opened",
			Want:    "left in its place",
			Fix:     "put it back; or to use the one that is there, stop optin with SIGTERM and start it again",
		}
	}
	if _, err := os.Stat(p.log); err != nil {
		return 0, &store.UnsafeError{Setting: "the log " + p.log, Have: "missing", Want: "left in its place",
			Fix: "stop optin (it completes the database as it closes), touch " + p.log + ", start it again"}
	}
	return file.Size(), nil
}
