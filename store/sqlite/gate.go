package sqlite

import (
	"context"
	"fmt"
	"time"
)

// SQLite's lock between processes goes to whoever asks at the right moment: a process with a queue of writers would
// keep it for ever from one that looks every millisecond. So after a while of writing without a break, a process stays
// away from the lock for longer than the others' looking takes.
const (
	stretch = 100 * time.Millisecond // of writing without a break
	breath  = 5 * time.Millisecond   // the break: a few looks, for the other may be late
	look    = time.Millisecond       // how often a process looks whether the lock is free
)

// gate lets one goroutine write at a time, in the order of arrival.
type gate struct {
	key chan struct{} // holds the key while nobody writes
	ran *run
}

// run is a stretch of writing; whoever has the key has it.
type run struct{ began, ended time.Time }

func newGate() gate {
	g := gate{key: make(chan struct{}, 1), ran: &run{}}
	g.key <- struct{}{}
	return g
}

// enter waits for the turn. Whoever entered must leave.
func (g gate) enter(ctx context.Context) error {
	select {
	case <-g.key:
	case <-ctx.Done():
		return fmt.Errorf("%w while others were writing", ctx.Err())
	}
	now := time.Now()
	if now.Sub(g.ran.ended) > breath {
		g.ran.began = now
	} else if now.Sub(g.ran.began) > stretch {
		if err := pause(ctx, breath); err != nil {
			g.leave()
			return err
		}
		g.ran.began = time.Now()
	}
	return nil
}

func (g gate) leave() {
	g.ran.ended = time.Now()
	g.key <- struct{}{}
}

// pause waits, unless the context ends.
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
