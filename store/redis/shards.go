package redis

import (
	"context"
	"slices"
)

// eachShard sends one command to every shard, in one pipeline, and returns a reply for each in order.
func (s *connection) eachShard(ctx context.Context, to func(on shard) command) ([]reply, error) {
	commands := make([]command, shards)
	for i := range commands {
		commands[i] = to(shardNumber(i))
	}
	return s.do(ctx, maxAttempts, commands...)
}

// share returns how many items to ask each shard for in order to get n from all: about its part, and some more, because
// the parts are not equal.
func share(n int) int { return min(n, n/shards*3/2+8) }

// merge asks every shard for its first items, at most share of them, and returns up to n from all shards in order, and
// whether there may be more. A shard that returned as many as it was asked for may have more behind; so merge returns
// items only down to where the first such shard ends.
//
// items reads one shard's items, in order, from its reply. order must not call two items of different shards equal.
//
// If some shards fail, merge returns the items of the others together with the error.
func merge[T any](
	ctx context.Context, s *connection, n, share int,
	to func(on shard) command, items func(on shard, flat []any) []T, order func(a, b T) int,
) (merged []T, more bool, err error) {
	replies, err := s.eachShard(ctx, to)
	var ends []T // the last items of the shards that may have more
	for i, r := range replies {
		if r.err != nil {
			err = r.err
			continue
		}
		got := items(shardNumber(i), flat(r.value))
		if merged = append(merged, got...); len(got) > 0 && len(got) == share {
			ends = append(ends, got[len(got)-1])
		}
	}
	merged, more = firstOf(merged, ends, n, order)
	return merged, more, err
}

// firstOf returns the first n items, but none that comes after the first of ends, and whether there may be more.
func firstOf[T any](items, ends []T, n int, order func(a, b T) int) (first []T, more bool) {
	slices.SortFunc(items, order)
	if more = len(ends) > 0; more {
		end := slices.MinFunc(ends, order)
		items = slices.DeleteFunc(items, func(item T) bool { return order(item, end) > 0 })
	}
	if len(items) > n {
		items, more = items[:n], true
	}
	return items, more
}

// perShard counts items by their shards.
func perShard[T any](items []T, on func(T) shard) map[shard]int {
	n := make(map[shard]int)
	for _, item := range items {
		n[on(item)]++
	}
	return n
}
