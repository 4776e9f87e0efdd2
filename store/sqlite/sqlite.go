// Package sqlite keeps a store in one SQLite file, for an optin that runs on one machine. Any number of processes on
// that machine may have the file open.
//
// # What lasts
//
// What Update, End, Requeue, RunNow and PutText acknowledged is on the disk: the journal is a write-ahead log (WAL)
// and synchronous is FULL, read back from every connection before it is used. WAL with synchronous NORMAL keeps the
// file whole at a power cut, and yet loses the commits of the last moments. It is used only if Options.Durability
// asks for it, and for what may be lost with the machine: leases (their holders die with it), what was taken from
// buckets, and cells. These are in the log in their order, too: if a later durable commit is there, they are there
// with it.
//
// # What is refused at start
//
// Open refuses a file that is no database, is damaged, belongs to another program or has another schema, is empty, or
// has lost its log (file.go). It never creates anything in the place of a file that is there. There is one schema
// (schema.go); an optin that needs another one will say how to get there.
//
// # Who waits for whom
//
// One goroutine writes at a time, in the order of arrival; several read meanwhile, from the last committed state. A
// call never waits longer than Options.Deadline or its context, even if the disk hangs: a goroutine of its own uses
// the disk. Only Close waits for what was left behind. RunNow is many transactions, one after the other: others write
// in between, and it lasts as long as there is something to do.
//
// # What a call costs
//
// Acquire costs the same however much its buckets hold. Lease with nothing due, PutText of a text that is kept, and Get
// only read. Counts are kept for ever.
//
// # Errors
//
// A locked, full, read-only, unreachable or failing file is store.ErrUnavailable with SQLite's words as its cause. So
// is a context that ended; errors.Is tells it apart. A context that ends before the commit leaves nothing behind.
//
// # Time
//
// All time is Options.Now. Records, cells and jobs expire or become due by the millisecond, what was taken from buckets
// by the nanosecond. If the clock steps back, what seems to have been taken later than now counts as taken now: nobody
// waits longer than a window.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// Store is a store.Store in an SQLite file.
type Store struct {
	o    Options
	file os.FileInfo // what was opened, to notice that somebody put another in its place
	gate gate

	durable *pool // one connection, for what must last
	relaxed *pool // one connection, for what may be lost with the machine
	reader  *pool

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup     // in progress, including those whose callers have gone
	stop   context.CancelFunc // ends the sweeper
	close  func() error       // closes once
}

var _ store.Store = (*Store)(nil)

// openPatience is how long Open waits for another process that is creating or recovering the file.
const openPatience = 10 * time.Second

// Open opens the file, or creates it if there is none. It checks the whole file for damage, which takes a moment if the
// file is large. Its errors are written for the operator.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, gate: newGate()}
	s.close = sync.OnceValue(s.shut)
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", o.Path, err)
	}
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.calls.Add(1)
	go func() {
		defer s.calls.Done()
		s.sweepEvery(sweeping, o.Sweep)
	}()
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := prepareFile(ctx, s.o); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closePools(s.reader, s.relaxed, s.durable))
		}
	}()
	patient, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	full, relaxed := levels(s.o.Durability)
	if s.durable, err = openPool(patient, s.o.Path, full, writing, 1); err != nil {
		return err
	}
	if err := whileLocked(patient, func() error { return checkSchema(ctx, s.durable.db) }); err != nil {
		return err
	}
	if err := whileLocked(patient, func() error { return s.durable.prepare(patient, durableStatements) }); err != nil {
		return err
	}
	if s.relaxed, err = openPool(patient, s.o.Path, relaxed, writing, 1, relaxedStatements...); err != nil {
		return err
	}
	if s.reader, err = openPool(patient, s.o.Path, full, reading, s.o.Readers, readStatements...); err != nil {
		return err
	}
	s.file, err = os.Stat(s.o.Path)
	return err
}

// Close waits for calls in progress and for the sweeper, and closes the file. Later calls return store.ErrUnavailable;
// closing again returns the same error.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.calls.Wait()
	return closePools(s.reader, s.relaxed, s.durable)
}
