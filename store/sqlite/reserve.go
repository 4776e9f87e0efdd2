package sqlite

import (
	"errors"
	"os"
	"sync"

	code "modernc.org/sqlite/lib"
)

// A change that takes a consent back is kept on a full disk, too: a file beside the database holds only space, which is
// given up piece by piece. Until the file is whole again Ready returns an error, so that no other change uses that
// space. See docs/decisions/full-disk.md.

const (
	reserveSize = 4 << 20   // bytes
	reserveStep = 256 << 10 // that are given up at a time: several commits
)

// reserve is that file. Processes with the same database share it.
type reserve struct {
	path string
	mu   sync.Mutex
}

// fill makes the reserve whole, as far as there is room.
func (r *reserve) fill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if is, err := os.Stat(r.path); err == nil && is.Size() >= reserveSize {
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	size := int64(0)
	if is, err := f.Stat(); err == nil {
		size = is.Size()
	}
	if err = occupy(f, size, reserveSize); err != nil {
		err = errors.Join(err, f.Truncate(size)) // what it had
	}
	return errors.Join(err, f.Close())
}

// giveUp gives up a piece of the reserve, and reports whether there was any.
func (r *reserve) giveUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	is, err := os.Stat(r.path)
	if err != nil || is.Size() == 0 {
		return false
	}
	return os.Truncate(r.path, max(0, is.Size()-reserveStep)) == nil
}

// evenIfFull returns write, which is repeated with room from the reserve while the disk is full.
func (r *reserve) evenIfFull(write func() error) func() error {
	return func() error {
		for {
			err := write()
			if primaryCode(err) != code.SQLITE_FULL || !r.giveUp() {
				return err
			}
		}
	}
}

// writeZeros occupies a file by writing.
func writeZeros(f *os.File, from, to int64) error {
	zeros := make([]byte, 64<<10)
	for at := from; at < to; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}
