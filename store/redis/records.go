package redis

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// records is the port store.Records.
type records struct {
	*connection
	now      func() time.Time
	conflict func()
	locks    locks

	states knownStates
}

// Update runs f and commits the change that it returns, as store.Records says. It supposes that there is no record: for
// a first signup this is so, and one round trip is enough.
func (s *records) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) error {
	return s.UpdateFrom(ctx, store.Record{Key: key}, f)
}

// UpdateFrom is Update that supposes that the record is still as it was read.
func (s *records) UpdateFrom(
	ctx context.Context, known store.Record, f func(store.Record) (store.Change, error),
) (err error) {
	key := known.Key
	unlock, err := s.locks.lock(ctx, key)
	if err != nil {
		return err
	}
	// An error of f is not the store's failure, and so none for the callers that wait.
	var failed error
	defer func() { unlock(failed) }()

	now := storedAs(known)
	for supposed, round := true, 0; ; round++ {
		change, err := f(now.record)
		invalid := check(key, change)
		if supposed && (err != nil || change.Put == nil || invalid != nil) {
			if now, failed = s.read(ctx, key); failed != nil {
				return failed
			}
			supposed = false
			continue
		}
		switch {
		case err != nil:
			return err
		case invalid != nil:
			return invalid
		case change.IsZero():
			return nil
		case now.damaged:
			return damaged(key)
		}
		var done bool
		if now, done, failed = s.commit(ctx, key, now, change); done || failed != nil {
			return failed
		}
		if !supposed || known.Exists() {
			s.conflict()
		}
		if supposed = false; round > 1 && !s.pause(ctx, time.Millisecond<<min(round, 5)) {
			return unavailable(ctx, nil)
		}
	}
}

// Find returns the record under key.
func (s *records) Find(ctx context.Context, key store.Key) (store.Record, error) {
	got, err := s.read(ctx, key)
	if err == nil && !got.record.Exists() {
		err = store.ErrNotFound
	}
	return got.record, err
}

// FindAll asks each shard for the records in it, and for its mark, by one command, all in one pipeline.
func (s *records) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	all, fields := make([]store.Record, len(keys)), make([]string, len(keys))
	var shards []shard
	var commands []command // one to each of them
	var asked [][]int      // by each command: the places in keys
	for i, key := range keys {
		all[i].Key = key
		var ok bool
		if fields[i], ok = field(key); !ok {
			continue
		}
		in := s.shardOf(key.ID)
		n := slices.Index(shards, in)
		if n < 0 {
			n = len(shards)
			shards = append(shards, in)
			words := append(make([]any, 0, 3+len(keys)), "hmget", in.records(), markField)
			commands, asked = append(commands, command{plain: words}), append(asked, make([]int, 0, len(keys)))
		}
		commands[n].plain, asked[n] = append(commands[n].plain, &fields[i]), append(asked[n], i)
	}
	if len(commands) == 0 {
		return all, nil
	}
	marked := s.marked.Load()
	replies, err := s.do(ctx, maxAttempts, commands...)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for n, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		values := flat(r.value)
		if len(values) != len(asked[n])+1 {
			return nil, fmt.Errorf("store/redis: a read returned %T", r.value)
		}
		mark, values := values[0], values[1:]
		if marked && mark == nil && slices.Contains(values, nil) {
			return nil, unavailable(ctx, errUnmarked)
		}
		for k, i := range asked[n] {
			all[i] = unpack(keys[i], values[k], now).record
		}
	}
	return all, nil
}

func (s *records) read(ctx context.Context, key store.Key) (stored, error) {
	f, ok := field(key)
	if !ok {
		return stored{record: store.Record{Key: key}}, nil
	}
	on := s.shardOf(key.ID)
	value, err := s.doOne(ctx, command{plain: []any{"hget", on.records(), f}})
	if err == nil && value == nil {
		err = s.stillMarked(ctx, on)
	}
	if err != nil {
		return stored{}, err
	}
	return unpack(key, value, s.now()), nil
}

// check adds to Change.Check what only this store asks for.
func check(key store.Key, c store.Change) error {
	if _, ok := packID(key.ID); !ok {
		return fmt.Errorf("%w change: of a record with the ID %q", store.ErrInvalid, key.ID)
	}
	if c.Put != nil && len(c.Put.State) > maxState {
		return fmt.Errorf("%w change: a state of %d bytes, at most %d", store.ErrInvalid, len(c.Put.State), maxState)
	}
	return c.Check(key)
}

// commit makes the change if the record is still as it was; if not, it returns the record as it is.
func (s *records) commit(
	ctx context.Context, key store.Key, was stored, c store.Change,
) (is stored, done bool, err error) {
	var version [versionSize]byte
	if _, err := io.ReadFull(s.random, version[:]); err != nil {
		return was, false, fmt.Errorf("store/redis: no random bytes for a version: %w", err)
	}
	l, err := s.limitsOf(ctx, key, c)
	if err != nil {
		return was, false, err
	}
	value := any("moved")
	for value == "moved" { // a job to drop is in another queue by now
		var drops []dropped
		if c.DropJobs {
			if drops, err = s.jobsOf(ctx, key, c.KeepQueue); err != nil {
				return was, false, err
			}
		}
		value, err = s.doOne(ctx, s.commitCommand(key, was, c, l, string(version[:]), drops))
		if err != nil {
			return was, false, err // it may be committed: what was taken stays so
		}
	}
	if value == "done" {
		return was, true, nil
	}
	s.undo(ctx, l.held)
	switch value {
	case "lost":
		return was, false, store.ErrLeaseLost
	case "unmarked":
		return was, false, unavailable(ctx, errUnmarked)
	}
	switch reply := flat(value); {
	case len(reply) > 1 && reply[0] == "exceeded":
		return was, false, l.exceeded(readWaits(reply[1:]))
	case len(reply) > 0 && reply[0] == "other":
		var there any
		if len(reply) > 1 {
			there = reply[1]
		}
		return unpack(key, there, s.now()), false, nil
	}
	return was, false, fmt.Errorf("store/redis: the commit script returned %T", value)
}

// purge removes records that have expired: pairs of field and state, as scripts return them. What it misses is found
// again. It reports whether there may be more, as many as one script returns: not if it could remove none, because then
// the same would be found again.
func (s *connection) purge(ctx context.Context, on shard, expired []any) (more bool) {
	var commands []command
	for rest := expired; len(rest) >= 2; rest = rest[2:] {
		f, state := text(rest[0]), text(rest[1])
		k, ok := readField(f)
		if !ok {
			continue
		}
		commands = append(commands, command{script: purgeScript, keys: []string{
			on.records(), on.index(k.Site, state), on.timers(), on.pushed(), on.sites(), on.due(),
			on.states(k.Site),
		}, args: []string{f, state}})
	}
	if len(commands) == 0 {
		return false
	}
	replies, _ := s.do(ctx, 1, commands...)
	removed := slices.ContainsFunc(replies, func(r reply) bool { return r.err == nil })
	return removed && len(expired) >= 2*maxBatch
}
