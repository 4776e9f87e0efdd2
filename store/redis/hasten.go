package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/optin/optin/store"
)

// hastenBatch is how many entries one script hastens. As all shards are asked together, one server may have to do sixteen times this
// before it serves others: some tens of milliseconds.
const hastenBatch = 100

// Hasten makes those n of a kind's entries that would be due soonest of all shards due now, by rounds: it looks at what waits in
// every shard, then hastens the soonest of it. So n may be as large as one likes; and what is put back for later while the rounds
// go on does not make them go on for ever. Each entry that it made due is counted once, and those it made due before an error are
// counted with the error.
func (s *Store) RunNow(ctx context.Context, kind store.QueueName, n int) (int, error) {
	hastened, most := 0, n
	for first, more := true, true; more && hastened < most; first = false {
		w, err := s.waiting(ctx, kind, n-hastened)
		if err != nil {
			return hastened, err
		}
		if first {
			most = min(n, w.there)
		}
		var quota map[shard]int
		quota, more = w.soonest(most - hastened)
		done, err := s.hastenIn(ctx, kind, quota)
		if hastened += done; err != nil {
			return hastened, err
		}
	}
	return hastened, nil
}

// head is an entry that waits: its shard and when it is due.
type head struct {
	on  int
	due int64
}

// heads are those that wait first in every shard.
type heads struct {
	all   []head
	ends  []head // the last ones of the shards that may have more than they showed
	there int    // how many entries stand in the shards for later, leased ones included
}

// waiting looks in each shard at about its share of n.
func (s *Store) waiting(ctx context.Context, kind store.QueueName, n int) (w heads, err error) {
	share := min(n, n/shards*3/2+8, hastenBatch)
	questions := make([]question, shards)
	for i := range questions {
		on := shardNumber(i)
		questions[i] = question{script: waitsScript, keys: []string{on.queue(kind), on.tries(kind)}, args: []any{share}}
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	if err != nil {
		return w, err
	}
	for i, a := range answers {
		if a.err != nil {
			return w, a.err
		}
		flat, _ := a.value.([]any)
		if len(flat) == 0 {
			return w, fmt.Errorf("store/redis: the waits script answered %T", a.value)
		}
		w.there += int(number(flat[0]))
		for _, due := range flat[1:] {
			w.all = append(w.all, head{i, number(due)})
		}
		if len(flat) == 1+share {
			w.ends = append(w.ends, w.all[len(w.all)-1])
		}
	}
	return w, nil
}

// soonest says how many entries to hasten in each shard so as to hasten up to n that are due soonest, and whether there may be
// more. As places does, it believes the merged list only down to where the first cut-off shard ends.
func (w heads) soonest(n int) (quota map[shard]int, more bool) {
	order := func(a, b head) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.on, b.on)) }

	slices.SortFunc(w.all, order)
	believed := w.all
	if more = len(w.ends) > 0; more {
		end := slices.MinFunc(w.ends, order)
		if i := slices.IndexFunc(w.all, func(h head) bool { return order(h, end) > 0 }); i >= 0 {
			believed = w.all[:i]
		}
	}
	if len(believed) > n {
		believed, more = believed[:n], true
	}
	quota = make(map[shard]int)
	for _, h := range believed {
		quota[shardNumber(h.on)]++
	}
	return quota, more
}

// hastenIn hastens so many in each shard. An attempt whose reply was lost is found again by its mark.
func (s *Store) hastenIn(ctx context.Context, kind store.QueueName, quota map[shard]int) (done int, err error) {
	mark, err := s.nonce()
	if err != nil {
		return 0, err
	}
	var questions []question
	for on, n := range quota {
		questions = append(questions, question{
			script: hastenScript, keys: []string{on.queue(kind), on.tries(kind), on.hastened(mark)}, args: []any{n},
		})
	}
	if len(questions) == 0 {
		return 0, nil
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	for _, a := range answers {
		if a.err != nil {
			err = a.err
		}
		done += int(number(a.value))
	}
	return done, err
}
