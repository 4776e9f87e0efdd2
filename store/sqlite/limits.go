package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

const (
	lastTaken = "SELECT seq, at FROM taken WHERE bucket = ? ORDER BY seq DESC LIMIT 1"
	nthTaken  = "SELECT at FROM taken WHERE bucket = ? AND seq = ?"
	moveTaken = "UPDATE taken SET at = ?2, expires = ?3 WHERE bucket = ?1 AND at > ?2"
	addTaken  = "INSERT INTO taken (bucket, seq, at, expires, taker) VALUES (?, ?, ?, ?, nullif(?, ''))"
	dropTaken = `DELETE FROM taken WHERE (bucket, seq) IN
		(SELECT bucket, seq FROM taken WHERE expires <= ? ORDER BY expires LIMIT ?)`
	// Without the index's name, SQLite would look through the whole bucket.
	ownTaken = "SELECT seq FROM taken INDEXED BY taken_taker WHERE bucket = ? AND taker = ? AND expires > ?"
)

// Acquire takes one from every bucket or from none, in one transaction. What was taken from a bucket is numbered
// without gaps, so the one that a limit of N depends on, the Nth last, is found at once however large N is.
func (s *Store) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if err := store.CheckAcquire(taker, buckets); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(buckets, func(b store.Bucket) bool { return len(b.Limits) > 0 }) {
		return nil, nil
	}
	return change(ctx, s, s.relaxed, func(tx transaction) ([]time.Duration, error) {
		now := s.o.Now().UnixNano()
		states, room := make([]bucketState, len(buckets)), true
		for i, b := range buckets {
			var err error
			if states[i], err = tx.look(b, taker, now); err != nil {
				return nil, err
			}
			room = room && states[i].wait == 0
		}
		if room {
			return nil, tx.take(buckets, states, taker, now)
		}
		waits := make([]time.Duration, len(buckets))
		for i, l := range states {
			waits[i] = l.wait
		}
		return waits, nil
	})
}

// bucketState is what Acquire finds a bucket like.
type bucketState struct {
	wait    time.Duration // until it has room
	counted bool          // there is nothing to take: no limits, or the taker has taken already
	last    int64         // the number of what was taken last; 0: nothing
	longest time.Duration // of its limits' windows
}

// look finds out whether a bucket has room.
func (t transaction) look(b store.Bucket, taker string, now int64) (l bucketState, err error) {
	if len(b.Limits) == 0 {
		return bucketState{counted: true}, nil
	}
	if taker != "" {
		var seq int64
		if l.counted, err = found(t.row(ownTaken, b.Name, taker, now).Scan(&seq)); err != nil || l.counted {
			return l, err
		}
	}
	for _, limit := range b.Limits {
		l.longest = max(l.longest, limit.Per)
	}
	if l.last, err = t.lastTaken(b.Name, now, l.longest); err != nil {
		return l, err
	}
	for _, limit := range b.Limits {
		var at int64
		there, err := found(t.row(nthTaken, b.Name, l.last-int64(limit.N)+1).Scan(&at))
		if err != nil {
			return l, err
		}
		if there {
			l.wait = max(l.wait, time.Duration(at-now)+limit.Per)
		}
	}
	return l, nil
}

// take takes from every bucket that is not counted already.
func (t transaction) take(buckets []store.Bucket, states []bucketState, taker string, now int64) error {
	for i, l := range states {
		if l.counted {
			continue
		}
		if _, err := t.exec(addTaken, buckets[i].Name, l.last+1, now, now+int64(l.longest), taker); err != nil {
			return err
		}
		// More than come in, so the table stays as small as the limits allow.
		if _, err := t.exec(dropTaken, now, 4); err != nil {
			return err
		}
	}
	return nil
}

// lastTaken returns the number of what was taken last, 0 if there is nothing. What seems to lie ahead of a clock that
// stepped back is moved to now: its true age is unknown, and this is the least that is safe.
func (t transaction) lastTaken(bucket string, now int64, longest time.Duration) (int64, error) {
	var seq, at int64
	if there, err := found(t.row(lastTaken, bucket).Scan(&seq, &at)); err != nil || !there {
		return 0, err
	}
	if at > now {
		if _, err := t.exec(moveTaken, bucket, now, now+int64(longest)); err != nil {
			return 0, err
		}
	}
	return seq, nil
}
