package sqlite

import (
	"sync/atomic"
	"time"
)

// A file system can be frozen, for a snapshot (fsfreeze). A system call that would write waits then, and with it one
// goroutine. But SQLite also writes into memory that it shares with other processes through the file -shm: a thread
// that does so stops within an instruction, where Go's runtime cannot take its place, and at the next garbage
// collection the whole process stops. So a system call that waits comes before SQLite is used. What is on its way at
// the moment of the freeze may still be caught; what comes after it is refused in time.

// freezes waits while the file system is frozen. A nil one never waits.
type freezes struct {
	path    string // of a file that may be created
	begun   time.Time
	checked atomic.Int64 // when it was not, in ns since begun
}

// checkedFor is how long a file system that was not frozen is believed not to be.
const checkedFor = time.Millisecond

func newFreezes(path string) *freezes {
	f := &freezes{path: path, begun: time.Now()}
	f.checked.Store(-int64(checkedFor))
	return f
}

// wait returns once the file system is not frozen.
func (f *freezes) wait() {
	if f == nil {
		return
	}
	now := int64(time.Since(f.begun))
	if now-f.checked.Load() < int64(checkedFor) {
		return
	}
	waitForThaw(f.path)
	f.checked.Store(int64(time.Since(f.begun)))
}
