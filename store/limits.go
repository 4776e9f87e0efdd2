package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Limits counts what is taken from buckets, for all replicas together.
type Limits interface {
	// Acquire takes one from every bucket, or from none. It returns nil if it took; otherwise it took nothing, and
	// returns one duration for each bucket in order: 0 if the bucket has room, or else how long until it has.
	//
	// A taker takes from a bucket once: as long as what it took there counts, that bucket has room for it, and
	// acquiring again is not counted again. An empty taker is another one each time. A bucket without limits always has
	// room and is not counted. Nothing is ever given back.
	//
	// No bucket ever holds more than its limits allow. A bucket is exact if all its limits have an N of at most
	// MaxExact: it refuses only what a limit forbids. Of a larger one an implementation may count the time in slices,
	// at least 32 to a window, and the oldest slice whole: so it may refuse up to a slice too early, and forgets who
	// took.
	//
	// Where an implementation cannot look at all buckets at once, a
	// caller may be refused because of another one that is being refused at the same moment; the implementation says
	// so.
	//
	// Acquire returns ErrInvalid for a bucket, a limit or a taker that cannot be, and for one bucket twice;
	// ErrUnavailable.
	Acquire(ctx context.Context, taker string, buckets ...Bucket) (waits []time.Duration, err error)
}

// MaxExact is the largest N of a limit that is counted exactly.
const MaxExact = 100

// Bucket is what one rate is counted in.
type Bucket struct {
	Name   string // a keyed hash, or something else that names nobody; 1 to 128 bytes
	Tag    string // what is taken is marked with it, for limits that are Tagged; at most 64 bytes, may be empty
	Limits []Limit

	// Beside may be the name of a bucket that is taken from together with this one, so that an implementation can keep
	// both in one place. A bucket is always beside the same one. Nothing is counted differently by that.
	Beside string

	// Keep is the longest window of all limits that anybody puts on the bucket, where these differ by the Tag. An exact
	// bucket remembers what was taken for so long, or for the longest window of Limits if that is longer.
	Keep time.Duration
}

// Exact reports whether the bucket is counted exactly.
func (b Bucket) Exact() bool {
	return !slices.ContainsFunc(b.Limits, func(l Limit) bool { return l.N > MaxExact })
}

// Limit allows N to be taken in any window of Per.
type Limit struct {
	N      int           // at least 1
	Per    time.Duration // at least a millisecond
	Tagged bool          // counts only what was taken with the Tag of the bucket; N is at most MaxExact then
}

// Exceeded is the error of an Update whose Change.Acquire found no room.
type Exceeded struct {
	Waits []time.Duration // as Limits.Acquire returns them
}

func (e *Exceeded) Error() string { return fmt.Sprintf("store: no room for %v", slices.Max(e.Waits)) }

// CheckAcquire returns ErrInvalid, wrapped, for a taker that is not empty or [A-Za-z0-9_-] of at most 64 bytes, for a
// bucket with a name or limits that cannot be, and for one bucket twice. Implementations of Acquire call it.
func CheckAcquire(taker string, buckets []Bucket) error {
	if !consistsOf(taker, 64, "_-") {
		return fmt.Errorf("%w taker: it is %q", ErrInvalid, taker)
	}
	for i, b := range buckets {
		if len(b.Limits) == 0 {
			continue
		}
		for _, name := range []string{b.Name, cmp.Or(b.Beside, b.Name)} {
			if err := checkName("bucket", name); err != nil {
				return err
			}
		}
		if len(b.Tag) > 64 {
			return fmt.Errorf("%w bucket: a tag of %d bytes", ErrInvalid, len(b.Tag))
		}
		for _, l := range b.Limits {
			if l.N < 1 || l.Per < time.Millisecond || l.Tagged && !b.Exact() {
				return fmt.Errorf("%w limit: %d in %v, tagged: %t", ErrInvalid, l.N, l.Per, l.Tagged)
			}
		}
		for _, before := range buckets[:i] {
			if len(before.Limits) > 0 && before.Name == b.Name {
				return fmt.Errorf("%w buckets: one of them comes twice", ErrInvalid)
			}
		}
	}
	return nil
}
