package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// groupSize is how many acts are committed together at most. While one group is being written to the disk the next one
// gathers, so nobody waits for a group to become full.
const groupSize = 64

// act is one change that somebody waits for: it is done as a whole or not at all. The writer does it, so a caller may
// leave even if the disk hangs.
type act struct {
	ctx  context.Context
	do   func(*transaction) error
	take []acquisition // which do will make: the buckets of a whole group are read together
	done chan struct{} // receives once the act is committed or has failed
	err  error         // then
	late *time.Timer   // fires at the deadline, when the caller leaves

	mu   sync.Mutex
	left bool // the caller waits no longer
	// panicked is what a function of the caller's panicked with, which its goroutine is to see.
	panicked any
}

// newAct returns an act that may be used again, for its channel and its timer.
func newAct() any {
	late := time.NewTimer(time.Hour)
	late.Stop()
	return &act{done: make(chan struct{}, 1), late: late}
}

// write has the writer do something in a transaction, and returns once that is committed. It returns no later than its
// context or a deadline says; what was not begun then leaves nothing behind. It may be done twice, the second time
// after the first was rolled back. What it will take from buckets may be given as well: see act.
func (d *database) write(
	ctx context.Context, until time.Time, do func(*transaction) error, take ...acquisition,
) error {
	if !d.begin() {
		return errClosed
	}
	defer d.calls.Done()
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	a := d.idle.Get().(*act)
	a.ctx, a.do, a.take = ctx, do, take
	a.late.Reset(time.Until(until))
	select {
	case d.acts <- a:
	case <-ctx.Done():
		d.recycle(a)
		return d.late(ctx.Err(), "while others were writing")
	case <-a.late.C:
		d.recycle(a)
		return d.late(context.DeadlineExceeded, "while others were writing")
	}
	if err := a.wait(); err != nil {
		return d.late(err, "while the disk was used")
	}
	err, panicked := a.err, a.panicked
	d.recycle(a)
	if panicked != nil {
		panic(panicked)
	}
	return d.contractError(err)
}

// late returns the error of a write that was not done in time: in SQLite's words if another program has the lock.
func (d *database) late(ended error, while string) error {
	if words := d.locked.Load(); words != nil {
		return unavailable(fmt.Errorf("%w: %w", ended, *words))
	}
	return unavailable(fmt.Errorf("%w %s", ended, while))
}

// wait waits for the writer, and leaves if the context or the deadline ends first.
func (a *act) wait() (ended error) {
	select {
	case <-a.done:
		return nil
	case <-a.ctx.Done():
		ended = a.ctx.Err()
	case <-a.late.C:
		ended = context.DeadlineExceeded
	}
	a.leave()
	select {
	case <-a.done: // both came: the result says more
		return nil
	default:
		return ended
	}
}

// recycle puts an act back that nobody else has.
func (d *database) recycle(a *act) {
	a.late.Stop()
	a.ctx, a.do, a.take, a.err, a.panicked, a.left = nil, nil, nil, nil, nil, false
	d.idle.Put(a)
}

// leave makes the writer drop the act, unless it is committed already. It waits for a function of the caller's that is
// running, so that none touches what is the caller's afterwards.
func (a *act) leave() {
	a.mu.Lock()
	a.left = true
	a.mu.Unlock()
}

// wanted returns the error of a context that has ended, or of a caller that has left.
func (a *act) wanted() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		return context.DeadlineExceeded // nobody reads it
	}
	return a.ctx.Err()
}

// call runs a function of the caller's, unless the caller has left. If it panics, so does the caller.
func (a *act) call(f func() error) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		return context.DeadlineExceeded
	}
	defer func() {
		if a.panicked = recover(); a.panicked != nil {
			err = fmt.Errorf("panic: %v", a.panicked)
		}
	}()
	return f()
}

// writer is the goroutine that writes. It has one transaction after the other, each of a group of acts.
type writer struct {
	tx      *transaction
	run     run // of writing without a break
	observe func(took time.Duration)
	locked  *atomic.Pointer[error] // SQLite's words while another program has the lock
	inPlace func() error           // an error if what is committed would be lost
	disk    *freezes
}

// serve does acts, as many as are waiting in one transaction, until there are no more.
func (w *writer) serve(waiting <-chan *act) {
	group := make([]*act, 0, groupSize)
	for a := range waiting {
		w.disk.wait()
		w.run.begin()
		group = gather(append(group[:0], a), waiting)
		w.commit(group)
		w.run.end()
	}
}

// gather adds acts to a group as long as more come. Those whose callers were just answered come a moment later, so it
// lets other goroutines run before it is content with a group that is not full.
func gather(group []*act, waiting <-chan *act) []*act {
	for have := 0; have < len(group); {
		have = len(group)
		runtime.Gosched()
		for more := true; more && len(group) < groupSize; {
			select {
			case a, open := <-waiting:
				if more = open; open {
					group = append(group, a)
				}
			default:
				more = false
			}
		}
	}
	return group
}

// commit does a group of acts in one transaction, and tells nobody before it is committed.
//
// An act that fails is undone alone. Few fail after they have written, and a savepoint costs a copy of every page that
// an act changes. So the acts have none at first; if one fails so, the whole group is done again, each act under a
// savepoint.
func (w *writer) commit(group []*act) {
	began := time.Now()
	err := w.do(group, false)
	if errors.Is(err, errUndo) {
		err = w.do(group, true)
	}
	w.observe(time.Since(began))
	for _, a := range group {
		// What an act found wrong may be what was rolled back.
		if err != nil && (a.err == nil || a.ctx.Err() == nil) {
			a.err = err
		}
		a.done <- struct{}{}
	}
}

// errUndo says that an act failed which has written and has no savepoint.
var errUndo = errors.New("sqlite: an act must be undone")

const (
	beginImmediate = "BEGIN IMMEDIATE" // what is read, nobody changes until the commit
	commitAll      = "COMMIT"
	rollBackAll    = "ROLLBACK"
	keepAct        = "RELEASE act"
	undoAct        = "ROLLBACK TO act"
)

// do does a group of acts in one transaction, each under a savepoint or none.
func (w *writer) do(group []*act, savepoints bool) error {
	err := w.begin(group)
	if err != nil {
		return err
	}
	w.tx.reset(savepoints)
	err = w.tx.buckets.fetch(group)
	for i := 0; i < len(group) && err == nil; i++ {
		a := group[i]
		if a.err = a.wanted(); a.err == nil {
			a.err, err = w.try(a)
		}
	}
	return w.finish(err)
}

// begin waits until no other process writes, or until nobody waits for the acts any more.
func (w *writer) begin(group []*act) error {
	for {
		_, err := w.tx.conn.exec(beginImmediate)
		if err == nil || !isLocked(err) {
			w.locked.Store(nil)
			return err
		}
		w.locked.CompareAndSwap(nil, &err)
		if !slices.ContainsFunc(group, func(a *act) bool { return a.wanted() == nil }) {
			return err
		}
		time.Sleep(lockPoll)
	}
}

// try does one act and returns its error. What it did is undone if it fails, or if its caller has left meanwhile. If
// that cannot be, lost says why the whole transaction must be rolled back.
func (w *writer) try(a *act) (err, lost error) {
	t := w.tx
	t.next(a)
	if err = a.do(t); err == nil {
		err = a.wanted()
	}
	if err != nil {
		t.buckets.untake(0)
		t.sums.undo()
		switch {
		case t.saved:
			if _, failed := t.conn.exec(undoAct); failed != nil { // SQLite has rolled everything back
				return err, unavailable(fmt.Errorf("%w: %w", err, failed))
			}
		case t.wrote:
			return err, errUndo
		}
	}
	if t.saved {
		_, lost = t.conn.exec(keepAct)
	}
	return err, lost
}

// finish commits, or rolls back because of err.
func (w *writer) finish(err error) error {
	if err == nil {
		err = w.tx.buckets.flush()
	}
	if err == nil {
		err = w.tx.sums.flush()
	}
	if err == nil {
		err = w.inPlace()
	}
	if err == nil {
		_, err = w.tx.conn.exec(commitAll)
	}
	if err != nil {
		_, _ = w.tx.conn.exec(rollBackAll) // which fails if SQLite has done it already
	}
	return err
}
