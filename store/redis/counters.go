package redis

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// counters is the port store.Counters.
type counters struct{ *connection }

// Counters of one block of time are one hash: a day, six hours or ten minutes, so that a hash has few fields and stays
// packed (hash-max-listpack-entries). A field is the name of the count and, behind slashes, its dimension and value; of
// an hour or a minute it begins with which one of the block it is.

// countBlock returns how much time one hash has.
func countBlock(p store.CountPeriod) time.Duration {
	return [...]time.Duration{24 * time.Hour, 6 * time.Hour, 10 * time.Minute}[p]
}

// countLayout is how the time of a block is written in its key: each of another length.
func countLayout(p store.CountPeriod) string {
	return [...]string{"20060102", "2006010215", "200601021504"}[p]
}

func (s shard) counts(site string, p store.CountPeriod, at time.Time) string {
	b := make([]byte, 0, 128)
	b = append(append(append(append(b, s...), 'c'), site...), '/')
	return string(at.UTC().Truncate(countBlock(p)).AppendFormat(b, countLayout(p)))
}

// countKeys are the keys of the counters to which a change adds.
func (s shard) countKeys(keys []string, site string, at time.Time) []string {
	for p := store.ByDay; p <= store.ByMinute; p++ {
		keys = append(keys, s.counts(site, p, at))
	}
	return keys
}

// packCounts writes counts as lua/lib_counts.lua reads them: hour and minute, each with a slash, and then each field
// with what is added to it.
func packCounts(counts []store.Count) string {
	b := counts[0].At.UTC().AppendFormat(make([]byte, 0, 512), "15/04/")
	for _, c := range counts {
		b = append(b, c.Name...)
		if c.By != "" {
			b = append(append(append(append(b, '/'), c.By...), '/'), c.Of...)
		}
		b = append(strconv.AppendInt(append(b, '='), c.N, 10), ';')
	}
	return string(b)
}

// countsKept are for how many seconds a block of each period is kept from its last new field on.
var countsKept = []string{countKept(store.ByDay), countKept(store.ByHour), countKept(store.ByMinute)}

func countKept(p store.CountPeriod) string {
	return decimal(int64((p.Kept() + countBlock(p)) / time.Second))
}

// Counts adds up what the shards counted, in one round trip, and one more if that is nothing.
func (s counters) Counts(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]store.Count, error) {
	from, to = by.Start(from), by.Start(to)
	if to.Before(from) {
		return nil, nil
	}
	blocks := []time.Time{from.Truncate(countBlock(by))}
	for next := blocks[0].Add(countBlock(by)); !next.After(to); next = next.Add(countBlock(by)) {
		blocks = append(blocks, next)
	}
	replies, err := s.eachShard(ctx, func(on shard) command {
		c := command{script: countsScript, keys: make([]string, 0, len(blocks))}
		for _, at := range blocks {
			c.keys = append(c.keys, on.counts(site, by, at))
		}
		return c
	})
	if err != nil {
		return nil, err
	}
	sums := make(map[string]int64) // by time and field
	for _, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		for rest := flat(r.value); len(rest) >= 3; rest = rest[3:] {
			i := number(rest[0])
			if i < 1 || i > int64(len(blocks)) {
				continue
			}
			at, field, ok := countTime(by, blocks[i-1], text(rest[1]))
			n, err := strconv.ParseInt(text(rest[2]), 10, 64)
			if ok && err == nil && !at.Before(from) && !at.After(to) {
				sums[at.Format(time.RFC3339)+field] += n
			}
		}
	}
	if len(sums) == 0 {
		return nil, s.stillMarked(ctx, s.allShards()...)
	}
	var counts []store.Count
	const timeSize = len("2026-11-30T00:00:00Z")
	for _, of := range slices.Sorted(maps.Keys(sums)) {
		c := store.Count{N: sums[of]}
		if c.At, err = time.Parse(time.RFC3339, of[:timeSize]); err != nil {
			return nil, err
		}
		c.Name, c.By, _ = strings.Cut(of[timeSize:], "/")
		c.By, c.Of, _ = strings.Cut(c.By, "/")
		counts = append(counts, c)
	}
	return counts, nil
}

// countTime returns the start of the period of a counter, and its field without what says that.
func countTime(by store.CountPeriod, block time.Time, field string) (at time.Time, rest string, ok bool) {
	if by == store.ByDay {
		return block, field, true
	}
	of, rest, _ := strings.Cut(field, "/")
	n, err := strconv.Atoi(of)
	if by == store.ByHour {
		return block.Truncate(24 * time.Hour).Add(time.Duration(n) * time.Hour), rest, err == nil
	}
	return block.Truncate(time.Hour).Add(time.Duration(n) * time.Minute), rest, err == nil
}
