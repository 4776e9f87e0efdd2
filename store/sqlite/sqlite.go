// Package sqlite keeps a store in one SQLite file, for an optin that runs on one machine. Any number of processes on
// that machine may have the file open.
//
// # What lasts
//
// What a call acknowledged is on the disk: the journal is a write-ahead log (WAL) and synchronous is FULL, read back
// from every connection before it is used. With less, which Options.Durability may ask for, the file stays whole at a
// power cut, and yet loses the commits of the last moments.
//
// # What is refused at start
//
// Open refuses a file that is no database, whose beginning is damaged, that belongs to another program or has another
// schema, is empty, or has lost its log (file.go). It never creates anything in the place of a file that is there.
// There is one schema (schema.go); an optin that needs another one will say how to get there.
//
// Open reads the beginning of the file only, so a large file takes no longer than a small one. All of it is looked
// through for damage afterwards, on a connection of its own. From the first finding on, Ready returns an error.
//
// # Who waits for whom
//
// One goroutine writes. It commits what is waiting together, at most 64 acts, each under a savepoint: an act that fails
// is undone alone, and nobody is told before the commit. Several goroutines read meanwhile, from the last committed
// state. A call never waits longer than Options.Deadline or its context, even if the disk hangs; only Close waits for
// what was left behind. The function of an Update runs in the goroutine that writes, so all writers wait for it: it has
// to be short. A caller that leaves cancels its act, or waits for its function if that is running. RunNow is many acts,
// one after the other: others write in between, and it lasts as long as there is something to do.
//
// # What a call costs
//
// An Update is one act whatever it acquires, enqueues, reserves and counts. Acquire costs the same however much its
// buckets hold. Lease with nothing due, Due, PutText of a text that is kept, and Get only read. A pending person takes
// about 250 bytes more than their record's Data. Counts are kept for ever.
//
// # Limits
//
// A bucket is one row. An exact one is a log of when something was taken, by whom and with which tag. Another one
// counts each window of its limits in 32 slices and the oldest slice whole. A bucket whose limits become exact, or are
// so no more, begins anew; so does a limit of a large bucket whose window changes.
//
// # Errors
//
// A locked, full, read-only, unreachable or failing file is store.ErrUnavailable with SQLite's words as its cause. So
// is a context that ended; errors.Is tells it apart. A context that ends before its act was done leaves nothing behind.
//
// # Time
//
// All time is Options.Now. Records, timers, cells and jobs expire or become due by the millisecond, what was taken from
// exact buckets by the nanosecond. If the clock steps back, what seems to have been taken later than now counts as
// taken now: nobody waits longer than a window, and a slice of it.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/optin/optin/store"
)

// Store is a store.Store in an SQLite file.
type Store struct {
	o     Options
	file  os.FileInfo // what was opened, to notice that somebody put another in its place
	names *names

	acts  chan *act // to the writer
	idle  sync.Pool // of acts
	looks chan look // to the readers

	damage atomic.Pointer[store.UnsafeError] // what was found since Open

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup     // in progress
	stop   context.CancelFunc // ends the sweeper and the check for damage
	side   sync.WaitGroup     // the sweeper and the check for damage
	conns  []*conn            // of the writer, the readers and the check for damage
	served sync.WaitGroup     // the writer and the readers
	close  func() error       // closes once
}

var _ store.Store = (*Store)(nil)

// Open opens the file, or creates it if there is none. It reads the beginning of the file only; whether the rest is
// damaged is found out afterwards, and Ready says so. Its errors are written for the operator.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		o: o, names: newNames(),
		acts: make(chan *act, groupSize), idle: sync.Pool{New: newAct}, looks: make(chan look),
	}
	s.close = sync.OnceValue(s.shut)
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", o.Path, err)
	}
	s.start(ctx)
	return s, nil
}

// open opens all connections.
func (s *Store) open(ctx context.Context) (err error) {
	if err := prepareFile(ctx, s.o); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeAll())
		}
	}()
	for len(s.conns) < s.o.Readers+2 {
		m := reading
		if len(s.conns) == 0 {
			m = writing
		}
		c, err := connect(ctx, s.o.Path, s.o.level(), m)
		if err != nil {
			return err
		}
		s.conns = append(s.conns, c)
		if m == writing {
			if err := whileLocked(ctx, c.checkSchema); err != nil {
				return err
			}
		}
	}
	s.file, err = os.Stat(s.o.Path)
	return err
}

// start starts the goroutines: one that writes, several that read, one that sweeps, and one that looks for damage and
// ends.
func (s *Store) start(ctx context.Context) {
	w := &writer{tx: newTransaction(s.conns[0], s.names, s.o.Now)}
	s.served.Go(func() { w.serve(s.acts) })
	for _, c := range s.conns[1 : len(s.conns)-1] {
		s.served.Go(func() { reader(c, s.looks) })
	}
	side, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.side.Go(func() { s.sweepEvery(side, s.o.Sweep) })
	s.side.Go(func() { s.checkDamage(side, s.conns[len(s.conns)-1]) })
}

// Close waits for calls in progress, and for what the disk has not finished yet, and closes the file. Later calls
// return store.ErrUnavailable; closing again returns the same error.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	s.stop()
	s.side.Wait()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
	close(s.acts)
	close(s.looks)
	s.served.Wait()
	return s.closeAll()
}

// closeAll closes the connections, the one that writes last: it completes the database.
func (s *Store) closeAll() error {
	var errs []error
	for _, c := range slices.Backward(s.conns) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
