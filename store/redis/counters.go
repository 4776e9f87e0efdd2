package redis

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// counters is the port store.Counters.
type counters struct{ *connection }

// keptDays is how long counts are kept.
const keptDays = 1100

// Counts adds up what the shards counted, in one round trip. The first count of a day drops the days that are more than
// 1100 days before it.
func (s counters) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	replies, err := s.eachShard(ctx, func(on shard) command {
		return command{script: countsScript, keys: []string{on.counts(site)}, args: []any{digits(from), digits(to)}}
	})
	if err != nil {
		return nil, err
	}
	sums := make(map[string]int64) // by day and name
	for _, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		for rest := flat(r.value); len(rest) >= 3; rest = rest[3:] {
			if day := text(rest[0]); len(day) == len("20261130") {
				sums[day+text(rest[1])] += number(rest[2])
			}
		}
	}
	var counts []store.Count
	for _, of := range slices.Sorted(maps.Keys(sums)) {
		day := of[:4] + "-" + of[4:6] + "-" + of[6:8]
		counts = append(counts, store.Count{Day: day, Name: of[8:], N: sums[of]})
	}
	return counts, nil
}

// digits writes a day as a number for scripts: 20261130.
func digits(day string) string { return strings.ReplaceAll(day, "-", "") }

// oldest returns the oldest day that is kept when something is counted on a day.
func oldest(day string) string {
	t, _ := time.Parse(time.DateOnly, day) // Change.Check has parsed it
	return t.AddDate(0, 0, -keptDays).Format("20060102")
}
