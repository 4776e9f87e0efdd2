package sqlite

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// limits is the port store.Limits.
type limits struct{ *database }

// The keys are hashes, so each part of them has about as many rows.
const dropBuckets = "DELETE FROM buckets WHERE n BETWEEN ? AND ? AND expires <= ?"

// Acquire takes one from every bucket or from none.
func (s limits) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if err := store.CheckAcquire(taker, buckets); err != nil {
		return nil, err
	}
	a := newAcquisition(taker, buckets)
	if len(a.wanted) == 0 {
		return nil, nil
	}
	results := new([]time.Duration)
	err := s.write(ctx, s.deadline(), func(t *transaction) (err error) {
		*results, err = t.buckets.acquire(a, t.now)
		return err
	}, a)
	if err != nil {
		return nil, err
	}
	return *results, nil
}

// acquisition asks for one from every bucket, or from none. It keeps nothing that is the caller's own, because a call
// may go on after its caller has gone.
type acquisition struct {
	wanted []wanted
	asked  int // how many buckets, also those without limits
}

// wanted is a bucket of an acquisition.
type wanted struct {
	index  int // among the buckets that were asked for
	key    int64
	exact  bool
	limits store.Bucket
	mark   mark
}

func newAcquisition(taker string, all []store.Bucket) acquisition {
	a := acquisition{asked: len(all)}
	for i, b := range all {
		if len(b.Limits) > 0 {
			exact := b.Exact()
			a.wanted = append(a.wanted, wanted{i, bucketKey(b, exact), exact, b, newMark(taker, b.Tag)})
		}
	}
	return a
}

// buckets are those that the acts of a transaction take from. Many take from the same few, so each is read and written
// once.
type buckets struct {
	*conn
	all  map[int64]*bucket
	took []*bucket // what the act took from, to be undone

	keys    []int64        // that fetch reads
	args    []driver.Value // of the statement that runs
	looks   []looked       // what the acquisition that runs has found
	changed []*bucket      // that flush writes
	states  []byte         // of those
}

// looked is what an acquisition finds a bucket like.
type looked struct {
	*bucket
	counted bool // there is nothing to take: the taker has taken already
}

// acquire takes one from every bucket or from none, as Acquire does.
func (bs *buckets) acquire(a acquisition, at time.Time) (waits []time.Duration, err error) {
	now := at.UnixNano()
	bs.looks = bs.looks[:0]
	if err := bs.need(a); err != nil {
		return nil, err
	}
	for _, w := range a.wanted {
		b := bs.all[w.key]
		wait, counted, changed := b.form.look(w.limits, w.mark, now)
		b.changed = b.changed || changed // whatever becomes of the act
		if wait > 0 && waits == nil {
			waits = make([]time.Duration, a.asked)
		}
		if waits != nil {
			waits[w.index] = wait
		}
		bs.looks = append(bs.looks, looked{b, counted})
	}
	if waits != nil {
		return waits, nil
	}
	for i, l := range bs.looks {
		if w := a.wanted[i]; !l.counted {
			l.bucket.take(w.limits, w.mark, now)
			bs.took = append(bs.took, l.bucket)
		}
	}
	return nil, nil
}

// untake gives back what the act has taken since then, last first.
func (bs *buckets) untake(since int) {
	for _, b := range slices.Backward(bs.took[since:]) {
		b.form.untake()
	}
	bs.took = bs.took[:since]
}

// fetch reads what the acts of a group have said that they will take from.
func (bs *buckets) fetch(group []*act) error {
	bs.keys = bs.keys[:0]
	for _, a := range group {
		for _, one := range a.take {
			bs.add(one)
		}
	}
	return bs.read()
}

// need reads the buckets of an acquisition that were not read yet.
func (bs *buckets) need(a acquisition) error {
	bs.keys = bs.keys[:0]
	bs.add(a)
	return bs.read()
}

// add adds the buckets of an acquisition, not read yet, and the keys of those that it added.
func (bs *buckets) add(a acquisition) {
	for _, w := range a.wanted {
		if bs.all[w.key] == nil {
			bs.all[w.key] = &bucket{key: w.key, exact: w.exact}
			bs.keys = append(bs.keys, w.key)
		}
	}
}

var (
	selectBuckets = newSeveral("SELECT n, expires, state FROM buckets WHERE n IN (", "?", ")", 64)
	putBuckets    = newSeveral("REPLACE INTO buckets (n, expires, state) VALUES ", "(?, ?, ?)", "", 8)
)

// read reads the buckets with the keys.
func (bs *buckets) read() error {
	slices.Sort(bs.keys)
	for keys := bs.keys; len(keys) > 0; {
		statement, n := selectBuckets.holding(len(keys))
		bs.args = bs.args[:0]
		for i := range n {
			bs.args = append(bs.args, keys[min(i, len(keys)-1)])
		}
		err := bs.each(func(row []driver.Value) bool {
			bs.all[integer(row[0])].load(integer(row[1]), blob(row[2]))
			return true
		}, statement, bs.args...)
		if err != nil {
			for _, key := range bs.keys {
				delete(bs.all, key) // another act of the group may ask again
			}
			return err
		}
		keys = keys[min(n, len(keys)):]
	}
	for _, key := range bs.keys {
		if b := bs.all[key]; b.form == nil {
			b.load(0, nil) // nothing was ever taken from it
		}
	}
	return nil
}

// flush writes the buckets that were changed, in the order of their keys, which is that of their pages.
func (bs *buckets) flush() error {
	bs.changed = bs.changed[:0]
	for _, b := range bs.all {
		if b.changed {
			bs.changed = append(bs.changed, b)
		}
	}
	slices.SortFunc(bs.changed, func(a, b *bucket) int { return cmp.Compare(a.key, b.key) })
	for rest := bs.changed; len(rest) > 0; {
		statement, n := putBuckets.filledBy(len(rest))
		bs.args = bs.args[:0]
		bs.states = bs.states[:0]
		for _, b := range rest[:n] {
			from := len(bs.states)
			bs.states = b.form.append(bs.states)
			bs.args = append(bs.args, b.key, b.expires, bs.states[from:])
		}
		if _, err := bs.exec(statement, bs.args...); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// bucketKey returns under which number a bucket is kept. The names that strangers can choose are keyed hashes already,
// so 64 bits keep buckets apart. That of a bucket beside another begins with the same bits, so their rows are
// neighbours and mostly share a page.
func bucketKey(b store.Bucket, exact bool) int64 {
	key := hashOfBucket(b.Name, exact)
	if b.Beside != "" {
		const first = uint64(1<<24-1) << 40
		key = hashOfBucket(b.Beside, exact)&first | key&^first
	}
	return int64(key)
}

func hashOfBucket(name string, exact bool) uint64 {
	var buffer [129]byte
	form := byte('s')
	if exact {
		form = 'e'
	}
	sum := sha256.Sum256(append(append(buffer[:0], form), name...))
	return binary.BigEndian.Uint64(sum[:])
}
