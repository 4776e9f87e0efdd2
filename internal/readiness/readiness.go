// Package readiness knows whether the store keeps now what is acknowledged. One goroutine of a process asks it every
// second; everybody else reads the last answer, which costs nothing.
package readiness

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Every is how often the store is asked.
const Every = time.Second

// ErrUnknown is the answer until the store was asked for the first time.
var ErrUnknown = errors.New("readiness: the store has not been asked yet")

// Watch asks a store. Its methods may be called from any goroutine, but Ask by one at a time.
type Watch struct {
	ask     func(ctx context.Context) error
	changed func(err error)
	last    atomic.Pointer[answer]
}

// answer is what the store said: nil if it is ready.
type answer struct{ err error }

// New returns a Watch that asks by calling ask, which must bound itself. It calls changed with the first answer, and
// with each that reads otherwise than the one before.
func New(ask func(ctx context.Context) error, changed func(err error)) *Watch {
	w := &Watch{ask: ask, changed: changed}
	w.last.Store(&answer{ErrUnknown})
	return w
}

// Err returns the last answer: nil if the store was ready then.
func (w *Watch) Err() error { return w.last.Load().err }

// Ask asks the store now.
func (w *Watch) Ask(ctx context.Context) error {
	err := w.ask(ctx)
	if ctx.Err() != nil { // nothing was learnt
		return err
	}
	if before := w.last.Swap(&answer{err}).err; text(before) != text(err) {
		w.changed(err)
	}
	return err
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Run asks every second until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = w.Ask(ctx) // kept in last
		}
	}
}
