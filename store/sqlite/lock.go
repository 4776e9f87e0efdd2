package sqlite

import (
	"context"
	"time"

	code "modernc.org/sqlite/lib"
)

// SQLite's lock between processes goes to the process that asks at the right moment: one with a queue of writers would
// keep it for ever from one that asks every millisecond. So after writing for a while without a break, a process leaves
// the lock alone for longer than the others wait between two attempts.
const (
	longestRun = 100 * time.Millisecond // of writing without a break
	runBreak   = 5 * time.Millisecond   // the break: a few attempts of another process, which may be late
	lockPoll   = time.Millisecond       // how often a process tries to get the lock
)

// run is a time of writing without a break.
type run struct{ began, ended time.Time }

// begin comes before writing, and takes the break that is due.
func (r *run) begin() {
	now := time.Now()
	if now.Sub(r.ended) > runBreak {
		r.began = now
	} else if now.Sub(r.began) > longestRun {
		time.Sleep(runBreak)
		r.began = time.Now()
	}
}

// end comes after writing.
func (r *run) end() { r.ended = time.Now() }

// openPatience is how long Open waits for another process that has the file to itself, as it has for a moment when it
// creates the file. Only the waiting counts, so a file that takes long to read does not spend it.
const openPatience = 10 * time.Second

// whileLocked calls f again and again while another process has the file to itself. A process that recovers the log is
// waited for however long that takes: it depends on the size of the log.
func whileLocked(ctx context.Context, f func() error) error {
	for waited := time.Duration(0); ; {
		err := f()
		if err == nil || !isLocked(err) || waited > openPatience || pause(ctx, lockPoll) != nil {
			return err
		}
		if resultCode(err) != code.SQLITE_BUSY_RECOVERY {
			waited += lockPoll
		}
	}
}

// pause waits, and returns the context's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
