package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/optin/optin/store"
)

// queue is the port store.Queue.
type queue struct{ *connection }

// front is a job at the front of its shard's queue.
type front struct {
	on  shard
	due int64 // ms
}

func bySoonest(a, b front) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.on, b.on)) }

func frontShard(f front) shard { return f.on }

func readFronts(on shard, dues []any) []front {
	fronts := make([]front, len(dues))
	for i, due := range dues {
		fronts[i] = front{on, number(due)}
	}
	return fronts
}

// leaseShare is how many jobs Lease asks each shard for at least, so that one look is mostly enough.
const leaseShare = 16

// Lease takes up to n jobs that are due, oldest first: it looks at what is due in every shard, then leases the
// oldest. It returns an error only if it could lease nothing; on a Cluster that has lost a master it goes on with the
// others.
func (s queue) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	if err := store.CheckLease(n, d); err != nil {
		return nil, err
	}
	var leased []store.Job
	for round := 0; ; round++ {
		want := n - len(leased)
		share := max(share(want), min(want, leaseShare<<round)) // more each time: perhaps most are due in one shard
		fronts, more, err := merge(ctx, s.connection, want, share, func(on shard) command {
			return command{script: dueScript, keys: []string{on.queue(queue)}, args: []any{share}}
		}, readFronts, bySoonest)
		if len(fronts) > 0 {
			var got []store.Job
			got, err = s.leaseFrom(ctx, queue, perShard(fronts, frontShard), d)
			leased = append(leased, got...)
			more = more && len(got) > 0 // else others were quicker, and will see to it
		}
		if err != nil || !more || len(leased) == n {
			if len(leased) > 0 {
				err = nil
			}
			slices.SortStableFunc(leased, func(a, b store.Job) int { return a.Due.Compare(b.Due) })
			return leased, err
		}
	}
}

// leaseFrom leases so many jobs in each shard. It sends its commands once only: jobs whose lease was granted in a reply
// that was lost stay hidden until it is over, and a second attempt would hide as many again.
func (s queue) leaseFrom(
	ctx context.Context, queue store.QueueName, n map[shard]int, d time.Duration,
) ([]store.Job, error) {
	var commands []command
	for on, n := range n {
		commands = append(commands, command{
			script: leaseScript,
			keys:   []string{on.queue(queue), on.attempts(queue), on.bodies(queue)},
			args:   []any{n, d.Milliseconds()},
		})
	}
	replies, err := s.do(ctx, 1, commands...)
	var leased []store.Job
	for _, r := range replies {
		if r.err != nil {
			err = r.err
			continue
		}
		for rest := flat(r.value); len(rest) >= 4; rest = rest[4:] {
			leased = append(leased, readJob(queue, rest))
		}
	}
	return leased, err
}

// readJob reads a job from member, time, attempts, body.
func readJob(queue store.QueueName, flat []any) store.Job {
	job := store.Job{Queue: queue, Due: fromMilli(number(flat[1])), Attempts: int(number(flat[2]))}
	job.ID, job.Key = readMember(text(flat[0]))
	if body := text(flat[3]); body != "" {
		job.Body = []byte(body)
	}
	return job
}

// RenewLease makes a lease last for d from now on.
func (s queue) RenewLease(ctx context.Context, job store.Job, d time.Duration) error {
	on := shardOf(job.Key.ID)
	value, err := s.doOne(ctx, command{
		script: renewLeaseScript,
		keys:   []string{on.queue(job.Queue), on.attempts(job.Queue)},
		args:   []any{member(job.ID, job.Key), job.ID, job.Attempts, d.Milliseconds()},
	})
	if err == nil && number(value) != 1 {
		return store.ErrLeaseLost
	}
	return err
}

// End ends a lease. A job that moves to another queue is remembered as moved until it is complete: enqueuing its ID
// again, in its first queue or in any other, adds nothing. If jobs with that ID were enqueued in both queues before
// one moved, they are one from then on: the one in the queue to which the other moves stays as it is.
func (s queue) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	if err := outcome.Check(); err != nil {
		return err
	}
	value, err := s.doOne(ctx, endCommand(store.JobEnd{Job: job, Outcome: outcome}))
	if err == nil && number(value) != 1 {
		return store.ErrLeaseLost
	}
	return err
}

func endCommand(e store.JobEnd) command {
	on := shardOf(e.Job.Key.ID)
	c := command{script: endScript, keys: []string{on.moved()}}
	c.addEnd(on, &e)
	return c
}

// addEnd adds keys and arguments for the end of a job, or for none, as lua/lib_end.lua reads them.
func (c *command) addEnd(on shard, e *store.JobEnd) {
	if e == nil {
		c.args = append(c.args, "", "", "", "", "")
		return
	}
	job, word := e.Job, outcomeWord(*e)
	c.addQueue(on, job.Queue)
	if word == "move" {
		c.addQueue(on, e.Outcome.Queue)
	}
	c.args = append(c.args, word, member(job.ID, job.Key), job.ID, job.Attempts, milliOrNow(e.Outcome.At))
}

// addQueue adds all keys of a queue in a shard.
func (c *command) addQueue(on shard, q store.QueueName) {
	c.keys = append(c.keys, on.queue(q), on.attempts(q), on.bodies(q), on.failed(q))
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
	member string
	score  string // when it failed, as the server writes it
	job    store.Job
}

// byFailure orders as sorted sets do.
func byFailure(a, b failedJob) int {
	x, _ := strconv.ParseFloat(a.score, 64)
	y, _ := strconv.ParseFloat(b.score, 64)
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.member, b.member))
}

// Failed lists failed jobs of all shards in the order in which they failed, by the clocks of all masters.
func (s queue) Failed(ctx context.Context, queue store.QueueName, after string, n int) ([]store.Job, error) {
	if err := store.CheckFailed(n); err != nil {
		return nil, err
	}
	var last failedJob
	if after != "" {
		var err error
		if last, err = s.findFailed(ctx, queue, after); err != nil {
			return nil, err
		}
	}
	var jobs []store.Job
	for more := true; more && len(jobs) < n; {
		var found []failedJob
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
func (s queue) findFailed(ctx context.Context, queue store.QueueName, id string) (failedJob, error) {
	replies, err := s.eachShard(ctx, func(on shard) command {
		return command{script: findFailedScript, keys: []string{on.failed(queue)}, args: []any{id}}
	})
	if err != nil {
		return failedJob{}, err
	}
	for _, r := range replies {
		if r.err != nil {
			return failedJob{}, r.err
		}
		if found := flat(r.value); len(found) == 2 {
			return failedJob{member: text(found[0]), score: text(found[1])}, nil
		}
	}
	return failedJob{}, nil
}

// failedAfter returns up to n failed jobs after one, and whether there may be more.
func (s queue) failedAfter(
	ctx context.Context, queue store.QueueName, last failedJob, n int,
) ([]failedJob, bool, error) {
	share := share(n)
	return merge(ctx, s.connection, n, share, func(on shard) command {
		return command{
			script: failedScript,
			keys:   []string{on.failed(queue), on.attempts(queue), on.bodies(queue)},
			args:   []any{share, last.score, last.member},
		}
	}, func(_ shard, flat []any) (jobs []failedJob) {
		for ; len(flat) >= 4; flat = flat[4:] {
			jobs = append(jobs, failedJob{text(flat[0]), text(flat[1]), readJob(queue, flat)})
		}
		return jobs
	}, byFailure)
}

// Requeue makes a failed job due now.
func (s queue) Requeue(ctx context.Context, queue store.QueueName, id string, key store.Key) error {
	on := shardOf(key.ID)
	value, err := s.doOne(ctx, command{
		script: requeueScript,
		keys:   []string{on.queue(queue), on.attempts(queue), on.failed(queue)},
		args:   []any{member(id, key), id},
	})
	if err == nil && number(value) != 1 {
		return store.ErrNotFound
	}
	return err
}

// runNowBatch is how many jobs one script makes due. All shards are asked together, so one server may have to do
// sixteen times this before it serves others: some tens of milliseconds.
const runNowBatch = 100

// RunNow makes the n jobs of all shards due now that would be due first. It goes by rounds: it looks at what waits in
// every shard, then makes the soonest of it due. So n may be as large as one likes. Jobs that are put back while the
// rounds go on do not make them go on for ever: no more are made due than waited at first. Each job that it made due is
// counted once; those that it made due before an error are counted with the error.
func (s queue) RunNow(ctx context.Context, queue store.QueueName, n int) (int, error) {
	count, most := 0, n
	for first, more := true, true; more && count < most; first = false {
		var fronts []front
		var waiting int
		var err error
		if fronts, waiting, more, err = s.waiting(ctx, queue, n-count); err != nil {
			return count, err
		}
		if first {
			most = min(n, waiting)
		}
		fronts = fronts[:min(len(fronts), most-count)]
		did, err := s.runNowIn(ctx, queue, perShard(fronts, frontShard))
		if count += did; err != nil {
			return count, err
		}
	}
	return count, nil
}

// waiting returns up to n jobs that wait for a later time, soonest first, and whether there may be more; and how many
// jobs stand in the shards for later, leased ones included.
func (s queue) waiting(
	ctx context.Context, queue store.QueueName, n int,
) (fronts []front, total int, more bool, err error) {
	share := min(share(n), runNowBatch)
	fronts, more, err = merge(ctx, s.connection, n, share, func(on shard) command {
		return command{script: waitingScript, keys: []string{on.queue(queue), on.attempts(queue)}, args: []any{share}}
	}, func(on shard, flat []any) []front {
		if len(flat) == 0 {
			return nil
		}
		total += int(number(flat[0]))
		return readFronts(on, flat[1:])
	}, bySoonest)
	return fronts, total, more, err
}

// runNowIn makes so many jobs due in each shard. An attempt whose reply was lost is recognised by its mark.
func (s queue) runNowIn(ctx context.Context, queue store.QueueName, n map[shard]int) (count int, err error) {
	if len(n) == 0 {
		return 0, nil
	}
	mark, err := s.mark()
	if err != nil {
		return 0, err
	}
	var commands []command
	for on, n := range n {
		commands = append(commands, command{
			script: runNowScript, keys: []string{on.queue(queue), on.attempts(queue), on.runNow(mark)}, args: []any{n},
		})
	}
	replies, err := s.do(ctx, maxAttempts, commands...)
	for _, r := range replies {
		if r.err != nil {
			err = r.err
		}
		count += int(number(r.value))
	}
	return count, err
}

// milliOrNow writes a time for a script; the zero time is the server's now.
func milliOrNow(t time.Time) any {
	if t.IsZero() {
		return ""
	}
	return t.UnixMilli()
}
