package redis

import (
	"cmp"
	"context"
	"slices"

	"github.com/optin/optin/store"
)

// counters is the port store.Counters.
type counters struct{ *connection }

// Counts adds up what the shards counted, in one round trip. A day's counts are kept for 1100 days from the first.
func (s counters) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	replies, err := s.eachShard(ctx, func(on shard) command {
		return command{script: countsScript, keys: []string{on.days(site)}, args: []any{from, to, on.counts(site)}}
	})
	if err != nil {
		return nil, err
	}
	type name struct{ day, name string }
	sums := make(map[name]int64)
	for _, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		for rest := flat(r.value); len(rest) >= 3; rest = rest[3:] {
			sums[name{text(rest[0]), text(rest[1])}] += number(rest[2])
		}
	}
	var counts []store.Count
	for of, n := range sums {
		counts = append(counts, store.Count{Day: of.day, Name: of.name, N: n})
	}
	slices.SortFunc(counts, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Name, b.Name))
	})
	return counts, nil
}
