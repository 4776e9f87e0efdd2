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
// # Who waits for what
//
// One goroutine writes. It commits what is waiting together, at most 64 acts; nobody is told before the commit. An act
// that fails is undone alone: if it has written already, the group is done again, each act under a savepoint. Several
// goroutines read meanwhile, from the last committed state. A call never waits longer than Options.Deadline or its
// context, even if the disk hangs; only Close waits for what was left behind. RunNow is many acts, one after the other:
// others write in between, and it lasts as long as there is something to do.
//
// The function of an Update runs in the goroutine of its caller: first on an empty record, as for a first signup, then,
// if that will not do, on the record as it was read. The writer commits the change if the record still has the version
// that the function saw, otherwise it gives the record back. After three of these the function runs in the goroutine
// that writes, while nobody else can change the record; all writers wait for it, so it has to be short. A caller that
// leaves cancels its act, or waits for its function if that is running there.
//
// # What a call costs
//
// An Update is one act whatever it acquires, enqueues, reserves and counts; if there is a record, also a read or a
// second act. The buckets of a group are read together, and what its acts took and counted is written together. Acquire
// costs the same however much its buckets hold. Lease with nothing due, Due, PutText of a text that is kept, and Get
// only read. A pending person takes about 250 bytes more than their record's Data.
//
// # Limits
//
// A bucket is one row. An exact one is a log of when something was taken, its taker and its tag. Another one
// counts each window of its limits in 32 slices and the oldest slice whole. A bucket whose limits become exact, or no
// longer are, starts from zero; so does a limit of a large bucket if its window changes.
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
	"fmt"

	"github.com/optin/optin/store"
)

// Store is a store.Store in an SQLite file. Its methods are those of its ports, each in a file of that name.
type Store struct {
	*database
	records
	queue
	limits
	cells
	counters
	texts
	marks
}

var _ store.Store = (*Store)(nil)

// Open opens the file, or creates it if there is none. It reads the beginning of the file only; whether the rest is
// damaged is found out afterwards, and Ready says so. Its errors are written for the operator.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	d := newDatabase(o)
	if err := d.open(ctx); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", o.Path, err)
	}
	d.start(ctx)
	return &Store{d, records{d}, queue{d}, limits{d}, cells{d}, counters{d}, texts{d}, marks{d}}, nil
}

// Close waits for calls in progress, and for what the disk has not finished yet, and closes the file. Later calls
// return store.ErrUnavailable; closing again returns the same error.
func (s *Store) Close() error { return s.close() }
