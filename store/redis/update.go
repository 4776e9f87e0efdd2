package redis

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/optin/optin/store"
)

// Update runs f and commits what it returns; see store.Store.
func (s *Store) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) (err error) {
	back, err := s.turns.take(ctx, key)
	if err != nil {
		return err
	}
	// What f returns is not the store's failure, and nobody else's.
	var failed error
	defer func() { back(failed) }()

	// Suppose that there is no record: for a first signup that is so, and then this is all there is to ask.
	now := stored{record: store.Record{Key: key}}
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
		}
		var done bool
		if now, done, failed = s.commit(ctx, key, now, change); done || failed != nil {
			return failed
		}
		if supposed = false; round > 1 && !s.pause(ctx, time.Millisecond<<min(round, 5)) {
			return away(ctx, nil)
		}
	}
}

// Get returns the record under key.
func (s *Store) Find(ctx context.Context, key store.Key) (store.Record, error) {
	got, err := s.read(ctx, key)
	if err == nil && !got.record.Exists() {
		err = store.ErrNotFound
	}
	return got.record, err
}

func (s *Store) read(ctx context.Context, key store.Key) (stored, error) {
	value, err := s.askOne(ctx, get(shardOf(key.ID).record(key)))
	if err != nil {
		return stored{}, err
	}
	return unpack(key, value, s.now())
}

// check adds to Change.Check what only this store asks for.
func check(key store.Key, c store.Change) error {
	if c.Put != nil && len(c.Put.State) > maxState {
		return fmt.Errorf("%w change: a state of %d bytes, at most %d", store.ErrInvalid, len(c.Put.State), maxState)
	}
	return c.Check(key)
}

// commit makes the change if the record is still as it was, and else returns the record as it is.
func (s *Store) commit(ctx context.Context, key store.Key, was stored, c store.Change) (is stored, done bool, err error) {
	version := make([]byte, versionSize)
	if _, err := io.ReadFull(s.random, version); err != nil {
		return was, false, fmt.Errorf("store/redis: no random bytes for a version: %w", err)
	}
	value, err := s.askOne(ctx, s.commitQuestion(key, was, c, string(version)))
	if err != nil {
		return was, false, err
	}
	reply, _ := value.([]any)
	if len(reply) == 0 {
		return was, false, fmt.Errorf("store/redis: the commit script answered %T", value)
	}
	switch reply[0] {
	case "done":
		return was, true, nil
	case "lost":
		return was, false, store.ErrLeaseLost
	}
	var there any
	if len(reply) > 1 {
		there = reply[1]
	}
	is, err = unpack(key, there, s.now())
	return is, false, err
}

// commitQuestion lays out keys and arguments as lua/commit.lua says.
func (s *Store) commitQuestion(key store.Key, was stored, c store.Change, version string) question {
	var (
		on      = shardOf(key.ID)
		tail    string // empty: no record is left
		ttl     int64
		created int64
		from    = on.state(key.Site, was.state)
		to      = from
	)
	if c.Put != nil {
		left := int64(1)
		if !c.Put.Expires.IsZero() {
			ttl = c.Put.Expires.UnixMilli() - s.now().UnixMilli()
			left = ttl
		}
		if left > 0 { // else it has expired already: as if it had never been
			tail, created, to = pack(*c.Put), c.Put.Created.UnixMilli(), on.state(key.Site, c.Put.State)
		}
	}
	if was.version == "" {
		from = to
	}
	q := question{
		script: commitScript,
		keys:   []string{on.record(key), on.tombstone(key), on.all(key.Site), from, to, on.moved()},
		args:   []any{was.version, version, tail, ttl, key.ID, created},
	}
	q.settle(on, c.End)
	q.args = append(q.args, len(c.Enqueue))
	for _, e := range c.Enqueue {
		q.keys = append(q.keys, on.queue(e.Queue), on.parked(e.Queue), on.bodies(e.Queue))
		q.args = append(q.args, member(e.ID, key), e.ID, due(e.Due), string(e.Body))
	}
	if len(c.Count) > 0 {
		q.keys = append(q.keys, on.days(key.Site))
	}
	for _, n := range c.Count {
		q.keys = append(q.keys, on.counts(key.Site)+n.Day)
		q.args = append(q.args, n.Day, n.Name, n.N)
	}
	return q
}

// due writes a time for a script; the zero time is the server's now.
func due(t time.Time) any {
	if t.IsZero() {
		return ""
	}
	return t.UnixMilli()
}
