package redis

import (
	"bytes"
	"context"
	"errors"

	"github.com/optin/optin/store"
)

// marks is the port store.Marks. Every shard has a copy of the mark: on a Cluster a master may lose its data while the
// others keep theirs. It is among the records, and not in a key of its own, which could outlive them: a server that
// evicts keeps what is looked at each second.
type marks struct{ *connection }

// errUnmarked says that a shard has not the mark any more that this process has seen there.
var errUnmarked = errors.New("the mark of the store is missing: it has lost its data")

// markedBy returns the field of the mark for a script that is to miss it where it is gone; empty before it was seen.
func (s *connection) markedBy() string {
	if s.marked.Load() {
		return markField
	}
	return ""
}

// hasMark returns the command that replies 1 if the shard has its mark, else 0.
func (s shard) hasMark() command { return command{plain: []any{"hexists", s.records(), markField}} }

// stillMarked returns an error if one of some shards has lost the mark that this process has seen there. It is asked
// after a read that found nothing: an emptied store has nothing, which says nothing of what was there.
func (s *connection) stillMarked(ctx context.Context, on ...shard) error {
	if !s.marked.Load() {
		return nil
	}
	commands := make([]command, len(on))
	for i := range on {
		commands[i] = on[i].hasMark()
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	if err != nil {
		return err
	}
	for _, r := range replies {
		if r.err != nil {
			return r.err
		}
		if number(r.value) == 0 {
			return unavailable(ctx, errUnmarked)
		}
	}
	return nil
}

// Mark reads all copies; where they differ, that of the first shard that has one is the mark.
func (s marks) Mark(ctx context.Context) (mark []byte, whole bool, err error) {
	replies, err := s.eachShard(ctx, func(on shard) command {
		return command{plain: []any{"hget", on.records(), markField}}
	})
	if err != nil {
		return nil, false, err
	}
	missing := 0
	for _, r := range replies {
		switch {
		case r.err != nil:
			return nil, false, r.err
		case r.value == nil:
			missing++
		case mark == nil:
			mark = []byte(text(r.value))
		}
	}
	s.marked.CompareAndSwap(false, mark != nil && missing == 0)
	return mark, missing == 0 || mark == nil, nil
}

// SetMark sets the copies one after the other: where several processes set one, the first copy that is there decides.
func (s marks) SetMark(ctx context.Context, old, mark []byte) error {
	if err := store.CheckMark(mark); err != nil {
		return err
	}
	mark, old = bytes.Clone(mark), bytes.Clone(old)
	for i := range s.shards {
		set, err := s.doOne(ctx, command{
			script: setMarkScript, keys: []string{shardNumber(i).records(), shardNumber(i).asked()},
			args: []string{string(old), string(mark), markField},
		})
		if err == nil && number(set) != 1 {
			err = store.ErrChanged
		}
		if err != nil {
			return err
		}
	}
	s.marked.Store(true)
	return nil
}

// Empty counts what each shard has among its records beside the mark.
func (s marks) Empty(ctx context.Context) (bool, error) {
	fields, err := s.sum(ctx, func(on shard) command { return command{plain: []any{"hlen", on.records()}} })
	if err != nil {
		return false, err
	}
	marks, err := s.sum(ctx, shard.hasMark)
	return fields <= marks, err
}

// sum adds up the numbers with which all shards reply.
func (s marks) sum(ctx context.Context, to func(on shard) command) (n int64, err error) {
	replies, err := s.eachShard(ctx, to)
	if err != nil {
		return 0, err
	}
	for _, r := range replies {
		if r.err != nil {
			return 0, r.err
		}
		n += number(r.value)
	}
	return n, nil
}
