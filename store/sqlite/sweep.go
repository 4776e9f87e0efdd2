package sqlite

import (
	"context"
	"time"
)

// sweepBatch is how many rows of a table are removed in one transaction: few, so that nobody waits for the sweeper.
const sweepBatch = 100

const dropRecords = `DELETE FROM records WHERE rowid IN
	(SELECT rowid FROM records WHERE expires <= ? ORDER BY expires LIMIT ?)`

// sweepEvery removes what has expired, at intervals, until the context ends. Only the size of the file depends on it,
// and that what has expired is really gone. If it fails (on a full disk deletions fail, too), the next one makes up
// for it.
func (s *Store) sweepEvery(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = s.sweep(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// sweep removes everything that has expired, in small batches.
func (s *Store) sweep(ctx context.Context) error {
	for {
		removed, err := change(ctx, s, s.relaxed, func(tx transaction) (int64, error) {
			now := s.o.Now()
			records, err := tx.exec(dropRecords, millis(now), sweepBatch)
			if err != nil {
				return 0, err
			}
			taken, err := tx.exec(dropTaken, now.UnixNano(), sweepBatch)
			if err != nil {
				return 0, err
			}
			cells, err := tx.exec(dropCells, millis(now), sweepBatch)
			return max(records, taken, cells), err
		})
		if err != nil || removed < sweepBatch {
			return err
		}
	}
}
