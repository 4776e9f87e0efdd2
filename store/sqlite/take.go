package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

const (
	lastTake  = "SELECT seq, at FROM takes WHERE bucket = ? ORDER BY seq DESC LIMIT 1"
	nthTake   = "SELECT at FROM takes WHERE bucket = ? AND seq = ?"
	moveTakes = "UPDATE takes SET at = ?2, gone = ?3 WHERE bucket = ?1 AND at > ?2"
	addTake   = "INSERT INTO takes (bucket, seq, at, gone, taker) VALUES (?, ?, ?, ?, nullif(?, ''))"
	dropTakes = "DELETE FROM takes WHERE (bucket, seq) IN (SELECT bucket, seq FROM takes WHERE gone <= ? ORDER BY gone LIMIT ?)"
	// Without being told, SQLite would look through the whole bucket.
	ownTake = "SELECT seq FROM takes INDEXED BY takes_taker WHERE bucket = ? AND taker = ? AND gone > ?"
)

// maxBucket is the longest name of a bucket, in bytes.
const maxBucket = 128

// Take takes one from the bucket if every limit allows it. Takes are numbered without gaps, or with few that are known (gaps.go), so the
// one that a limit of N turns on, the Nth last, is found at once however large N is. It returns store.ErrInvalid for a limit or a
// bucket that cannot be.
func (s *Store) Acquire(ctx context.Context, bucket, taker string, limits ...store.Limit) (time.Duration, error) {
	var longest time.Duration
	for _, l := range limits {
		if l.N < 1 || l.Per <= 0 {
			return 0, fmt.Errorf("%w: a limit of %d in %v", store.ErrInvalid, l.N, l.Per)
		}
		longest = max(longest, l.Per)
	}
	if err := checkBucket(bucket); err != nil {
		return 0, err
	}
	return change(ctx, s, s.soft, func(tx transaction) (time.Duration, error) {
		now := s.o.Now().UnixNano()
		if taker != "" {
			var seq int64
			if has, err := found(tx.row(ownTake, bucket, taker, now).Scan(&seq)); err != nil || has {
				return 0, err
			}
		}
		last, err := tx.lastTake(bucket, now, longest)
		if err != nil {
			return 0, err
		}
		wait, err := tx.wait(bucket, last, now, limits)
		if err != nil || wait > 0 {
			return wait, err
		}
		return 0, tx.add(bucket, last, now, now+int64(longest), taker)
	})
}

// add writes a take after the last one.
func (t transaction) add(bucket string, last, now, gone int64, taker string) error {
	if err := t.closeGaps(bucket, last); err != nil {
		return err
	}
	if _, err := t.exec(addTake, bucket, last+1, now, gone, taker); err != nil {
		return err
	}
	_, err := t.exec(dropTakes, now, 4) // more than come in, so the table stays as small as the limits allow
	return err
}

func checkBucket(bucket string) error {
	if bucket == "" || len(bucket) > maxBucket {
		return fmt.Errorf("%w: a bucket's name of %d bytes, 1 to %d are possible", store.ErrInvalid, len(bucket), maxBucket)
	}
	return nil
}

// lastTake is the number of the last take, 0 if there is none. Takes that seem to lie ahead of a clock that stepped
// back are moved to now: their true age is unknown, and this is the least that is safe.
func (t transaction) lastTake(bucket string, now int64, longest time.Duration) (int64, error) {
	var seq, at int64
	if there, err := found(t.row(lastTake, bucket).Scan(&seq, &at)); err != nil || !there {
		return 0, err
	}
	if at > now {
		if _, err := t.exec(moveTakes, bucket, now, now+int64(longest)); err != nil {
			return 0, err
		}
	}
	return seq, nil
}

// wait is how long until every limit allows one more, 0 if they do.
func (t transaction) wait(bucket string, last, now int64, limits []store.Limit) (time.Duration, error) {
	var wait time.Duration
	for _, l := range limits {
		seq, err := t.nthLast(bucket, last, l.N)
		if err != nil {
			return 0, err
		}
		var at int64
		there, err := found(t.row(nthTake, bucket, seq).Scan(&at))
		if err != nil {
			return 0, err
		}
		if there {
			wait = max(wait, time.Duration(at-now)+l.Per)
		}
	}
	return wait, nil
}
