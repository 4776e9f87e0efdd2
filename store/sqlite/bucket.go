package sqlite

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// bucket is what a bucket holds, in one of two forms. An exact one is a log of what was taken. A larger one counts the
// time in slices. A row has the bytes of one form; its key depends on the form, so a bucket whose limits go from one to
// the other starts from zero, as does a limit of a sliced bucket if its window changes.
type bucket struct {
	key     int64
	exact   bool
	form    form
	expires int64 // from when nothing in it counts, in milliseconds
	changed bool
}

// load makes the bucket what is kept of it.
func (b *bucket) load(expires int64, state []byte) {
	b.expires = expires
	if b.exact {
		b.form = parseLog(state)
	} else {
		b.form = parseRings(state)
	}
}

// form is how a bucket counts. Times are in nanoseconds since 1970.
type form interface {
	// look returns how long one more has to wait, and whether the taker has taken already. What seems to have been
	// taken later than now, by a clock that stepped back, counts as taken now from then on: its true age is unknown,
	// and this is the least that is safe. It returns whether it changed something to that end.
	look(b store.Bucket, m mark, now int64) (wait time.Duration, counted, changed bool)
	// take takes one, and untake takes the last one back.
	take(b store.Bucket, m mark, now int64)
	untake()
	append(bytes []byte) []byte
}

// mark is what tells one that was taken from others: hashes of who took it and of its tag.
type mark struct {
	taker uint64 // 0: nobody with a name
	tag   uint32
}

func newMark(taker, tag string) mark {
	return mark{taker: fnv(taker), tag: uint32(fnv(tag) >> 32)}
}

// fnv returns the 64-bit FNV-1a hash of a text, 0 only of an empty one. Takers and tags are no choice of strangers.
func fnv(text string) uint64 {
	if text == "" {
		return 0
	}
	h := uint64(14695981039346656037)
	for _, c := range []byte(text) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return max(h, 1)
}

// longest returns the longest window of a bucket's limits, and of those that others put on it.
func longest(b store.Bucket) time.Duration {
	d := b.Keep
	for _, l := range b.Limits {
		d = max(d, l.Per)
	}
	return d
}

// take takes one. The row lasts as long as one of the limits can count it.
func (b *bucket) take(limits store.Bucket, m mark, now int64) {
	b.form.take(limits, m, now)
	window := longest(limits)
	window += window/slicesOfWindow + time.Millisecond // a slice may be counted whole
	b.expires = max(b.expires, millis(time.Unix(0, now).Add(window)))
	b.changed = true
}

// exactLog is the form of an exact bucket: what was taken, oldest first. It never holds more than its limits allow.
type exactLog struct{ taken []entry }

type entry struct {
	at int64
	mark
}

// shortest is about what an entry with a taker has, in bytes: by it a log is given room.
const shortest = 1 + 8

// The first byte of a log says what its entries have besides their time.
const (
	withTakers = 1 << iota
	withTags
)

// parseLog parses what append has written. Bytes that end too early end the log.
func parseLog(bytes []byte) *exactLog {
	l := &exactLog{}
	if len(bytes) == 0 {
		return l
	}
	has, bytes := bytes[0], bytes[1:]
	l.taken = make([]entry, 0, len(bytes)/shortest+2)
	for at := int64(0); len(bytes) > 0; {
		var e entry
		age, n := binary.Varint(bytes)
		size := n
		if has&withTakers != 0 {
			size += 8
		}
		if has&withTags != 0 {
			size += 4
		}
		if n <= 0 || size > len(bytes) {
			break
		}
		at += age
		e.at = at
		rest := bytes[n:]
		if has&withTakers != 0 {
			e.taker, rest = binary.BigEndian.Uint64(rest), rest[8:]
		}
		if has&withTags != 0 {
			e.tag = binary.BigEndian.Uint32(rest)
		}
		bytes = bytes[size:]
		l.taken = append(l.taken, e)
	}
	return l
}

func (l *exactLog) append(bytes []byte) []byte {
	has := byte(0)
	for _, e := range l.taken {
		if e.taker != 0 {
			has |= withTakers
		}
		if e.tag != 0 {
			has |= withTags
		}
	}
	bytes = append(bytes, has)
	at := int64(0)
	for _, e := range l.taken {
		bytes = binary.AppendVarint(bytes, e.at-at)
		if has&withTakers != 0 {
			bytes = binary.BigEndian.AppendUint64(bytes, e.taker)
		}
		if has&withTags != 0 {
			bytes = binary.BigEndian.AppendUint32(bytes, e.tag)
		}
		at = e.at
	}
	return bytes
}

func (l *exactLog) look(b store.Bucket, m mark, now int64) (wait time.Duration, counted, changed bool) {
	for i := len(l.taken) - 1; i >= 0 && l.taken[i].at > now; i-- {
		l.taken[i].at, changed = now, true
	}
	old := now - int64(longest(b)) // and what is older counts for no limit
	l.taken = slices.DeleteFunc(l.taken, func(e entry) bool { return e.at <= old })
	if m.taker != 0 && slices.ContainsFunc(l.taken, func(e entry) bool { return e.taker == m.taker }) {
		return 0, true, changed
	}
	for _, limit := range b.Limits {
		n := 0
		for _, e := range slices.Backward(l.taken) {
			if limit.Tagged && e.tag != m.tag {
				continue
			}
			if n++; n == limit.N {
				wait = max(wait, time.Duration(e.at-now)+limit.Per)
				break
			}
		}
	}
	return wait, false, changed
}

func (l *exactLog) take(_ store.Bucket, m mark, now int64) { l.taken = append(l.taken, entry{now, m}) }
func (l *exactLog) untake()                                { l.taken = l.taken[:len(l.taken)-1] }

// slicesOfWindow is into how many slices a window is divided. One more is counted: the oldest, whole.
const slicesOfWindow = 32

// rings is the form of a bucket with a large limit: one ring for each window.
type rings struct{ all []*ring }

// ring counts what was taken in the newest slices of a window.
type ring struct {
	per    time.Duration
	newest int64                      // the number of the newest slice
	counts [slicesOfWindow + 1]uint64 // of slice i at i modulo their number
}

// parseRings parses what append has written. Bytes that end too early end the last ring.
func parseRings(bytes []byte) *rings {
	r := &rings{}
	for len(bytes) > 0 {
		one := &ring{}
		per, n := binary.Uvarint(bytes)
		newest, m := binary.Varint(bytes[max(n, 0):])
		if n <= 0 || m <= 0 {
			break
		}
		one.per, one.newest, bytes = time.Duration(per), newest, bytes[n+m:]
		for i := range one.counts {
			count, n := binary.Uvarint(bytes)
			if n <= 0 {
				break
			}
			one.counts[i], bytes = count, bytes[n:]
		}
		r.all = append(r.all, one)
	}
	return r
}

func (r *rings) append(bytes []byte) []byte {
	for _, one := range r.all {
		bytes = binary.AppendUvarint(bytes, uint64(one.per))
		bytes = binary.AppendVarint(bytes, one.newest)
		for _, n := range one.counts {
			bytes = binary.AppendUvarint(bytes, n)
		}
	}
	return bytes
}

// of returns the ring of a window.
func (r *rings) of(per time.Duration) *ring {
	for _, one := range r.all {
		if one.per == per {
			return one
		}
	}
	one := &ring{per: per, newest: math.MinInt64}
	r.all = append(r.all, one)
	return one
}

func (r *rings) look(b store.Bucket, _ mark, now int64) (wait time.Duration, counted, changed bool) {
	r.all = slices.DeleteFunc(r.all, func(one *ring) bool {
		return !slices.ContainsFunc(b.Limits, func(l store.Limit) bool { return l.Per == one.per })
	})
	for _, limit := range b.Limits {
		one := r.of(limit.Per)
		changed = one.turn(now) || changed
		wait = max(wait, one.wait(uint64(limit.N), now))
	}
	return wait, false, changed
}

func (r *rings) take(store.Bucket, mark, int64) {
	for _, one := range r.all {
		*one.at(one.newest)++
	}
}

func (r *rings) untake() {
	for _, one := range r.all {
		*one.at(one.newest)--
	}
}

// width returns how long a slice is, so that slicesOfWindow of them are no shorter than the window.
func (r *ring) width() int64 { return (int64(r.per) + slicesOfWindow - 1) / slicesOfWindow }

func (r *ring) at(slice int64) *uint64 {
	n := int64(len(r.counts))
	return &r.counts[(slice%n+n)%n]
}

// turn makes the slice of now the newest, and forgets those that are out of the window. It returns whether the clock
// has stepped back, and counts what was taken since then as taken now.
func (r *ring) turn(now int64) (back bool) {
	slice := now / r.width()
	switch {
	case r.newest == math.MinInt64 || slice-r.newest > slicesOfWindow:
		r.counts = [len(r.counts)]uint64{}
	case slice >= r.newest:
		for i := r.newest + 1; i <= slice; i++ {
			*r.at(i) = 0
		}
	default:
		r.back(slice)
		back = true
	}
	r.newest = slice
	return back
}

// back moves what is in later slices to an earlier one.
func (r *ring) back(slice int64) {
	old := *r
	r.counts = [len(r.counts)]uint64{}
	for i := old.newest - slicesOfWindow; i <= old.newest; i++ {
		switch n := *old.at(i); {
		case i > slice:
			*r.at(slice) += n
		case i >= slice-slicesOfWindow:
			*r.at(i) += n
		}
	}
}

// wait returns how long it takes until fewer than n are counted.
func (r *ring) wait(n uint64, now int64) time.Duration {
	total := uint64(0)
	for _, count := range r.counts {
		total += count
	}
	if total < n {
		return 0
	}
	for i := r.newest - slicesOfWindow; i <= r.newest; i++ {
		if total -= *r.at(i); total < n {
			return time.Duration((i+slicesOfWindow+1)*r.width() - now)
		}
	}
	return r.per
}
