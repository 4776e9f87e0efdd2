package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/optin/optin/store"
)

// parked is a dead entry and its place among all.
type parked struct {
	on     shard
	member string
	score  string // when it was parked, as the server writes it
	entry  store.Job
}

// Parked merges the parked entries of all shards. Due is when each died; Tries how often it was leased.
func (s *Store) Failed(ctx context.Context, kind store.QueueName, after string, n int) ([]store.Job, error) {
	if err := store.CheckFailed(n); err != nil {
		return nil, err
	}
	var last parked
	if after != "" {
		var err error
		if last, err = s.place(ctx, kind, after); err != nil {
			return nil, err
		}
	}
	var es []store.Job
	for more := true; more && len(es) < n; {
		var found []parked
		var err error
		if found, more, err = s.parkedAfter(ctx, kind, last, n-len(es)); err != nil {
			return nil, err
		}
		for _, p := range found {
			es, last = append(es, p.entry), p
		}
	}
	return es, nil
}

// place looks in all shards for the entry with an ID: it does not tell its own.
func (s *Store) place(ctx context.Context, kind store.QueueName, id string) (parked, error) {
	questions := make([]question, shards)
	for i := range questions {
		questions[i] = question{script: placeScript, keys: []string{shardNumber(i).parked(kind)}, args: []any{id}}
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	if err != nil {
		return parked{}, err
	}
	for i, a := range answers {
		if a.err != nil {
			return parked{}, a.err
		}
		if flat, _ := a.value.([]any); len(flat) == 2 {
			return parked{on: shardNumber(i), member: text(flat[0]), score: text(flat[1])}, nil
		}
	}
	return parked{}, nil
}

// parkedAfter returns up to n entries after a place, and whether there may be more. As places does, it asks each shard for
// about its share, and believes the merged list only down to where the first cut-off shard ends.
func (s *Store) parkedAfter(ctx context.Context, kind store.QueueName, last parked, n int) ([]parked, bool, error) {
	share := min(n, n/shards*3/2+8)
	questions := make([]question, shards)
	for i := range questions {
		on := shardNumber(i)
		questions[i] = question{
			script: parkedScript,
			keys:   []string{on.parked(kind), on.tries(kind), on.bodies(kind)},
			args:   []any{share, last.score, last.member},
		}
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	if err != nil {
		return nil, false, err
	}
	var all, ends []parked
	for i, a := range answers {
		if a.err != nil {
			return nil, false, a.err
		}
		flat, _ := a.value.([]any)
		cut := len(flat) == 4*share
		for ; len(flat) >= 4; flat = flat[4:] {
			all = append(all, readParked(shardNumber(i), kind, flat))
		}
		if cut {
			ends = append(ends, all[len(all)-1])
		}
	}
	slices.SortFunc(all, earliest)
	more := len(ends) > 0
	if more {
		end := slices.MinFunc(ends, earliest)
		all = all[:1+slices.IndexFunc(all, func(p parked) bool { return p.on == end.on && p.member == end.member })]
	}
	if len(all) > n {
		all, more = all[:n], true
	}
	return all, more, nil
}

// earliest orders as sorted sets do.
func earliest(a, b parked) int {
	x, _ := strconv.ParseFloat(a.score, 64)
	y, _ := strconv.ParseFloat(b.score, 64)
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.member, b.member))
}

func readParked(on shard, kind store.QueueName, flat []any) parked {
	p := parked{on: on, member: text(flat[0]), score: text(flat[1])}
	p.entry = store.Job{Queue: kind, Due: fromMilli(number(flat[1])), Attempts: int(number(flat[2]))}
	p.entry.ID, p.entry.Key = readMember(p.member)
	if body := text(flat[3]); body != "" {
		p.entry.Body = []byte(body)
	}
	return p
}

// Revive makes a dead entry due now.
func (s *Store) Requeue(ctx context.Context, kind store.QueueName, id string, key store.Key) error {
	on := shardOf(key.ID)
	value, err := s.askOne(ctx, question{
		script: reviveScript,
		keys:   []string{on.queue(kind), on.tries(kind), on.parked(kind)},
		args:   []any{member(id, key), id},
	})
	if err == nil && number(value) != 1 {
		return store.ErrNotFound
	}
	return err
}
