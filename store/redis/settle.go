package redis

import (
	"context"
	"time"

	"github.com/optin/optin/store"
)

// Extend makes a lease last.
func (s *Store) Extend(ctx context.Context, e store.Entry, hold time.Duration) error {
	on := shardOf(e.Key.ID)
	value, err := s.askOne(ctx, question{
		script: extendScript,
		keys:   []string{on.queue(e.Kind), on.tries(e.Kind)},
		args:   []any{member(e.ID, e.Key), e.ID, e.Tries, hold.Milliseconds()},
	})
	if err == nil && number(value) != 1 {
		return store.ErrLost
	}
	return err
}

// Settle ends a lease. What moves to another lane is remembered as moved until it is done: owing its ID again, in its first kind
// or in any other, adds nothing. If an entry with that ID was owed in both lanes before one moved, they are one from then on: the
// one that stands where the other comes to stays as it is.
func (s *Store) Settle(ctx context.Context, e store.Entry, o store.Outcome) error {
	if err := o.Check(); err != nil {
		return err
	}
	value, err := s.askOne(ctx, settleQuestion(store.Settlement{Entry: e, Outcome: o}))
	if err == nil && number(value) != 1 {
		return store.ErrLost
	}
	return err
}

func settleQuestion(st store.Settlement) question {
	on := shardOf(st.Entry.Key.ID)
	q := question{script: settleScript, keys: []string{on.moved()}}
	q.settle(on, &st)
	return q
}

// settle adds the settling of an entry, or that there is none, as lua/settling.lua reads it.
func (q *question) settle(on shard, st *store.Settlement) {
	if st == nil {
		q.args = append(q.args, "", "", "", "", "")
		return
	}
	e, word := st.Entry, word(*st)
	q.lane(on, e.Kind)
	if word == "move" {
		q.lane(on, st.Outcome.Lane)
	}
	q.args = append(q.args, word, member(e.ID, e.Key), e.ID, e.Tries, due(st.Outcome.At))
}

// lane adds the keys of all that a lane has in a shard.
func (q *question) lane(on shard, k store.Kind) {
	q.keys = append(q.keys, on.queue(k), on.tries(k), on.bodies(k), on.parked(k))
}

// word is what is to be done, for a script. Its outcome was checked before.
func word(st store.Settlement) string {
	o := st.Outcome
	switch {
	case o.Verdict == store.VerdictDone:
		return "done"
	case o.Verdict == store.VerdictDead:
		return "dead"
	case o.Lane != "" && o.Lane != st.Entry.Kind:
		return "move"
	}
	return "again"
}
