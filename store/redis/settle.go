package redis

import (
	"context"
	"time"

	"github.com/optin/optin/store"
)

// Extend makes a lease last.
func (s *Store) RenewLease(ctx context.Context, e store.Job, hold time.Duration) error {
	on := shardOf(e.Key.ID)
	value, err := s.askOne(ctx, question{
		script: extendScript,
		keys:   []string{on.queue(e.Queue), on.tries(e.Queue)},
		args:   []any{member(e.ID, e.Key), e.ID, e.Attempts, hold.Milliseconds()},
	})
	if err == nil && number(value) != 1 {
		return store.ErrLeaseLost
	}
	return err
}

// Settle ends a lease. What moves to another lane is remembered as moved until it is done: owing its ID again, in its first kind
// or in any other, adds nothing. If an entry with that ID was owed in both lanes before one moved, they are one from then on: the
// one that stands where the other comes to stays as it is.
func (s *Store) End(ctx context.Context, e store.Job, o store.Outcome) error {
	if err := o.Check(); err != nil {
		return err
	}
	value, err := s.askOne(ctx, settleQuestion(store.JobEnd{Job: e, Outcome: o}))
	if err == nil && number(value) != 1 {
		return store.ErrLeaseLost
	}
	return err
}

func settleQuestion(st store.JobEnd) question {
	on := shardOf(st.Job.Key.ID)
	q := question{script: settleScript, keys: []string{on.moved()}}
	q.settle(on, &st)
	return q
}

// settle adds the settling of an entry, or that there is none, as lua/settling.lua reads it.
func (q *question) settle(on shard, st *store.JobEnd) {
	if st == nil {
		q.args = append(q.args, "", "", "", "", "")
		return
	}
	e, word := st.Job, word(*st)
	q.lane(on, e.Queue)
	if word == "move" {
		q.lane(on, st.Outcome.Queue)
	}
	q.args = append(q.args, word, member(e.ID, e.Key), e.ID, e.Attempts, due(st.Outcome.At))
}

// lane adds the keys of all that a lane has in a shard.
func (q *question) lane(on shard, k store.QueueName) {
	q.keys = append(q.keys, on.queue(k), on.tries(k), on.bodies(k), on.parked(k))
}

// word is what is to be done, for a script. Its outcome was checked before.
func word(st store.JobEnd) string {
	o := st.Outcome
	switch {
	case o.End == store.EndComplete:
		return "done"
	case o.End == store.EndFail:
		return "dead"
	case o.End == store.EndMove && o.Queue != st.Job.Queue:
		return "move"
	}
	return "again"
}
