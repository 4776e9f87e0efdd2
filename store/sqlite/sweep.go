package sqlite

import (
	"context"
	"errors"
	"math"
	"time"
)

// What has expired is removed in small transactions, so that nobody waits for the sweeper: 100 records or cells in one.
const dropRecords = `DELETE FROM records WHERE n IN
	(SELECT n FROM records INDEXED BY records_next WHERE next <= ? AND expires <= ? ORDER BY next LIMIT 100)`

// sweepBatch is how many rows dropRecords and dropCells remove at most.
const sweepBatch = 100

// Buckets have no index of when they expire, which would cost as much as a third of them and a change with each that is
// taken. The sweeper goes through all of them in bucketParts parts instead, bucketsEach of them each time: so a bucket
// is removed within bucketParts/bucketsEach sweeps.
const (
	bucketParts = 1 << 12
	bucketsEach = bucketParts / 64
)

// sweepEvery removes what has expired, at intervals, until the context ends. Only the size of the file depends on it,
// and that what has expired is really gone. If it fails (on a full disk deletions fail, too), the next one makes up
// for it.
func (d *database) sweepEvery(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	first, rest := true, time.Time{}
	for part := 0; ; part = (part + bucketsEach) % bucketParts {
		select {
		case <-tick.C:
			_ = d.sweep(ctx)
			_ = d.sweepBuckets(ctx, part, part+bucketsEach)
			if first { // one that ended, or another process, may have left something
				first = false
				d.erased.Store(true)
			}
			if begun := time.Now(); begun.After(rest) {
				d.forget(ctx)
				rest = time.Now().Add(restAfter * time.Since(begun))
			}
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetAtStop)
			defer cancel()
			d.forget(ctx)
			return
		}
	}
}

// sweep removes all records and cells that have expired.
func (d *database) sweep(ctx context.Context) error {
	for _, drop := range []func(*transaction) (int64, error){
		func(t *transaction) (int64, error) { return t.exec(dropRecords, millis(t.now), millis(t.now)) },
		func(t *transaction) (int64, error) { return t.exec(dropCells, millis(t.now)) },
	} {
		for removed := int64(sweepBatch); removed == sweepBatch; {
			err := d.write(ctx, d.deadline(), func(t *transaction) (err error) {
				removed, err = drop(t)
				return err
			})
			if err != nil {
				return err
			}
			if removed > 0 {
				d.erased.Store(true)
			}
		}
	}
	return nil
}

const (
	// restAfter is how many times as long as forget took it is not done again: in a large file it takes seconds.
	restAfter = 20
	// forgetAtStop is how long it may take before the file is closed. What it leaves is done after the next start.
	forgetAtStop = 2 * time.Second
)

// forget removes what the file and its log still have of what was erased, if something was. If it fails, or somebody is
// reading, the next one makes up for it.
func (d *database) forget(ctx context.Context) {
	d.disk.wait()
	if d.erased.Swap(false) && errors.Join(d.clearGaps(ctx), d.emptyLog(ctx)) != nil {
		d.erased.Store(true)
	}
}

// emptyLog moves what is in the log into the database, and empties it: until it is written over, the log has what was
// there before. Others wait only for the second step, which has little left to do.
func (d *database) emptyLog(ctx context.Context) error {
	c, err := connect(ctx, d.o.Path, d.o.level(), writing)
	if err != nil {
		return err
	}
	var busy any
	for _, step := range []string{"PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if busy, err = c.value(step); err != nil {
			break
		}
	}
	if err == nil && busy != int64(0) {
		err = errors.New("the log is being read")
	}
	return errors.Join(err, c.Close())
}

// sweepBuckets removes the buckets of some parts in which nothing counts any more.
func (d *database) sweepBuckets(ctx context.Context, from, to int) error {
	const width = math.MaxUint64/bucketParts + 1
	for part := from; part < to; part++ {
		first := int64(uint64(part)*width) ^ math.MinInt64
		err := d.write(ctx, d.deadline(), func(t *transaction) error {
			_, err := t.exec(dropBuckets, first, first+(width-1), millis(t.now))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
