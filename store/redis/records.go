package redis

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// records is the port store.Records.
type records struct {
	*connection
	now   func() time.Time
	locks locks

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

// FindAll asks each shard for the records in it by one command, all in one pipeline.
func (s *records) FindAll(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	all := make([]store.Record, len(keys))
	var commands []command
	var asked [][]int // by each command: the places in keys
	for i, key := range keys {
		all[i].Key = key
		f, ok := field(key)
		if !ok {
			continue
		}
		name := s.shardOf(key.ID).records()
		n := slices.IndexFunc(commands, func(c command) bool { return c.plain[1] == name })
		if n < 0 {
			n = len(commands)
			commands, asked = append(commands, command{plain: []any{"hmget", name}}), append(asked, nil)
		}
		commands[n].plain, asked[n] = append(commands[n].plain, f), append(asked[n], i)
	}
	if len(commands) == 0 {
		return all, nil
	}
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
		if len(values) != len(asked[n]) {
			return nil, fmt.Errorf("store/redis: hmget returned %T", r.value)
		}
		for k, i := range asked[n] {
			got, err := unpack(keys[i], values[k], now)
			if err != nil {
				return nil, err
			}
			all[i] = got.record
		}
	}
	return all, nil
}

func (s *records) read(ctx context.Context, key store.Key) (stored, error) {
	f, ok := field(key)
	if !ok {
		return stored{record: store.Record{Key: key}}, nil
	}
	value, err := s.doOne(ctx, command{plain: []any{"hget", s.shardOf(key.ID).records(), f}})
	if err != nil {
		return stored{}, err
	}
	return unpack(key, value, s.now())
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
	if value == "lost" {
		return was, false, store.ErrLeaseLost
	}
	switch reply := flat(value); {
	case len(reply) > 1 && reply[0] == "exceeded":
		return was, false, l.exceeded(readWaits(reply[1:]))
	case len(reply) > 0 && reply[0] == "other":
		var there any
		if len(reply) > 1 {
			there = reply[1]
		}
		is, err = unpack(key, there, s.now())
		return is, false, err
	}
	return was, false, fmt.Errorf("store/redis: the commit script returned %T", value)
}

// commitCommand lays out keys and arguments as lua/commit.lua says.
func (s *records) commitCommand(
	key store.Key, was stored, c store.Change, l changeLimits, version string, drops []dropped,
) command {
	var (
		on   = s.shardOf(key.ID)
		f, _ = field(key) // check has looked
		from = on.index(key.Site, was.state)
		to   = from
		tail string // empty: no record is left
	)
	// A record that has expired already is as if it had never been.
	if c.Put != nil && (c.Put.Expires.IsZero() || c.Put.Expires.After(s.now())) {
		tail, to = pack(*c.Put), on.index(key.Site, c.Put.State)
	}
	if was.version == "" {
		from = to
	}
	script := commitScript
	if c.EvenIfFull {
		script = commitEvenIfFullScript
	}
	cmd := command{script: script, keys: make([]string, 0, 24), args: make([]any, 0, 48)}
	cmd.keys = append(cmd.keys, on.records(), on.tombstone(f), on.states(key.Site), from, to, on.timers(), on.pushed(),
		on.sites(), on.jobs(), on.due())
	cmd.args = append(cmd.args, was.version, version, tail, f)
	cmd.addBuckets(l.inScript.mark, cmp.Or(l.inScript.named, "0"), l.inScript.counted)
	if c.DropJobs {
		cmd.addDrops(on, drops)
	} else {
		cmd.addEnd(on, c.End)
	}
	cmd.args = append(cmd.args, len(c.Enqueue))
	for i, job := range c.Enqueue {
		cmd.keys = append(cmd.keys, on.queue(job.Queue))
		cmd.args = append(cmd.args, job.ID, string(job.Queue), milliOrNow(job.Due), packJob(key, job.Body),
			l.jobs[i].reserved)
		cmd.addBuckets(l.jobs[i].mark, "", l.jobs[i].counted)
	}
	if len(c.Count) > 0 {
		cmd.keys = append(cmd.keys, on.counts(key.Site))
	}
	for i, n := range c.Count {
		old := "0" // of a day that is there, nothing is dropped
		if i == 0 || c.Count[i-1].Day != n.Day {
			old = oldest(n.Day)
		}
		cmd.args = append(cmd.args, digits(n.Day), old, n.Name, n.N)
	}
	return cmd
}

// dropped is a job that a change drops, and the queue in which it was found.
type dropped struct{ id, queue string }

// jobsOf looks through the jobs of a shard for those of a record that are not in the queue to keep. What is enqueued meanwhile comes with another version
// of the record, to which the commit objects.
func (s *records) jobsOf(ctx context.Context, key store.Key, keep store.QueueName) (all []dropped, err error) {
	on, of := s.shardOf(key.ID), packJob(key, nil)
	for cursor := "0"; ; {
		value, err := s.doOne(ctx, command{script: jobsOfScript, keys: []string{on.jobs()}, args: []any{cursor, of}})
		if err != nil {
			return nil, err
		}
		list := flat(value)
		if len(list) == 0 {
			return nil, fmt.Errorf("store/redis: the script that looks for jobs returned %T", value)
		}
		for rest := list[1:]; len(rest) >= 2; rest = rest[2:] {
			if d := (dropped{text(rest[0]), text(rest[1])}); keep == "" || d.queue != string(keep) {
				all = append(all, d)
			}
		}
		if cursor = text(list[0]); cursor == "0" {
			return all, nil
		}
	}
}

// addDrops adds keys and arguments for the jobs to drop, as lua/commit.lua says.
func (c *command) addDrops(on shard, drops []dropped) {
	c.args = append(c.args, "drop", len(drops))
	for _, d := range drops {
		queue := store.QueueName(d.queue)
		c.keys = append(c.keys, on.queue(queue), on.failed(queue))
		c.args = append(c.args, d.id, d.queue)
	}
}

// addBuckets adds buckets as lua/commit.lua reads them; named is left out if it is empty.
func (c *command) addBuckets(mark, named string, buckets []bucket) {
	c.args = append(c.args, mark)
	if named != "" {
		c.args = append(c.args, named)
	}
	c.args = append(c.args, len(buckets))
	for _, b := range buckets {
		c.keys, c.args = append(c.keys, b.key), append(c.args, b.spec)
	}
}

// changeLimits is what a change takes from buckets.
type changeLimits struct {
	acquire  acquisition
	inScript acquisition  // what the commit is to acquire: all of acquire, or on a Cluster its shares
	jobs     []jobReserve // for each job
	held     []held       // on a Cluster: what is taken already, for the jobs, too
}

// jobReserve is what a job reserves in the commit.
type jobReserve struct {
	acquisition
	reserved string // "1": it has, also if nothing is left for the commit to reserve
}

// limitsOf prepares what a change takes. On a Cluster it takes what is not in the slot of the record, all in one
// pipeline; it returns *store.Exceeded, and has taken nothing, if that has no room.
func (s *records) limitsOf(ctx context.Context, key store.Key, c store.Change) (l changeLimits, err error) {
	n := numberOf(key.ID, s.shards)
	if c.Acquire != nil {
		if l.acquire, err = s.acquisition(*c.Acquire, n); err != nil {
			return l, err
		}
	}
	l.inScript = l.acquire
	for _, job := range c.Enqueue {
		r := jobReserve{reserved: "0"}
		if len(job.Reserve) > 0 {
			of := store.Acquisition{Taker: job.ID, Buckets: job.Reserve}
			if r.acquisition, err = s.acquisition(of, n); err != nil {
				return l, err
			}
			r.reserved = "1"
		}
		l.jobs = append(l.jobs, r)
	}
	if s.shards > 1 {
		err = s.takeApart(ctx, &l)
	}
	return l, err
}

// takeApart takes what is not in the slot of the record, and leaves the rest to the commit.
func (s *records) takeApart(ctx context.Context, l *changeLimits) error {
	apart := l.acquire
	apart.counted, l.inScript.counted = nil, nil
	for _, b := range l.acquire.counted {
		if b.inShard {
			l.inScript.counted = append(l.inScript.counted, b)
		} else {
			apart.counted = append(apart.counted, b)
		}
	}
	all := []acquisition{apart}
	for _, r := range l.jobs {
		all = append(all, r.acquisition)
	}
	took, waits, err := s.take(ctx, all)
	if err != nil {
		return err
	}
	if waits[0] != nil {
		s.undo(ctx, took)
		var counted []time.Duration
		for _, b := range l.acquire.counted {
			wait := time.Duration(0)
			if !b.inShard {
				wait, waits[0] = waits[0][0], waits[0][1:]
			}
			counted = append(counted, wait)
		}
		return &store.Exceeded{Waits: l.acquire.waits(counted)}
	}
	var refused []held
	for i := range l.jobs {
		r := &l.jobs[i]
		if waits[i+1] != nil {
			r.reserved = "0"
			took = slices.DeleteFunc(took, func(h held) bool {
				if h.mark != r.mark || !slices.ContainsFunc(r.counted, func(b bucket) bool { return b.key == h.key }) {
					return false
				}
				refused = append(refused, h)
				return true
			})
		}
		r.counted = nil
	}
	s.undo(ctx, refused)
	l.held = took
	return nil
}

// exceeded returns the error of a commit that found no room.
func (l changeLimits) exceeded(inScript []time.Duration) error {
	counted := make([]time.Duration, 0, len(l.acquire.counted))
	shares := len(l.inScript.counted) < len(l.acquire.counted)
	for _, b := range l.acquire.counted {
		wait := time.Duration(0)
		if !shares || b.inShard {
			wait, inScript = inScript[0], inScript[1:]
		}
		counted = append(counted, wait)
	}
	return &store.Exceeded{Waits: l.acquire.waits(counted)}
}

// listed is a record's position in an index, and the record.
type listed struct {
	on    shard
	entry string // Created and ID, packed
	value string
}

// byNewest orders as packed sets do, backwards.
func byNewest(a, b listed) int { return cmp.Compare(b.entry, a.entry) }

// List merges the indexes of all states and shards. One script of a shard returns the records as well.
func (s *records) List(ctx context.Context, q store.Query) (store.Page, error) {
	q, err := q.WithDefaults()
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	var last listed // of the page
	var cursor string
	if q.Before.ID != "" || !q.Before.Created.IsZero() {
		id, ok := packID(q.Before.ID)
		if !ok {
			id = string(make([]byte, idSize))
		}
		cursor = string(appendMoment(nil, q.Before.Created)) + id
	}
	// One more than asked for shows whether there is anything older.
	for more := true; more && len(page.Records) <= q.Limit; {
		var found []listed
		if found, more, err = s.listAfter(ctx, q, cursor, q.Limit+1-len(page.Records)); err != nil {
			return store.Page{}, err
		}
		for _, l := range found {
			got, err := unpack(store.Key{Site: q.Site, ID: unpackID(l.entry[6:])}, l.value, s.now())
			if err != nil {
				return store.Page{}, err
			}
			cursor = l.entry
			if !got.record.Exists() {
				continue // it has expired
			}
			if page.Records = append(page.Records, got.record); len(page.Records) == q.Limit {
				last = l
			}
		}
	}
	if len(page.Records) > q.Limit {
		page.Records = page.Records[:q.Limit]
		page.Next = store.Cursor{Created: moment(last.entry), ID: unpackID(last.entry[6:])}
	}
	return page, nil
}

// listAfter returns up to n records after a position, newest first, and whether there may be more.
func (s *records) listAfter(ctx context.Context, q store.Query, cursor string, n int) ([]listed, bool, error) {
	for {
		states, whole := []string{q.State}, "0"
		if q.State == "" {
			states, whole = s.states.of(q.Site), "1"
		}
		var others []string
		found, more, err := merge(ctx, s.connection, n, func(on shard) command {
			c := command{script: listScript, keys: []string{on.states(q.Site), on.records()}}
			for _, state := range states {
				c.keys = append(c.keys, on.index(q.Site, state))
			}
			c.args = []any{s.share(n), cursor, q.Site, whole}
			for _, state := range states {
				c.args = append(c.args, state)
			}
			return c
		}, func(on shard, value any) (p page[listed]) {
			list := flat(value)
			if len(list) > 0 && list[0] == "states" {
				for _, state := range list[1:] {
					others = append(others, text(state))
				}
				return p
			}
			return readListed(on, list)
		}, byNewest)
		if err != nil || len(others) == 0 {
			return found, more, err
		}
		s.states.add(q.Site, others)
	}
}

func readListed(on shard, list []any) (p page[listed]) {
	if len(list) == 0 {
		return p
	}
	p.more = text(list[0]) == "1"
	for rest := list[1:]; len(rest) >= 2; rest = rest[2:] {
		if entry := text(rest[0]); len(entry) == entrySize {
			p.items = append(p.items, listed{on, entry, text(rest[1])})
		}
	}
	return p
}

// knownStates are the states that this process has seen at sites: a listing of all states names the index of each, and
// the server objects if there are others.
type knownStates struct {
	mu  sync.Mutex
	all map[string][]string
}

func (k *knownStates) of(site string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[site]
}

func (k *knownStates) add(site string, states []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = make(map[string][]string)
	}
	all := slices.Concat(k.all[site], states)
	slices.Sort(all)
	k.all[site] = slices.Compact(all)
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
		}, args: []any{f, state}})
	}
	if len(commands) == 0 {
		return false
	}
	replies, _ := s.do(ctx, 1, commands...)
	removed := slices.ContainsFunc(replies, func(r reply) bool { return r.err == nil })
	return removed && len(expired) >= 2*maxBatch
}
