package sqlite

import (
	"context"
	"fmt"
	"time"
)

// SQLite's lock between processes goes to the process that asks at the right moment: one with a queue of writers would
// keep it for ever from one that asks every millisecond. So after writing for a while without a break, a process leaves
// the lock alone for longer than the others wait between two attempts.
const (
	longestRun = 100 * time.Millisecond // of writing without a break
	runBreak   = 5 * time.Millisecond   // the break: a few attempts of another process, which may be late
	lockPoll   = time.Millisecond       // how often a process tries to get the lock
)

// gate lets one goroutine write at a time, in the order of arrival.
type gate struct {
	key chan struct{} // holds the key while nobody writes
	run *run          // belongs to the goroutine that has the key
}

// run is a time of writing without a break.
type run struct{ began, ended time.Time }

func newGate() gate {
	g := gate{key: make(chan struct{}, 1), run: &run{}}
	g.key <- struct{}{}
	return g
}

// enter waits for the key. A goroutine that entered must leave.
func (g gate) enter(ctx context.Context) error {
	select {
	case <-g.key:
	case <-ctx.Done():
		return fmt.Errorf("%w while others were writing", ctx.Err())
	}
	now := time.Now()
	if now.Sub(g.run.ended) > runBreak {
		g.run.began = now
	} else if now.Sub(g.run.began) > longestRun {
		if err := pause(ctx, runBreak); err != nil {
			g.leave()
			return err
		}
		g.run.began = time.Now()
	}
	return nil
}

func (g gate) leave() {
	g.run.ended = time.Now()
	g.key <- struct{}{}
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
