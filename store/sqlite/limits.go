package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

const (
	selectBucket = "SELECT expires, state FROM buckets WHERE n = ?"
	putBucket    = "REPLACE INTO buckets (n, expires, state) VALUES (?, ?, ?)"
	// The keys are hashes, so each part of them has about as many rows.
	dropBuckets = "DELETE FROM buckets WHERE n BETWEEN ? AND ? AND expires <= ?"
)

// Acquire takes one from every bucket or from none.
func (s *Store) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if err := store.CheckAcquire(taker, buckets); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(buckets, func(b store.Bucket) bool { return len(b.Limits) > 0 }) {
		return nil, nil
	}
	buckets = slices.Clone(buckets) // the call may go on after its caller has gone
	results := new([]time.Duration)
	err := s.write(ctx, s.deadline(), func(t *transaction) (err error) {
		*results, err = t.acquire(taker, buckets)
		return err
	})
	if err != nil {
		return nil, err
	}
	return *results, nil
}

// looked is what an acquisition finds a bucket like.
type looked struct {
	*bucket
	limits  store.Bucket
	mark    mark
	counted bool // there is nothing to take: the taker has taken already
}

// acquire takes one from every bucket or from none, as Acquire does.
func (t *transaction) acquire(taker string, buckets []store.Bucket) (waits []time.Duration, err error) {
	now := t.now.UnixNano()
	t.looks = t.looks[:0]
	for i, limits := range buckets {
		if len(limits.Limits) == 0 {
			continue
		}
		b, err := t.bucket(limits)
		if err != nil {
			return nil, err
		}
		l := looked{bucket: b, limits: limits, mark: newMark(taker, limits.Tag)}
		wait, counted, changed := b.form.look(limits, l.mark, now)
		b.changed = b.changed || changed // whatever becomes of the act
		if wait > 0 && waits == nil {
			waits = make([]time.Duration, len(buckets))
		}
		if waits != nil {
			waits[i] = wait
		}
		l.counted = counted
		t.looks = append(t.looks, l)
	}
	if waits != nil {
		return waits, nil
	}
	for _, l := range t.looks {
		if !l.counted {
			l.bucket.take(l.limits, l.mark, now)
			t.taken = append(t.taken, l.bucket)
		}
	}
	return nil, nil
}

// untake gives back what the act has taken since then, last first.
func (t *transaction) untake(since int) {
	for _, b := range slices.Backward(t.taken[since:]) {
		b.form.untake()
	}
	t.taken = t.taken[:since]
}

// bucket returns a bucket as the acts of this transaction have left it so far.
func (t *transaction) bucket(b store.Bucket) (*bucket, error) {
	exact := b.Exact()
	key := bucketKey(b.Name, exact)
	if known := t.buckets[key]; known != nil {
		return known, nil
	}
	row, err := t.first(selectBucket, key)
	if err != nil {
		return nil, err
	}
	one := &bucket{key: key}
	var state []byte
	if row != nil {
		one.expires, _ = row[0].(int64)
		state, _ = row[1].([]byte)
	}
	if exact {
		one.form = parseLog(state)
	} else {
		one.form = parseRings(state)
	}
	t.buckets[key] = one
	return one, nil
}

// bucketKey returns under which number a bucket is kept. The names that strangers can choose are keyed hashes already,
// so 64 bits keep buckets apart.
func bucketKey(name string, exact bool) int64 {
	var buffer [129]byte
	form := byte('s')
	if exact {
		form = 'e'
	}
	sum := sha256.Sum256(append(append(buffer[:0], form), name...))
	return int64(binary.BigEndian.Uint64(sum[:]))
}
