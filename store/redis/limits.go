package redis

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// limits is the port store.Limits.
//
// A bucket is one string in Redis, which a script reads and writes whole (lua/lib_limits.lua), and one step of the
// server's work for any limits. An exact bucket remembers what was taken by a hash of 32 bits of each taker
// and one of 24 of each tag: two takers of one bucket are taken for one once in 40 million, two tags once in 16
// million. A large bucket counts slices of a 32nd of each window, and does not know takers. If a window of its limits
// changes, it starts to count for that from zero, and so does a bucket that becomes large or exact.
//
// One server takes from all buckets by one script. The buckets of a Cluster have slots of their own, which no script
// spans: there every bucket is asked by itself, all in one pipeline, and if one of them refuses, what the others
// gave is taken out again. Until then others may be refused because of it; and if that fails, or the process dies in
// between, it counts.
//
// So that the budget of a whole site or service is no single hot key of a Cluster, each of its 16 shards has its share
// of a bucket with limits of at least sharedFrom; shares are not balanced. Records are spread by a hash, so
// the first share is used up when nine tenths of the limit are taken or more; until the rest is used up, too, some
// records find room and others do not. More than the limit is never taken.
type limits struct{ *connection }

// sharedFrom is how large all limits of a bucket must be to be divided among the shards of a Cluster.
const sharedFrom = 100 * clusterShards

// Acquire takes one from every bucket or from none.
func (s limits) Acquire(ctx context.Context, taker string, buckets ...store.Bucket) ([]time.Duration, error) {
	if err := store.CheckAcquire(taker, buckets); err != nil {
		return nil, err
	}
	a, err := s.acquisition(store.Acquisition{Taker: taker, Buckets: buckets}, -1)
	if err != nil || len(a.counted) == 0 {
		return nil, err
	}
	if s.shards > 1 {
		held, waits, err := s.take(ctx, []acquisition{a})
		if err == nil && waits[0] != nil {
			s.undo(ctx, held)
		}
		return a.waits(waits[0]), err
	}
	c := command{script: acquireScript, args: []string{a.mark, a.named, decimal(len(a.counted))}}
	for _, b := range a.counted {
		c.keys, c.args = append(c.keys, b.key), append(c.args, b.spec)
	}
	value, err := s.doOne(ctx, c)
	if err != nil {
		return nil, err
	}
	waits, _, err := readTaken(value, len(a.counted))
	return a.waits(waits), err
}

// acquisition is a store.Acquisition as the scripts take it.
type acquisition struct {
	mark    string // 4 bytes: a hash of the taker, or random
	named   string // "1": the mark is a taker's
	asked   []store.Bucket
	counted []bucket // those that have limits
}

// bucket is a store.Bucket as the scripts take it.
type bucket struct {
	key, spec string
	inShard   bool // a share of it is in the slot of the record
}

// acquisition prepares what will be taken for a record in a shard; -1: for none, so the mark decides on the share.
func (s *connection) acquisition(of store.Acquisition, shard int) (acquisition, error) {
	a := acquisition{named: "1", asked: of.Buckets}
	if sum := sha256.Sum256([]byte(of.Taker)); of.Taker != "" {
		a.mark = string(sum[:4])
	} else {
		// By this, an attempt whose reply was lost is recognised.
		var b [4]byte
		if _, err := io.ReadFull(s.random, b[:]); err != nil {
			return a, fmt.Errorf("store/redis: no random bytes for a mark: %w", err)
		}
		a.mark, a.named = string(b[:]), "0"
	}
	if shard < 0 {
		shard = int(a.mark[0]) % s.shards
	}
	for _, b := range of.Buckets {
		if len(b.Limits) > 0 {
			a.counted = append(a.counted, s.bucket(b, shard))
		}
	}
	return a, nil
}

// bucket returns a bucket for a record in a shard.
func (s *connection) bucket(b store.Bucket, n int) bucket {
	if s.shards == 1 {
		return bucket{key: shardNumber(0).bucket(b), spec: spec(b, 1, 0)}
	}
	if slices.ContainsFunc(b.Limits, func(l store.Limit) bool { return l.N < sharedFrom }) {
		return bucket{key: shard("").bucket(b), spec: spec(b, 1, 0)}
	}
	return bucket{key: shardNumber(n).bucket(b), spec: spec(b, s.shards, n), inShard: true}
}

// spec writes what a bucket allows for lua/lib_limits.lua: the nth of so many parts.
func spec(b store.Bucket, parts, nth int) string {
	out := make([]byte, 0, 4+11*(len(b.Limits)+1))
	if b.Exact() {
		out = append(out, 'e')
	} else {
		out = append(out, 's')
	}
	var tag [sha256.Size]byte // no tag: zero
	if b.Tag != "" {
		tag = sha256.Sum256([]byte(b.Tag))
	}
	out = append(out, tag[:3]...)
	limits := b.Limits
	if b.Keep > 0 && b.Exact() { // a limit that refuses nothing, but has the log remember
		limits = append(slices.Clip(limits), store.Limit{N: math.MaxUint32, Per: b.Keep})
	}
	for _, l := range limits {
		n := l.N / parts
		if nth < l.N%parts {
			n++
		}
		out = binary.BigEndian.AppendUint32(out, uint32(min(n, math.MaxUint32))) // #nosec G115 -- it is at least 1
		var per [8]byte
		binary.BigEndian.PutUint64(per[:], uint64(milliUp(l.Per))) // #nosec G115 -- it is at least 1
		out = append(out, per[2:]...)
		if l.Tagged {
			out = append(out, '1')
		} else {
			out = append(out, '0')
		}
	}
	return string(out)
}

// waits returns one wait for each bucket that was asked, from those of the counted ones; nil if there is room.
func (a acquisition) waits(counted []time.Duration) []time.Duration {
	if counted == nil {
		return nil
	}
	all := make([]time.Duration, len(a.asked))
	for i, b := range a.asked {
		if len(b.Limits) > 0 {
			all[i], counted = counted[0], counted[1:]
		}
	}
	return all
}

// readWaits reads waits in ms; nil if none of them is positive.
func readWaits(list []any) []time.Duration {
	waits, room := make([]time.Duration, len(list)), true
	for i := range waits {
		waits[i] = time.Duration(number(list[i])) * time.Millisecond
		room = room && waits[i] <= 0
	}
	if room {
		return nil
	}
	return waits
}

// readTaken reads what the acquire script returns for n buckets: waits, and what undo.lua needs to know of each.
func readTaken(value any, n int) (waits []time.Duration, took []string, err error) {
	all := flat(value)
	if len(all) != 2*n {
		return nil, nil, fmt.Errorf("store/redis: the acquire script returned %d values, want %d", len(all), 2*n)
	}
	var list []any
	for i := range n {
		list, took = append(list, all[2*i]), append(took, text(all[2*i+1]))
	}
	return readWaits(list), took, nil
}

// held is what was taken from one bucket of a Cluster.
type held struct {
	mark string
	bucket
	took string
}

// take asks each bucket of several acquisitions by itself, in one pipeline, and returns what it took and, for each
// acquisition, the waits of its buckets, nil if all had room. What an acquisition without room took from some of its
// buckets is among the held. An error leaves nothing held.
func (s *connection) take(ctx context.Context, all []acquisition) (took []held, waits [][]time.Duration, err error) {
	var commands []command
	var each []held
	for _, a := range all {
		for _, b := range a.counted {
			commands = append(commands, command{
				script: acquireScript, keys: []string{b.key}, args: []string{a.mark, a.named, "1", b.spec},
			})
			each = append(each, held{mark: a.mark, bucket: b})
		}
	}
	waits = make([][]time.Duration, len(all))
	if len(commands) == 0 {
		return nil, waits, nil
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	var list []any
	for i, r := range replies {
		if r.err != nil {
			err = r.err
			continue
		}
		if value := flat(r.value); len(value) == 2 {
			list = append(list, value[0])
			if each[i].took = text(value[1]); each[i].took != "" {
				took = append(took, each[i])
			}
		}
	}
	if err == nil && len(list) != len(commands) {
		err = fmt.Errorf("store/redis: the acquire scripts returned %d waits, want %d", len(list), len(commands))
	}
	if err != nil {
		s.undo(ctx, took)
		return nil, waits, err
	}
	for i, a := range all {
		waits[i], list = readWaits(list[:len(a.counted)]), list[len(a.counted):]
	}
	return took, waits, nil
}

// undo takes out what was taken, also if the caller has gone, who then need not wait for it.
func (s *connection) undo(ctx context.Context, all []held) {
	if len(all) == 0 {
		return
	}
	var commands []command
	for _, h := range all {
		commands = append(commands, command{
			script: undoScript, keys: []string{h.key}, args: []string{h.mark, h.spec, h.took},
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.do(context.WithoutCancel(ctx), 1, commands...) // sent twice, it might take out twice
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
