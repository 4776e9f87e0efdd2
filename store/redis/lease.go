package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/optin/optin/store"
)

// exact is up to how many entries Lease takes exactly the oldest of all shards; beyond that, about.
const exact = 16

// Lease takes up to n due entries: it looks at what is due in every shard, then takes the oldest. An error comes only when
// nothing could be taken; a Cluster that has lost a master goes on with the others.
func (s *Store) Lease(ctx context.Context, kind store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	if err := store.CheckLease(n, hold); err != nil {
		return nil, err
	}
	var leased []store.Job
	for {
		want := n - len(leased)
		quota, err := s.peek(ctx, kind, want)
		if len(quota) > 0 {
			var more []store.Job
			more, err = s.leaseFrom(ctx, kind, quota, hold)
			leased = append(leased, more...)
			if len(more) == 0 {
				want = 0 // others were quicker; they will see to it
			}
		}
		if err != nil || total(quota) < want || len(leased) == n || want == 0 {
			if len(leased) > 0 {
				err = nil
			}
			slices.SortStableFunc(leased, func(a, b store.Job) int { return a.Due.Compare(b.Due) })
			return leased, err
		}
	}
}

func total(quota map[shard]int) (n int) {
	for _, q := range quota {
		n += q
	}
	return n
}

// peek says how many entries to take from each shard so as to get the n oldest.
func (s *Store) peek(ctx context.Context, kind store.QueueName, n int) (map[shard]int, error) {
	questions := make([]question, shards)
	for i := range questions {
		questions[i] = question{
			script: peekScript, keys: []string{shardNumber(i).queue(kind)}, args: []any{min(n, exact)},
		}
	}
	answers, err := s.ask(ctx, len(waits)+1, questions...)
	type head struct {
		on  shard
		due int64
	}
	var heads []head
	var long []shard // those that have more than they showed
	for i, a := range answers {
		if a.err != nil {
			err = a.err
		}
		dues, _ := a.value.([]any)
		if len(dues) == exact {
			long = append(long, shardNumber(i))
		}
		for _, d := range dues {
			heads = append(heads, head{shardNumber(i), number(d)})
		}
	}
	slices.SortStableFunc(heads, func(a, b head) int { return cmp.Compare(a.due, b.due) })
	quota := make(map[shard]int)
	for _, h := range heads[:min(n, len(heads))] {
		quota[h.on]++
	}
	for i, rest := 0, n-len(heads); i < len(long) && rest > 0; i++ {
		share := (rest + len(long) - i - 1) / (len(long) - i)
		quota[long[i]] += share
		rest -= share
	}
	return quota, err
}

// leaseFrom asks once only: what an attempt took whose reply is lost stays hidden until its hold is over, and a
// second attempt would hide as much again.
func (s *Store) leaseFrom(ctx context.Context, kind store.QueueName, quota map[shard]int, hold time.Duration) ([]store.Job, error) {
	var questions []question
	for on, n := range quota {
		questions = append(questions, question{
			script: leaseScript,
			keys:   []string{on.queue(kind), on.tries(kind), on.bodies(kind)},
			args:   []any{n, hold.Milliseconds()},
		})
	}
	answers, err := s.ask(ctx, 1, questions...)
	var leased []store.Job
	for _, a := range answers {
		if a.err != nil {
			err = a.err
			continue
		}
		flat, _ := a.value.([]any)
		for ; len(flat) >= 4; flat = flat[4:] {
			e := store.Job{Queue: kind, Due: fromMilli(number(flat[1])), Attempts: int(number(flat[2]))}
			e.ID, e.Key = readMember(text(flat[0]))
			if body := text(flat[3]); body != "" {
				e.Body = []byte(body)
			}
			leased = append(leased, e)
		}
	}
	return leased, err
}

// number and text read a reply of the server, which gives whole numbers of scores as text.
func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
		f, _ := strconv.ParseFloat(v, 64) // a score in scientific notation
		return int64(f)
	}
	return 0
}

func text(v any) string {
	t, _ := v.(string)
	return t
}
