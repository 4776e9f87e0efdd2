package sqlite

import (
	"context"
	"fmt"
	"time"
)

// look is one read that somebody waits for. A reader does it, so a caller may leave even if the disk hangs.
type look struct {
	do   func(*conn) error
	done chan error
}

// reader does looks, until there are no more. Each sees the last committed state.
func reader(c *conn, waiting <-chan look, disk *freezes, observe func(took time.Duration)) {
	for l := range waiting {
		disk.wait()
		began := time.Now()
		err := l.do(c)
		for end := time.Now().Add(time.Minute); isLocked(err) && time.Now().Before(end); err = l.do(c) {
			time.Sleep(lockPoll) // another process recovers the log
		}
		observe(time.Since(began))
		l.done <- err
	}
}

// read has a reader run f, and returns its results. It returns no later than its context or a deadline says.
func read[T any](ctx context.Context, until time.Time, d *database, f func(*conn) (T, error)) (T, error) {
	var none T
	if !d.begin() {
		return none, errClosed
	}
	defer d.calls.Done()
	if err := ctx.Err(); err != nil {
		return none, unavailable(err)
	}
	value := new(T) // belongs to the reader until it is done
	l := look{done: make(chan error, 1), do: func(c *conn) (err error) {
		*value, err = f(c)
		return err
	}}
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	looks := d.looks
	for {
		select {
		case looks <- l:
			looks = nil
		case err := <-l.done:
			return *value, d.contractError(err)
		case <-ctx.Done():
			return none, unavailable(fmt.Errorf("%w while the disk was used", ctx.Err()))
		case <-late.C:
			return none, unavailable(fmt.Errorf("%w while the disk was used", context.DeadlineExceeded))
		}
	}
}

// millis returns a time as it is kept.
func millis(t time.Time) int64 { return t.UnixMilli() }

// millisUp rounds up, so that nothing ends earlier than was asked for.
func millisUp(t time.Time) int64 { return millis(t.Add(time.Millisecond - 1)) }
