package redis

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/optin/optin/store"
)

// records is the port store.Records.
type records struct {
	*connection
	now   func() time.Time
	locks locks
}

// Update runs f and commits the change that it returns, as store.Records says.
func (s *records) Update(ctx context.Context, key store.Key, f func(store.Record) (store.Change, error)) (err error) {
	unlock, err := s.locks.lock(ctx, key)
	if err != nil {
		return err
	}
	// An error of f is not the store's failure, and so none for the callers that wait.
	var failed error
	defer func() { unlock(failed) }()

	// Suppose that there is no record: for a first signup this is so, and one round trip is enough.
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

func (s *records) read(ctx context.Context, key store.Key) (stored, error) {
	value, err := s.doOne(ctx, get(shardOf(key.ID).record(key)))
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

// commit makes the change if the record is still as it was; if not, it returns the record as it is.
func (s *records) commit(
	ctx context.Context, key store.Key, was stored, c store.Change,
) (is stored, done bool, err error) {
	version := make([]byte, versionSize)
	if _, err := io.ReadFull(s.random, version); err != nil {
		return was, false, fmt.Errorf("store/redis: no random bytes for a version: %w", err)
	}
	value, err := s.doOne(ctx, s.commitCommand(key, was, c, string(version)))
	if err != nil {
		return was, false, err
	}
	reply := flat(value)
	if len(reply) == 0 {
		return was, false, fmt.Errorf("store/redis: the commit script returned %T", value)
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

// commitCommand lays out keys and arguments as lua/commit.lua says.
func (s *records) commitCommand(key store.Key, was stored, c store.Change, version string) command {
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
		if left > 0 { // otherwise it has expired already: as if it had never been
			tail, created, to = pack(*c.Put), c.Put.Created.UnixMilli(), on.state(key.Site, c.Put.State)
		}
	}
	if was.version == "" {
		from = to
	}
	cmd := command{
		script: commitScript,
		keys:   []string{on.record(key), on.tombstone(key), on.all(key.Site), from, to, on.moved()},
		args:   []any{was.version, version, tail, ttl, key.ID, created},
	}
	cmd.addEnd(on, c.End)
	cmd.args = append(cmd.args, len(c.Enqueue))
	for _, job := range c.Enqueue {
		cmd.keys = append(cmd.keys, on.queue(job.Queue), on.failed(job.Queue), on.bodies(job.Queue))
		cmd.args = append(cmd.args, member(job.ID, key), job.ID, milliOrNow(job.Due), string(job.Body))
	}
	if len(c.Count) > 0 {
		cmd.keys = append(cmd.keys, on.days(key.Site))
	}
	for _, n := range c.Count {
		cmd.keys = append(cmd.keys, on.counts(key.Site)+n.Day)
		cmd.args = append(cmd.args, n.Day, n.Name, n.N)
	}
	return cmd
}

// listed is a record's position in an index.
type listed struct {
	on      shard
	id      string
	created int64 // ms
}

// byNewest orders as sorted sets do, backwards.
func byNewest(a, b listed) int {
	return cmp.Or(cmp.Compare(b.created, a.created), cmp.Compare(b.id, a.id))
}

// List merges the indexes of all shards, then reads the records. What it finds gone it takes out of the index.
func (s *records) List(ctx context.Context, q store.Query) (store.Page, error) {
	q, err := q.WithDefaults()
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	var positions []listed // of the page's records
	after := []any{"", ""}
	if q.Before.ID != "" || !q.Before.Created.IsZero() {
		after = []any{q.Before.Created.UnixMilli(), q.Before.ID}
	}
	// One more than asked for shows whether there is anything older.
	for more := true; more && len(page.Records) <= q.Limit; {
		var found []listed
		if found, more, err = s.listAfter(ctx, q, after, q.Limit+1-len(page.Records)); err != nil {
			return store.Page{}, err
		}
		records, alive, err := s.readListed(ctx, q, found)
		if err != nil {
			return store.Page{}, err
		}
		page.Records, positions = append(page.Records, records...), append(positions, alive...)
		if len(found) > 0 {
			last := found[len(found)-1]
			after = []any{last.created, last.id}
		}
	}
	if len(page.Records) > q.Limit {
		page.Records = page.Records[:q.Limit]
		last := positions[q.Limit-1]
		page.Next = store.Cursor{Created: fromMilli(last.created), ID: last.id}
	}
	return page, nil
}

// listAfter returns up to n positions after one (created, id), newest first, and whether there may be more.
func (s *records) listAfter(ctx context.Context, q store.Query, after []any, n int) ([]listed, bool, error) {
	share := share(n)
	return merge(ctx, s.connection, n, share, func(on shard) command {
		return command{script: listScript, keys: []string{on.index(q)}, args: []any{share, after[0], after[1]}}
	}, func(on shard, flat []any) (found []listed) {
		for ; len(flat) >= 2; flat = flat[2:] {
			found = append(found, listed{on, text(flat[0]), number(flat[1])})
		}
		return found
	}, byNewest)
}

// readListed reads the records at these positions. What is gone, or has another state by now, is left out.
func (s *records) readListed(ctx context.Context, q store.Query, found []listed) ([]store.Record, []listed, error) {
	if len(found) == 0 {
		return nil, nil, nil
	}
	commands := make([]command, len(found))
	for i, l := range found {
		commands[i] = get(l.on.record(store.Key{Site: q.Site, ID: l.id}))
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	if err != nil {
		return nil, nil, err
	}
	var records []store.Record
	var alive, stale []listed
	for i, r := range replies {
		if r.err != nil {
			return nil, nil, r.err
		}
		got, err := unpack(store.Key{Site: q.Site, ID: found[i].id}, r.value, s.now())
		if err != nil {
			return nil, nil, err
		}
		if got.version == "" || q.State != "" && got.state != q.State {
			stale = append(stale, found[i])
		} else if got.record.Exists() {
			records, alive = append(records, got.record), append(alive, found[i])
		}
	}
	s.sweep(ctx, q, stale)
	return records, alive, nil
}

// sweep takes stale positions out of the index; the script looks again. If it fails, the next listing does it.
func (s *records) sweep(ctx context.Context, q store.Query, stale []listed) {
	byShard := make(map[shard]command)
	for _, l := range stale {
		one, ok := byShard[l.on]
		if !ok {
			one = command{script: sweepScript, keys: []string{l.on.index(q)}, args: []any{q.State}}
		}
		one.keys = append(one.keys, l.on.record(store.Key{Site: q.Site, ID: l.id}))
		one.args = append(one.args, l.id)
		byShard[l.on] = one
	}
	var commands []command
	for _, one := range byShard {
		commands = append(commands, one)
	}
	if len(commands) > 0 {
		_, _ = s.do(ctx, 1, commands...)
	}
}
