package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"runtime"
	"sync"
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
// context or a deadline says; what was not begun then leaves nothing behind.
func (s *Store) write(ctx context.Context, until time.Time, do func(*transaction) error) error {
	if !s.begin() {
		return errClosed
	}
	defer s.calls.Done()
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	a := s.idle.Get().(*act)
	a.ctx, a.do = ctx, do
	a.late.Reset(time.Until(until))
	select {
	case s.acts <- a:
	case <-ctx.Done():
		s.recycle(a)
		return unavailable(fmt.Errorf("%w while others were writing", ctx.Err()))
	case <-a.late.C:
		s.recycle(a)
		return unavailable(fmt.Errorf("%w while others were writing", context.DeadlineExceeded))
	}
	if err := a.wait(); err != nil {
		return unavailable(fmt.Errorf("%w while the disk was used", err))
	}
	err, panicked := a.err, a.panicked
	s.recycle(a)
	if panicked != nil {
		panic(panicked)
	}
	return contractError(err)
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
func (s *Store) recycle(a *act) {
	a.late.Stop()
	a.ctx, a.do, a.err, a.panicked, a.left = nil, nil, nil, nil, false
	s.idle.Put(a)
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

// writer is the goroutine that writes, with its connection.
type writer struct {
	tx  *transaction
	run run // of writing without a break
}

// serve does acts, as many as are waiting in one transaction, until there are no more.
func (w *writer) serve(waiting <-chan *act) {
	group := make([]*act, 0, groupSize)
	for a := range waiting {
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

// commit does a group of acts in one transaction, each under a savepoint of its own, and tells nobody before it is
// committed.
func (w *writer) commit(group []*act) {
	err := w.tx.begin(group)
	if err == nil {
		for _, a := range group {
			if a.err = a.wanted(); a.err == nil {
				a.err = w.tx.try(a)
			}
			if err = w.tx.broken; err != nil {
				break
			}
		}
		err = w.tx.finish(err)
	}
	for _, a := range group {
		if a.err == nil {
			a.err = err
		}
		a.done <- struct{}{}
	}
}

const (
	beginImmediate = "BEGIN IMMEDIATE" // what is read, nobody changes until the commit
	commitAll      = "COMMIT"
	rollBackAll    = "ROLLBACK"
	saveAct        = "SAVEPOINT act"
	keepAct        = "RELEASE act"
	undoAct        = "ROLLBACK TO act"
)

// transaction is the one of the writer: of a group of acts, one after the other.
type transaction struct {
	*conn
	names *names
	clock func() time.Time

	act    *act
	now    time.Time // of the act
	saved  bool      // the act has its savepoint, because it has written
	taken  []*bucket // what the act took from, to be undone
	looks  []looked  // what the acquisition that runs has found
	counts []counted // what the act counted, to be undone
	added  bool      // the transaction has added a name
	broken error     // the whole transaction is lost

	group
}

func newTransaction(c *conn, n *names, clock func() time.Time) *transaction {
	return &transaction{
		conn: c, names: n, clock: clock,
		group: group{buckets: map[int64]*bucket{}, sums: map[sum]int64{}},
	}
}

// begin waits until no other process writes, or until nobody waits for the acts any more.
func (t *transaction) begin(acts []*act) error {
	t.broken, t.added = nil, false
	t.group.reset()
	for {
		_, err := t.conn.exec(beginImmediate)
		if err == nil || !isLocked(err) {
			return err
		}
		some := false
		for _, a := range acts {
			some = some || a.wanted() == nil
		}
		if !some {
			return err
		}
		time.Sleep(lockPoll)
	}
}

// finish commits, or rolls back because of err.
func (t *transaction) finish(err error) error {
	if err == nil {
		if err = t.flush(); err == nil {
			_, err = t.conn.exec(commitAll)
		}
	}
	if err != nil {
		_, _ = t.conn.exec(rollBackAll) // which fails if SQLite has done it already
	}
	return err
}

// try does one act. What it did is undone if it fails, or if its caller has left meanwhile.
func (t *transaction) try(a *act) error {
	t.act, t.saved, t.now = a, false, t.clock()
	t.taken, t.counts = t.taken[:0], t.counts[:0]
	err := a.do(t)
	if err == nil {
		err = a.wanted()
	}
	if err != nil {
		t.untake(0)
		t.uncount()
		if t.saved {
			if _, failed := t.conn.exec(undoAct); failed != nil { // SQLite has rolled everything back
				t.broken = unavailable(fmt.Errorf("%w: %w", err, failed))
				return err
			}
		}
	}
	if t.saved {
		_, t.broken = t.conn.exec(keepAct)
	}
	return err
}

// save makes the savepoint of the act, before its first statement that writes.
func (t *transaction) save() error {
	if t.saved {
		return nil
	}
	_, err := t.conn.exec(saveAct)
	t.saved = err == nil
	return err
}

// exec runs a statement that writes, and returns how many rows it changed.
func (t *transaction) exec(text string, args ...driver.Value) (int64, error) {
	if err := t.save(); err != nil {
		return 0, err
	}
	return t.conn.exec(text, args...)
}

// group is what the acts of one transaction share. Many of them take from the same few buckets and count the same few
// things, so these are read and written once.
type group struct {
	buckets map[int64]*bucket
	sums    map[sum]int64
}

func (g *group) reset() {
	clear(g.buckets)
	clear(g.sums)
}

// flush writes what the acts have taken and counted.
func (t *transaction) flush() error {
	for _, b := range t.buckets {
		if !b.changed {
			continue
		}
		if _, err := t.conn.exec(putBucket, b.key, b.expires, b.form.append(nil)); err != nil {
			return err
		}
	}
	for what, n := range t.sums {
		if n == 0 {
			continue
		}
		if _, err := t.conn.exec(addCount, what.site, what.day, what.name, n); err != nil {
			return err
		}
	}
	return nil
}
