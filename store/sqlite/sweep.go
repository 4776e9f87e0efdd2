package sqlite

import (
	"context"
	"time"
)

// batch is how many rows are removed at once: few, so that nobody waits for the sweeper.
const batch = 100

const sweepRecords = `DELETE FROM records WHERE rowid IN
	(SELECT rowid FROM records WHERE expires <= ? ORDER BY expires LIMIT ?)`

// sweepEvery removes what has expired, now and then, until the context ends. Nothing depends on it but the size of the
// file and that what has expired is really gone: a failure (a full disk fails deletions, too) is made good by the next.
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
		removed, err := change(ctx, s, s.soft, func(tx transaction) (int64, error) {
			now := s.o.Now()
			records, err := tx.exec(sweepRecords, millis(now), batch)
			if err != nil {
				return 0, err
			}
			takes, err := tx.exec(dropTaken, now.UnixNano(), batch)
			if err != nil {
				return 0, err
			}
			cells, err := tx.exec(dropCells, millis(now), batch)
			return max(records, takes, cells), err
		})
		if err != nil || removed < batch {
			return err
		}
	}
}
