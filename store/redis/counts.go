package redis

import (
	"cmp"
	"context"
	"slices"

	"github.com/optin/optin/store"
)

// Counts adds up what the shards counted, in one round trip. A day's counts are kept for 1100 days from the first.
func (s *Store) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	questions := make([]question, shards)
	for i := range questions {
		on := shardNumber(i)
		questions[i] = question{
			script: countsScript, keys: []string{on.days(site)}, args: []any{from, to, on.counts(site)},
		}
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	if err != nil {
		return nil, err
	}
	type place struct{ day, name string }
	sums := make(map[place]int64)
	for _, a := range answers {
		if a.err != nil {
			return nil, a.err
		}
		flat, _ := a.value.([]any)
		for ; len(flat) >= 3; flat = flat[3:] {
			sums[place{text(flat[0]), text(flat[1])}] += number(flat[2])
		}
	}
	var counts []store.Count
	for p, n := range sums {
		counts = append(counts, store.Count{Day: p.day, Name: p.name, N: n})
	}
	slices.SortFunc(counts, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Name, b.Name))
	})
	return counts, nil
}
