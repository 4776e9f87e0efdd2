package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// database is what all ports share: the open file, and the goroutines that write, read and look after it.
type database struct {
	o       Options
	place   place
	lineage lineage      // of the writer
	bytes   atomic.Int64 // how large the file was at most
	names   *names
	spare   reserve
	disk    *freezes // nil: nothing is written

	acts  chan *act // to the writer
	idle  sync.Pool // of acts
	looks chan look // to the readers

	damage atomic.Pointer[store.UnsafeError] // what was found since Open
	locked atomic.Pointer[error]             // SQLite's words while another program has the lock
	erased atomic.Bool                       // something was, since forget was done

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup     // in progress
	stop   context.CancelFunc // ends the sweeper and the check for damage
	side   sync.WaitGroup     // the sweeper and the check for damage
	conns  []*conn            // of the writer, the readers and the check for damage
	served sync.WaitGroup     // the writer and the readers
	close  func() error       // closes once
}

func newDatabase(o Options) *database {
	d := &database{
		o: o, lineage: lineage{path: o.Path}, names: newNames(), spare: reserve{path: o.Path + "-reserve"},
		acts: make(chan *act, groupSize), idle: sync.Pool{New: newAct}, looks: make(chan look),
	}
	if !o.ReadOnly {
		d.disk = newFreezes(d.spare.path)
	}
	d.close = sync.OnceValue(d.shut)
	return d
}

// open opens all connections.
func (d *database) open(ctx context.Context) (err error) {
	if err := prepareFile(ctx, d.o); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closeAll())
		}
	}()
	for len(d.conns) < d.o.Readers+2 {
		m, first := reading, len(d.conns) == 0
		switch {
		case d.o.ReadOnly:
			m = looking
		case first:
			m = writing
		}
		c, err := connect(ctx, d.o.Path, d.o.level(), m)
		if err != nil {
			return err
		}
		d.conns = append(d.conns, c)
		if first {
			if err := whileLocked(ctx, c.checkSchema); err != nil {
				return err
			}
		}
	}
	d.place, err = placeOf(d.o.Path)
	return err
}

// start starts the goroutines: one that writes, several that read, one that sweeps, and one that looks for damage and
// ends.
func (d *database) start(ctx context.Context) {
	w := &writer{
		tx: newTransaction(d.conns[0], d.names, d.o.Now), observe: d.o.Observer.RoundTrip, locked: &d.locked,
		disk: d.disk, inPlace: func() error {
			if _, err := d.place.check(); err != nil {
				return unavailable(err)
			}
			return nil
		},
	}
	d.served.Go(func() { w.serve(d.acts) })
	for _, c := range d.conns[1 : len(d.conns)-1] {
		d.served.Go(func() { reader(c, d.looks, d.disk, d.o.Observer.RoundTrip) })
	}
	side, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	if !d.o.ReadOnly {
		if err := d.spare.fill(); err != nil {
			d.o.Log.WarnContext(ctx, "there is no room in reserve for withdrawals on a full disk",
				"file", d.spare.path, "error", err)
		}
		d.side.Go(func() { d.sweepEvery(side, d.o.Sweep) })
	}
	d.side.Go(func() { d.checkDamage(side, d.conns[len(d.conns)-1]) })
}

func (d *database) shut() error {
	d.stop()
	d.side.Wait()
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.calls.Wait()
	close(d.acts)
	close(d.looks)
	d.served.Wait()
	return d.closeAll()
}

// closeAll closes the connections, the one that writes last: it completes the database. SQLite does not if the file is
// not in its place any more, and leaves a log that the next start would write over whatever file is there.
func (d *database) closeAll() error {
	var errs []error
	for i, c := range slices.Backward(d.conns) {
		if i == 0 && d.place.opened != nil && !d.o.ReadOnly && d.place.file() == nil {
			_, err := c.value("PRAGMA wal_checkpoint(TRUNCATE)")
			errs = append(errs, err)
		}
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// errClosed is what a call returns after Close.
var errClosed = fmt.Errorf("%w: sqlite: the store is closed", store.ErrUnavailable)

// begin counts a call that begins, unless the store is closed.
func (d *database) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.calls.Add(1)
	}
	return !d.closed
}

// deadline is when a call that begins now must have returned.
func (d *database) deadline() time.Time { return time.Now().Add(d.o.Deadline) }
