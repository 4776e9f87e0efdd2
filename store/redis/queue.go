package redis

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/optin/optin/store"
)

// queue is the port store.Queue.
type queue struct {
	*connection
	next *atomic.Uint32 // the shard at which the next Lease of a Cluster begins
}

// packJob returns what the store's process writes of a job: its record and its body (lua/lib_queue.lua).
func packJob(k store.Key, body []byte) string {
	b := make([]byte, 0, 2+len(k.Site)+len(k.ID)+len(body))
	b = append(b, byte(len(k.Site)))
	b = append(b, k.Site...)
	b = append(b, byte(len(k.ID)))
	b = append(b, k.ID...)
	return string(append(b, body...))
}

// readJob reads a job from id, time, and what lua/lib_queue.lua says.
func readJob(queue store.QueueName, id, at, packed any) (job store.Job, ok bool) {
	job = store.Job{ID: text(id), Queue: queue, Due: fromMilli(number(at))}
	b := text(packed)
	if len(b) < 7 {
		return job, false
	}
	job.Attempts = int(binary.BigEndian.Uint32([]byte(b[1:5])))
	job.Reserved = b[5] == '1'
	_, rest, ok1 := cutSized(b[6:]) // the queue
	site, rest, ok2 := cutSized(rest)
	of, body, ok3 := cutSized(rest)
	job.Key = store.Key{Site: site, ID: of}
	if body != "" {
		job.Body = []byte(body)
	}
	return job, ok1 && ok2 && ok3
}

// cutSized cuts off a text behind its length.
func cutSized(b string) (first, rest string, ok bool) {
	if b == "" || len(b) <= int(b[0]) {
		return "", "", false
	}
	return b[1 : 1+int(b[0])], b[1+int(b[0]):], true
}

// Due asks each shard for the queues that have work; on one server that is one script. Records that have expired are
// removed as they are met: a little later than their time, if a process asks.
func (s queue) Due(ctx context.Context) ([]store.QueueName, error) {
	var all []store.QueueName
	for again := true; again; {
		all, again = nil, false
		replies, err := s.eachShard(ctx, func(on shard) command {
			return command{script: dueScript, keys: on.timerKeys()}
		})
		if err != nil {
			return nil, err
		}
		for i, r := range replies {
			if r.err != nil {
				return nil, r.err
			}
			queues, expired := pair(r.value)
			for _, name := range queues {
				all = append(all, store.QueueName(text(name)))
			}
			// There may be timers behind many expired records.
			again = s.purge(ctx, shardNumber(i), expired) || again
		}
		if ctx.Err() != nil {
			return nil, unavailable(ctx, nil)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// pair reads a list of two lists.
func pair(value any) (a, b []any) {
	if both := flat(value); len(both) == 2 {
		return flat(both[0]), flat(both[1])
	}
	return nil, nil
}

// maxLease is how many jobs one script leases.
const maxLease = 1000

// Lease takes up to n jobs that are due, at most 1000 of a shard. On one server that is one script, and the oldest come
// first. A Cluster is asked for a part of n in each shard, as many shards as it takes; so there the oldest of all come
// only about first. It returns an error only if it could lease nothing; on a Cluster that has lost a master it goes
// on with the others.
func (s queue) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	if err := store.CheckLease(n, d); err != nil {
		return nil, err
	}
	var leased []store.Job
	var err error
	began := time.Now()
	first := int(s.next.Add(1)) // spread over the shards
	left := make([]int, s.shards)
	for i := range left {
		left[i] = (first + i) % s.shards
	}
	for len(left) > 0 && len(leased) < n {
		asked := left[:min(len(left), n-len(leased))]
		share := min((n-len(leased))/len(asked), maxLease)
		got, more, failed := s.leaseFrom(ctx, queue, asked, share, d)
		leased = append(leased, got...)
		left = append(left[len(asked):], more...)
		if failed == nil {
			continue
		}
		if err = failed; time.Since(began) > s.budget/3 || ctx.Err() != nil { // no time for another one that hangs
			break
		}
	}
	if len(leased) > 0 {
		err = nil
	}
	sort.SliceStable(leased, func(i, j int) bool { return leased[i].Due.Before(leased[j].Due) })
	return leased, err
}

// leaseFrom leases up to so many jobs in each of some shards, and returns which of them may have more. It sends its
// commands once only: jobs whose lease was granted in a reply that was lost stay hidden until it is over, and a second
// attempt would hide as many again.
func (s queue) leaseFrom(
	ctx context.Context, queue store.QueueName, from []int, share int, d time.Duration,
) (leased []store.Job, more []int, err error) {
	commands := make([]command, len(from))
	most, long := decimal(share), decimal(d.Milliseconds())
	for i, n := range from {
		on := shardNumber(n)
		if queue == store.TimerQueue {
			commands[i] = command{script: leaseTimersScript, keys: on.timerKeys(), args: []string{most, long}}
			continue
		}
		commands[i] = command{
			script: leaseScript, keys: []string{on.jobs(), on.due(), on.queue(queue), on.failed(queue)},
			args: []string{most, long, string(queue)},
		}
	}
	replies, err := s.do(ctx, 1, commands...)
	for i, r := range replies {
		if r.err != nil {
			err = r.err
			continue
		}
		var got []store.Job
		full := false
		if queue == store.TimerQueue {
			timers, expired := pair(r.value)
			got = readTimers(timers)
			full = s.purge(ctx, shardNumber(from[i]), expired) // timers may be behind them
		} else {
			for rest := flat(r.value); len(rest) >= 3; rest = rest[3:] {
				if job, ok := readJob(queue, rest[0], rest[1], rest[2]); ok {
					got = append(got, job)
				}
			}
		}
		if leased = append(leased, got...); full || len(got) == share && share < maxLease {
			more = append(more, from[i])
		}
	}
	return leased, more, err
}

// readTimers reads pairs of a record's field and when its timer was due.
func readTimers(list []any) (jobs []store.Job) {
	for ; len(list) >= 2; list = list[2:] {
		if k, ok := readField(text(list[0])); ok {
			jobs = append(jobs, store.Job{
				ID: k.ID, Queue: store.TimerQueue, Key: k, Due: fromMilli(number(list[1])), Attempts: 1,
			})
		}
	}
	return jobs
}

// RenewLease makes a lease last for d from now on.
func (s queue) RenewLease(ctx context.Context, job store.Job, d time.Duration) error {
	on := s.shardOf(job.Key.ID)
	if job.Queue == store.TimerQueue {
		return s.endTimer(ctx, job, "renew", decimal(d.Milliseconds()))
	}
	value, err := s.doOne(ctx, command{
		script: renewLeaseScript,
		keys:   []string{on.jobs(), on.due(), on.queue(job.Queue)},
		args:   []string{job.ID, decimal(job.Attempts), string(job.Queue), decimal(d.Milliseconds())},
	})
	if err == nil && number(value) != 1 {
		return store.ErrLeaseLost
	}
	return err
}

// End ends a lease. A job is known by its ID, whatever queue it moves to, until it is complete: enqueuing that ID
// again, in its first queue or in any other, adds nothing.
func (s queue) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	end := store.JobEnd{Job: job, Outcome: outcome}
	if err := end.Check(); err != nil {
		return err
	}
	if job.Queue == store.TimerQueue {
		switch outcome.End {
		case store.EndRetry:
			return s.endTimer(ctx, job, "at", milliOrNow(outcome.At))
		case store.EndFail:
			return s.endTimer(ctx, job, "fail", "")
		}
		return nil
	}
	value, err := s.doOne(ctx, endCommand(s.shardOf(job.Key.ID), end))
	if err == nil && number(value) != 1 {
		return store.ErrLeaseLost
	}
	return err
}

// endTimer ends or renews the lease of a timer, as lua/end_timer.lua says.
func (s queue) endTimer(ctx context.Context, job store.Job, what, at string) error {
	f, ok := field(job.Key)
	if !ok {
		return nil
	}
	keys := s.shardOf(job.Key.ID).timerKeys()
	_, err := s.doOne(ctx, command{script: endTimerScript, keys: keys, args: []string{f, what, at}})
	return err
}

func endCommand(on shard, e store.JobEnd) command {
	c := command{script: endScript, keys: []string{on.jobs(), on.due()}}
	c.addEnd(on, &e)
	return c
}

// addEnd adds keys and arguments for the end of a job, or for none, as lua/lib_queue.lua reads them. A change ends a
// timer by what it puts.
func (c *command) addEnd(on shard, e *store.JobEnd) {
	if e == nil || e.Job.Queue == store.TimerQueue {
		c.args = append(c.args, "")
		return
	}
	job, word := e.Job, outcomeWord(*e)
	c.keys = append(c.keys, on.queue(job.Queue), on.failed(job.Queue))
	if word == "move" {
		c.keys = append(c.keys, on.queue(e.Outcome.Queue))
	}
	c.args = append(c.args, word, job.ID, decimal(job.Attempts), string(job.Queue), milliOrNow(e.Outcome.At),
		string(e.Outcome.Queue))
}

// outcomeWord returns a script's word for an outcome that was checked before.
func outcomeWord(e store.JobEnd) string {
	switch o := e.Outcome; {
	case o.End == store.EndComplete:
		return "complete"
	case o.End == store.EndFail:
		return "fail"
	case o.End == store.EndMove && o.Queue != e.Job.Queue:
		return "move"
	}
	return "retry"
}

// failedJob is a failed job and its position in its shard.
type failedJob struct {
	id    string
	score string // when it failed, as the server writes it
	job   store.Job
}

// byFailure orders as sorted sets do.
func byFailure(a, b *failedJob) int {
	x, _ := strconv.ParseFloat(a.score, 64)
	y, _ := strconv.ParseFloat(b.score, 64)
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.id, b.id))
}

// Failed lists failed jobs of all shards in the order in which they failed, by the clocks of all masters. On a Cluster
// a page that continues after an ID first asks all shards when that failed.
func (s queue) Failed(ctx context.Context, queue store.QueueName, after string, n int) ([]store.Job, error) {
	if err := store.CheckFailed(n); err != nil {
		return nil, err
	}
	last := &failedJob{id: after}
	if after != "" && s.shards > 1 {
		var err error
		if last, err = s.findFailed(ctx, queue, after); err != nil {
			return nil, err
		}
	}
	var jobs []store.Job
	for more := true; more && len(jobs) < n; {
		var found []*failedJob
		var err error
		if found, more, err = s.failedAfter(ctx, queue, last, n-len(jobs)); err != nil {
			return nil, err
		}
		for _, f := range found {
			jobs, last = append(jobs, f.job), f
		}
	}
	return jobs, nil
}

// findFailed looks in all shards for the failed job with an ID, which does not tell its shard.
func (s queue) findFailed(ctx context.Context, queue store.QueueName, id string) (*failedJob, error) {
	replies, err := s.eachShard(ctx, func(on shard) command {
		return command{plain: []any{"zscore", on.failed(queue), id}}
	})
	if err != nil {
		return nil, err
	}
	for _, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		switch score := r.value.(type) {
		case string:
			return &failedJob{id: id, score: score}, nil
		case float64:
			return &failedJob{id: id, score: strconv.FormatFloat(score, 'f', 3, 64)}, nil
		}
	}
	return &failedJob{}, nil
}

// failedAfter returns up to n failed jobs after one, and whether there may be more.
func (s queue) failedAfter(
	ctx context.Context, queue store.QueueName, last *failedJob, n int,
) ([]*failedJob, bool, error) {
	share := s.share(n)
	return merge(ctx, s.connection, n, func(on shard) command {
		return command{
			script: failedScript, keys: []string{on.failed(queue), on.jobs()},
			args: []string{decimal(share), last.id, last.score},
		}
	}, func(_ shard, value any) (p page[failedJob]) {
		for rest := flat(value); len(rest) >= 3; rest = rest[3:] {
			job, _ := readJob(queue, rest[0], rest[1], rest[2]) // a damaged one is listed too, by its ID
			p.items = append(p.items, &failedJob{text(rest[0]), text(rest[1]), job})
		}
		p.more = len(p.items) == share
		return p
	}, byFailure)
}

// Backlogs asks each shard once for all queues, and adds up what the shards say.
func (s queue) Backlogs(ctx context.Context, queues ...store.QueueName) ([]store.Backlog, error) {
	if err := store.CheckBacklogs(queues); err != nil {
		return nil, err
	}
	if len(queues) == 0 {
		return nil, nil
	}
	replies, err := s.eachShard(ctx, func(on shard) command {
		c := command{script: backlogsScript}
		for _, q := range queues {
			c.keys = append(c.keys, on.queue(q), on.failed(q))
		}
		return c
	})
	if err != nil {
		return nil, err
	}
	all := make([]store.Backlog, len(queues))
	for _, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		list := flat(r.value)
		for i := 0; i < len(all) && 3*i+2 < len(list); i++ {
			b := &all[i]
			b.Jobs = min(b.Jobs+int(number(list[3*i])), store.MaxCounted)
			b.Failed = min(b.Failed+int(number(list[3*i+1])), store.MaxCounted)
			b.Late = max(b.Late, time.Duration(number(list[3*i+2]))*time.Millisecond)
		}
	}
	return all, nil
}

// Requeue makes a failed job due now.
func (s queue) Requeue(ctx context.Context, queue store.QueueName, id string, key store.Key) error {
	on := s.shardOf(key.ID)
	value, err := s.doOne(ctx, command{
		script: requeueScript,
		keys:   []string{on.jobs(), on.due(), on.queue(queue), on.failed(queue)},
		args:   []string{id, string(queue), packJob(key, nil)},
	})
	if err == nil && number(value) != 1 {
		return store.ErrNotFound
	}
	return err
}

// MakeDue makes a job that waits due now.
func (s queue) MakeDue(ctx context.Context, queue store.QueueName, id string, key store.Key) error {
	on := s.shardOf(key.ID)
	value, err := s.doOne(ctx, command{
		script: makeDueScript,
		keys:   []string{on.jobs(), on.due(), on.queue(queue)},
		args:   []string{id, string(queue), packJob(key, nil)},
	})
	if err == nil && number(value) != 1 {
		return store.ErrNotFound
	}
	return err
}

// runNowBatch is how many jobs one script makes due. Shards are asked together, so one server may have to do this
// sixteen times before it serves others: some tens of milliseconds.
const runNowBatch = 100

// RunNow makes the n jobs of all shards due now that would be due first. It goes by rounds, so n may be as large as one
// likes. On one server a round is one script; on a Cluster it first looks at what waits in every shard, then makes the
// soonest of it due. Jobs that are put back while the rounds go on do not make them go on for ever: no more are made
// due than waited at first. Each job that it made due is counted once; those that it made due before an error are
// counted with the error. Timers are left alone.
func (s queue) RunNow(ctx context.Context, queue store.QueueName, n int) (int, error) {
	count, most := 0, n
	for first, more := true, queue != store.TimerQueue; more && count < most; first = false {
		share := map[shard]int{shardNumber(0): min(most-count, runNowBatch)}
		waiting := 0
		if s.shards > 1 {
			var fronts []*front
			var err error
			if fronts, waiting, more, err = s.waiting(ctx, queue, n-count); err != nil {
				return count, err
			}
			if first {
				most = min(n, waiting)
			}
			share = perShard(fronts[:min(len(fronts), most-count)])
		}
		did, before, err := s.runNowIn(ctx, queue, share)
		if s.shards == 1 {
			more = did == share[shardNumber(0)]
			if first {
				most = min(n, max(before, did))
			}
		}
		if count += did; err != nil {
			return count, err
		}
	}
	return count, nil
}

// front is a job at the front of what waits in its shard.
type front struct {
	on  shard
	due int64 // ms
}

func bySoonest(a, b *front) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.on, b.on)) }

// perShard counts jobs by their shards.
func perShard(fronts []*front) map[shard]int {
	n := make(map[shard]int)
	for _, f := range fronts {
		n[f.on]++
	}
	return n
}

// waiting returns up to n jobs that wait for a later time, soonest first, and whether there may be more; and how many
// jobs stand in the shards for later, leased ones included.
func (s queue) waiting(
	ctx context.Context, queue store.QueueName, n int,
) (fronts []*front, total int, more bool, err error) {
	share := min(s.share(n), runNowBatch)
	fronts, more, err = merge(ctx, s.connection, n, func(on shard) command {
		return command{
			script: waitingScript, keys: []string{on.queue(queue), on.jobs()}, args: []string{decimal(share)},
		}
	}, func(on shard, value any) (p page[front]) {
		list := flat(value)
		if len(list) == 0 {
			return p
		}
		total += int(number(list[0]))
		for _, due := range list[1:] {
			p.items = append(p.items, &front{on, number(due)})
		}
		p.more = len(p.items) == share
		return p
	}, bySoonest)
	return fronts, total, more, err
}

// runNowIn makes so many jobs due in each shard, and returns how many they were, and how many waited before, leased
// ones included. An attempt whose reply was lost is recognised by its mark.
func (s queue) runNowIn(
	ctx context.Context, queue store.QueueName, n map[shard]int,
) (count, before int, err error) {
	if len(n) == 0 {
		return 0, 0, nil
	}
	mark, err := s.mark()
	if err != nil {
		return 0, 0, err
	}
	var commands []command
	for on, n := range n {
		commands = append(commands, command{
			script: runNowScript, keys: []string{on.queue(queue), on.jobs(), on.due(), on.mark(mark)},
			args: []string{decimal(n), string(queue)},
		})
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	for _, r := range replies {
		if r.err != nil {
			err = r.err
			continue
		}
		if got := flat(r.value); len(got) == 2 {
			count, before = count+int(number(got[0])), before+int(number(got[1]))
		}
	}
	return count, before, err
}

// milliOrNow writes a time for a script; the zero time is the server's now.
func milliOrNow(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return decimal(t.UnixMilli())
}
