package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

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
	cmd := command{script: script, keys: make([]string, 0, 24), args: make([]string, 0, 48)}
	cmd.keys = append(cmd.keys, on.records(), on.timers(), on.pushed(), on.sites(), on.jobs(), on.due())
	cmd.keys = append(cmd.keys, on.tombstone(f), on.states(key.Site), from, to)
	cmd.args = append(cmd.args, was.version, version, tail, f, s.markedBy())
	cmd.addBuckets(l.inScript.mark, cmp.Or(l.inScript.named, "0"), l.inScript.counted)
	if c.DropJobs {
		cmd.addDrops(on, drops)
	} else {
		cmd.addEnd(on, c.End)
	}
	cmd.args = append(cmd.args, decimal(len(c.Enqueue)))
	for i, job := range c.Enqueue {
		cmd.keys = append(cmd.keys, on.queue(job.Queue))
		cmd.args = append(cmd.args, job.ID, string(job.Queue), milliOrNow(job.Due), packJob(key, job.Body),
			l.jobs[i].reserved)
		cmd.addBuckets(l.jobs[i].mark, "", l.jobs[i].counted)
	}
	if len(c.Count) > 0 {
		cmd.keys = on.countKeys(cmd.keys, key.Site, c.Count[0].At)
		cmd.args = append(append(cmd.args, packCounts(c.Count)), countsKept...)
	} else {
		cmd.args = append(cmd.args, "")
	}
	return cmd
}

// dropped is a job that a change drops, and the queue in which it was found.
type dropped struct{ id, queue string }

// jobsOf looks through the jobs of a shard for those of a record that are not in the queue to keep. A job that is
// enqueued meanwhile comes with another version of the record, so the commit fails.
func (s *records) jobsOf(ctx context.Context, key store.Key, keep store.QueueName) (all []dropped, err error) {
	on, of := s.shardOf(key.ID), packJob(key, nil)
	for cursor := "0"; ; {
		value, err := s.doOne(ctx, command{script: jobsOfScript, keys: []string{on.jobs()}, args: []string{cursor, of}})
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
	c.args = append(c.args, "drop", decimal(len(drops)))
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
	c.args = append(c.args, decimal(len(buckets)))
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
