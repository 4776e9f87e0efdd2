package redis

import (
	"context"
	"slices"
)

// shardOf returns the shard of a record.
func (s *connection) shardOf(id string) shard { return shardNumber(numberOf(id, s.shards)) }

// allShards returns every shard.
func (s *connection) allShards() []shard {
	all := make([]shard, s.shards)
	for i := range all {
		all[i] = shardNumber(i)
	}
	return all
}

// eachShard sends one command to every shard, in one pipeline, and returns a reply for each in order.
func (s *connection) eachShard(ctx context.Context, to func(on shard) command) ([]reply, error) {
	commands := make([]command, s.shards)
	for i, on := range s.allShards() {
		commands[i] = to(on)
	}
	return s.do(ctx, maxAttempts, commands...)
}

// share returns how many items to ask each shard for in order to get n from all: about its part, and some more, because
// the parts are not equal.
func (s *connection) share(n int) int {
	if s.shards == 1 {
		return n
	}
	return min(n, n/s.shards*3/2+8)
}

// page is the first items of one shard, in order, and whether it may have more behind them. They are pointers, so that
// all sorting shares one copy of the code (docs/decisions/binary-size.md).
type page[T any] struct {
	items []*T
	more  bool
}

// merge asks every shard for its first items and returns up to n from all shards in order, and whether there may be
// more. A shard that may have more is trusted only as far as its page goes.
//
// read reads one shard's page from its reply. order must not call two items of different shards equal.
//
// If some shards fail, merge returns the items of the others together with the error.
func merge[T any](
	ctx context.Context, s *connection, n int,
	to func(on shard) command, read func(on shard, value any) page[T], order func(a, b *T) int,
) (merged []*T, more bool, err error) {
	replies, err := s.eachShard(ctx, to)
	var ends []*T // the last items of the shards that may have more
	for i, r := range replies {
		if r.err != nil {
			err = r.err
			continue
		}
		got := read(shardNumber(i), r.value)
		if merged = append(merged, got.items...); got.more && len(got.items) > 0 {
			ends = append(ends, got.items[len(got.items)-1])
		}
	}
	merged, more = firstOf(merged, ends, n, order)
	return merged, more, err
}

// firstOf returns the first n items, but none that comes after the first of ends, and whether there may be more.
func firstOf[T any](items, ends []*T, n int, order func(a, b *T) int) (first []*T, more bool) {
	slices.SortFunc(items, order)
	if more = len(ends) > 0; more {
		end := slices.MinFunc(ends, order)
		items = slices.DeleteFunc(items, func(item *T) bool { return order(item, end) > 0 })
	}
	if len(items) > n {
		items, more = items[:n], true
	}
	return items, more
}
