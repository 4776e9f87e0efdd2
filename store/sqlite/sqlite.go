// Package sqlite keeps records in one SQLite file, for an optin that runs on one machine. Any number of processes on
// that machine may have the file open.
//
// # What is promised
//
// What Update, Settle and Keep acknowledged is on the disk: the journal is a write-ahead log (WAL) and synchronous is
// FULL, read back from every connection before it is used. WAL with synchronous NORMAL keeps the file whole at a power
// cut and yet loses the commits of the last moments; it is used only where Options.Durability asks for it, and for
// what may be lost with the machine: leases (their holders die with it), takes of rate limits, and reservations. These too are
// in the log in their order: whatever was committed for good after a reservation, the reservation is there with it.
//
// # What is refused at start
//
// A file that is no database, that is damaged, that belongs to another program or to a newer optin, that is empty, or
// that has lost its log (see file.go). Nothing is ever created in the place of a file that is there.
//
// # Who waits for whom
//
// One goroutine writes at a time, in the order of arrival; several read meanwhile, from the last committed state. A
// call never waits longer than Options.Deadline or its context, even when the disk hangs: the disk is asked in a
// goroutine of its own, and an act runs in its caller's goroutine, so that nothing of the caller's is touched after the
// answer. Only Close waits for what was left behind. Hasten is many such calls, one after the other: others write in between, and it
// lasts as long as there is something to hasten.
//
// # Errors
//
// A locked, full, read-only, unreachable or failing file is store.ErrUnavailable with SQLite's words as its cause. So is
// a context that ended; errors.Is tells it apart. A context that ends before the commit leaves nothing behind.
//
// # What is parked
//
// Parked gives as Due when an entry died, and as Tries how often it was leased. Deaths are in the order in which they were
// committed, whatever the clock does. When those died that a file of schema 1 holds is not known; they come first.
//
// # Schema
//
// A file of an earlier schema is upgraded as it is opened, in one transaction; an earlier optin then refuses it.
// Counts are kept for ever.
//
// # What is given back
//
// Return makes a take as if it had never been. It costs the same however much its bucket holds and however long ago the take was
// (gaps.go), and where there is nothing to give back it only reads.
//
// # Time
//
// All time is Options.Now. A record or an entry is due or gone by the millisecond, a take by the nanosecond. When the
// clock steps back, takes that seem to lie ahead are moved to the present moment: nobody waits longer than the window.
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
	o      Options
	file   os.FileInfo // what was opened, to notice that somebody put another in its place
	hard   *pool       // one connection, for what must last
	soft   *pool       // one connection, for what may be lost with the machine
	reader *pool
	gate   gate

	mu     sync.Mutex
	closed bool
	inHand sync.WaitGroup     // calls, including those whose callers have gone
	stop   context.CancelFunc // ends the sweeper
	close  func() error       // does it once
}

var _ store.Store = (*Store)(nil)

// openPatience is how long Open waits for another process that is creating or recovering the file.
const openPatience = 10 * time.Second

// Open opens the file, or creates it if there is none. It checks the whole file for damage, so it takes a moment with
// a large one. Its errors are made to be read by the operator.
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
	s.inHand.Add(1)
	go func() {
		defer s.inHand.Done()
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
			err = errors.Join(err, s.closePools())
		}
	}()
	patient, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	full, some := s.o.Durability.levels()
	if s.hard, err = openPool(patient, s.o.Path, full, writing, 1); err != nil {
		return err
	}
	if err := whenFree(patient, func() error { return checkWhole(ctx, s.hard.db) }); err != nil {
		return err
	}
	if err := upgrade(patient, s.hard.db); err != nil {
		return err
	}
	if err := whenFree(patient, func() error { return s.hard.prepare(patient, hardStatements) }); err != nil {
		return err
	}
	if s.soft, err = openPool(patient, s.o.Path, some, writing, 1, softStatements...); err != nil {
		return err
	}
	if s.reader, err = openPool(patient, s.o.Path, full, reading, s.o.Readers, readStatements...); err != nil {
		return err
	}
	s.file, err = os.Stat(s.o.Path)
	return err
}

// Close waits for what is in hand, sweeping included, and closes the file. What is called later fails with
// store.ErrUnavailable. Closing again gives the same answer.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.inHand.Wait()
	return s.closePools()
}
