package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"time"

	"github.com/optin/optin/store"
)

// queue is the port store.Queue.
type queue struct{ *database }

const (
	enqueueJob = `INSERT INTO jobs (id, queue, site, record, body, due, available, reserved)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

	// No index leads to the jobs of a record: that would cost each signup more than looking through the jobs costs the
	// erasure of a person, which is rare.
	dropJobs = "DELETE FROM jobs WHERE site = ? AND record = ? AND queue <> ?"

	countJobs = `SELECT count(*) FROM
		(SELECT 1 FROM jobs WHERE queue = ? AND available IS NOT NULL LIMIT ?)`
	countFailed = "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE queue = ? AND available IS NULL LIMIT ?)"
	firstDue    = "SELECT min(available) FROM jobs WHERE queue = ? AND available IS NOT NULL"

	anyDue = "SELECT 1 FROM jobs WHERE queue = ? AND available <= ? LIMIT 1"

	// From queue to queue, and for each of them the job that is due first.
	dueQueues = `WITH RECURSIVE queues (n) AS (
			SELECT min(queue) FROM jobs WHERE available IS NOT NULL
			UNION ALL
			SELECT (SELECT min(queue) FROM jobs WHERE available IS NOT NULL AND queue > n)
			FROM queues WHERE n IS NOT NULL
		)
		SELECT n FROM queues WHERE EXISTS (SELECT 1 FROM jobs WHERE queue = n AND available <= ?)`

	oldestDue = `SELECT seq, id, site, record, body, due, attempts, reserved FROM jobs
		WHERE queue = ? AND available <= ? ORDER BY available, seq`
	leaseJob = "UPDATE jobs SET available = ?, attempts = attempts + 1, leased = 1 WHERE seq = ?"

	// A lease is lost when the job has ended (leased is 0) or when somebody else has it (attempts has grown).
	renewLease  = "UPDATE jobs SET available = ? WHERE id = ? AND attempts = ? AND leased = 1"
	completeJob = "DELETE FROM jobs WHERE id = ? AND attempts = ? AND leased = 1"
	putBackJob  = "UPDATE jobs SET leased = 0, due = ?, available = ? WHERE id = ? AND attempts = ? AND leased = 1"
	moveJob     = `UPDATE jobs SET leased = 0, due = ?, available = ?, queue = ?
		WHERE id = ? AND attempts = ? AND leased = 1`
	// The order in which jobs failed is kept even if the clock steps back, or two fail in one microsecond.
	failJob = `UPDATE jobs SET leased = 0, available = NULL, failed = max(?, 1 + coalesce(
			(SELECT max(f.failed) FROM jobs AS f WHERE f.queue = jobs.queue AND f.available IS NULL), 0))
		WHERE id = ? AND attempts = ? AND leased = 1`

	selectFailed = `SELECT id, site, record, body, failed, attempts, reserved FROM jobs
		WHERE queue = ? AND available IS NULL AND (failed, seq) > (?, ?) ORDER BY failed, seq`
	findFailed = "SELECT failed, seq FROM jobs WHERE id = ? AND queue = ? AND available IS NULL"
	requeueJob = `UPDATE jobs SET due = ?, available = ?, attempts = 0, failed = 0
		WHERE id = ? AND queue = ? AND site = ? AND record = ? AND available IS NULL`
	makeDueJob = `UPDATE jobs SET due = min(due, ?), available = min(available, ?)
		WHERE id = ? AND queue = ? AND site = ? AND record = ? AND available IS NOT NULL AND leased = 0`

	// Those that wait, in the order in which they would be due. An index has them in that order; what is leased lies
	// among them and is passed over.
	selectWaiting = `SELECT available, seq FROM jobs WHERE queue = ? AND available IS NOT NULL
		AND (available, seq) > (?, ?) AND leased = 0 ORDER BY available, seq`
	runUntil = `UPDATE jobs SET due = ?, available = ? WHERE queue = ? AND available IS NOT NULL
		AND (available, seq) > (?, ?) AND (available, seq) <= (?, ?) AND leased = 0`
)

// enqueue enqueues a job of a record, unless there is one with its ID, and takes what it reserves.
func (t *transaction) enqueue(key store.Key, job store.Job, reserve acquisition) error {
	site, err := t.number(key.Site)
	if err != nil {
		return err
	}
	queue, err := t.number(string(job.Queue))
	if err != nil {
		return err
	}
	before := len(t.buckets.took)
	waits, err := t.buckets.acquire(reserve, t.now)
	if err != nil {
		return err
	}
	reserved := int64(0)
	if waits == nil && len(job.Reserve) > 0 {
		reserved = 1
	}
	due := millis(job.Due)
	if job.Due.IsZero() {
		due = millis(t.now)
	}
	added, err := t.exec(enqueueJob, job.ID, queue, site, packedID(key.ID), job.Body, due, due, reserved)
	if added == 0 {
		t.buckets.untake(before)
	}
	return err
}

// Due returns the queues that have a job due.
func (s queue) Due(ctx context.Context) ([]store.QueueName, error) {
	return read(ctx, s.deadline(), s.database, func(c *conn) (queues []store.QueueName, err error) {
		now := millis(s.o.Now())
		var numbers []int64
		err = c.each(func(row []driver.Value) bool {
			numbers = append(numbers, integer(row[0]))
			return true
		}, dueQueues, now)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			name, err := s.names.name(c, n)
			if err != nil {
				return nil, err
			}
			queues = append(queues, store.QueueName(name))
		}
		timer, err := c.value(anyTimer, now, now, now)
		if timer != nil {
			queues = append(queues, store.TimerQueue)
		}
		return queues, err
	})
}

// Lease takes up to n jobs that are due, oldest first. If nothing is due it only reads, so workers may ask often.
func (s queue) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	if err := store.CheckLease(n, d); err != nil {
		return nil, err
	}
	until := s.deadline() // of both steps together
	due, err := read(ctx, until, s.database, func(c *conn) (bool, error) {
		now := millis(s.o.Now())
		if queue == store.TimerQueue {
			one, err := c.value(anyTimer, now, now, now)
			return one != nil, err
		}
		number, err := s.names.number(c, string(queue))
		if err != nil || number == 0 {
			return false, err
		}
		one, err := c.value(anyDue, number, now)
		return one != nil, err
	})
	if err != nil || !due {
		return nil, err
	}
	jobs := new([]store.Job)
	err = s.write(ctx, until, func(t *transaction) (err error) {
		if queue == store.TimerQueue {
			*jobs, err = t.leaseTimers(n, d)
		} else {
			*jobs, err = t.lease(queue, n, d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return *jobs, nil
}

func (t *transaction) lease(queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	number, err := t.names.number(string(queue))
	if err != nil {
		return nil, err
	}
	var jobs []store.Job
	var seqs, sites []int64
	err = t.each(func(row []driver.Value) bool {
		seqs, sites = append(seqs, integer(row[0])), append(sites, integer(row[2]))
		jobs = append(jobs, store.Job{
			ID: text(row[1]), Queue: queue, Key: store.Key{ID: unpackedID(row[3])}, Body: blob(row[4]),
			Due: moment(row[5]), Attempts: int(integer(row[6])) + 1, Reserved: integer(row[7]) != 0,
		})
		return len(jobs) < n
	}, oldestDue, number, millis(t.now))
	if err != nil {
		return nil, err
	}
	return jobs, t.leaseRows(leaseJob, jobs, sites, seqs, d)
}

// leaseRows leases the rows that jobs were read from for d, and names the site of each.
func (t *transaction) leaseRows(lease string, jobs []store.Job, sites, rows []int64, d time.Duration) (err error) {
	until := millisUp(t.now.Add(d))
	for i := range jobs {
		if jobs[i].Key.Site, err = t.names.name(sites[i]); err != nil {
			return err
		}
		if _, err := t.exec(lease, until, rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// RenewLease makes a lease last for d from now on.
func (s queue) RenewLease(ctx context.Context, job store.Job, d time.Duration) error {
	return s.write(ctx, s.deadline(), func(t *transaction) error {
		until := millisUp(t.now.Add(d))
		if job.Queue == store.TimerQueue {
			return t.wakeTimer(job.Key, until)
		}
		changed, err := t.exec(renewLease, until, job.ID, int64(job.Attempts))
		return leaseOf(changed, err)
	})
}

// leaseOf returns store.ErrLeaseLost if no job was changed.
func leaseOf(changed int64, err error) error {
	if err == nil && changed == 0 {
		return store.ErrLeaseLost
	}
	return err
}

// End ends a lease.
func (s queue) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	if err := (store.JobEnd{Job: job, Outcome: outcome}).Check(); err != nil {
		return err
	}
	return s.write(ctx, s.deadline(), func(t *transaction) error {
		if job.Queue == store.TimerQueue {
			return t.endTimer(job.Key, outcome)
		}
		return t.end(job, outcome)
	})
}

// end carries out an outcome that was checked, if the lease still holds.
func (t *transaction) end(job store.Job, outcome store.Outcome) error {
	at := millis(outcome.At)
	if outcome.At.IsZero() {
		at = millis(t.now)
	}
	attempts := int64(job.Attempts)
	switch outcome.End {
	case store.EndComplete:
		return leaseOf(t.exec(completeJob, job.ID, attempts))
	case store.EndRetry:
		return leaseOf(t.exec(putBackJob, at, at, job.ID, attempts))
	case store.EndMove:
		queue, err := t.number(string(outcome.Queue))
		if err != nil {
			return err
		}
		return leaseOf(t.exec(moveJob, at, at, queue, job.ID, attempts))
	case store.EndFail:
		return leaseOf(t.exec(failJob, t.now.UnixMicro(), job.ID, attempts))
	}
	return fmt.Errorf("%w outcome: there is no end %d", store.ErrInvalid, outcome.End)
}

// Failed lists failed jobs of a queue in the order in which their failures were committed, even if the clock steps
// back.
func (s queue) Failed(ctx context.Context, queue store.QueueName, after string, n int) ([]store.Job, error) {
	if err := store.CheckFailed(n); err != nil {
		return nil, err
	}
	return read(ctx, s.deadline(), s.database, func(c *conn) ([]store.Job, error) {
		return s.failed(c, queue, after, n)
	})
}

func (s queue) failed(c *conn, queue store.QueueName, after string, n int) (jobs []store.Job, err error) {
	number, err := s.names.number(c, string(queue))
	if err != nil || number == 0 {
		return nil, err
	}
	failed, seq := int64(-1), int64(0) // before all
	if after != "" {
		row, err := c.first(findFailed, after, number)
		if err != nil {
			return nil, err
		}
		if row != nil {
			failed, seq = integer(row[0]), integer(row[1])
		}
	}
	var sites []int64
	err = c.each(func(row []driver.Value) bool {
		sites = append(sites, integer(row[1]))
		jobs = append(jobs, store.Job{
			ID: text(row[0]), Queue: queue, Key: store.Key{ID: unpackedID(row[2])}, Body: blob(row[3]),
			Due: time.UnixMicro(integer(row[4])).UTC(), Attempts: int(integer(row[5])), Reserved: integer(row[6]) != 0,
		})
		return len(jobs) < n
	}, selectFailed, number, failed, seq)
	for i := range jobs {
		if err == nil {
			jobs[i].Key.Site, err = s.names.name(c, sites[i])
		}
	}
	return jobs, err
}

// Backlogs counts by the indexes alone, and reads no job.
func (s queue) Backlogs(ctx context.Context, queues ...store.QueueName) ([]store.Backlog, error) {
	if err := store.CheckBacklogs(queues); err != nil {
		return nil, err
	}
	return read(ctx, s.deadline(), s.database, func(c *conn) ([]store.Backlog, error) {
		all := make([]store.Backlog, len(queues))
		for i, queue := range queues {
			number, err := s.names.number(c, string(queue))
			if err == nil && number != 0 {
				all[i], err = c.backlog(number, millis(s.o.Now()))
			}
			if err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

func (c *conn) backlog(queue, now int64) (b store.Backlog, err error) {
	jobs, err := c.value(countJobs, queue, int64(store.MaxCounted))
	if err != nil {
		return b, err
	}
	failed, err := c.value(countFailed, queue, int64(store.MaxCounted))
	if err != nil {
		return b, err
	}
	b.Jobs, b.Failed = int(integer(jobs)), int(integer(failed))
	first, err := c.value(firstDue, queue)
	if err == nil && first != nil {
		b.Late = time.Duration(max(0, now-integer(first))) * time.Millisecond
	}
	return b, err
}

// Requeue makes a failed job due now.
func (s queue) Requeue(ctx context.Context, queue store.QueueName, id string, key store.Key) error {
	return s.changeJob(ctx, requeueJob, queue, id, key)
}

// MakeDue makes a job that waits due now.
func (s queue) MakeDue(ctx context.Context, queue store.QueueName, id string, key store.Key) error {
	return s.changeJob(ctx, makeDueJob, queue, id, key)
}

// changeJob makes one job due by a statement, or returns store.ErrNotFound.
func (s queue) changeJob(
	ctx context.Context, statement string, queue store.QueueName, id string, key store.Key,
) error {
	return s.write(ctx, s.deadline(), func(t *transaction) error {
		number, err := t.names.number(string(queue))
		if err != nil {
			return err
		}
		site, err := t.names.number(key.Site)
		if err != nil {
			return err
		}
		now := millis(t.now)
		changed, err := t.exec(statement, now, now, id, number, site, packedID(key.ID))
		if err == nil && changed == 0 {
			err = store.ErrNotFound
		}
		return err
	})
}

// runNowBatch is how many jobs RunNow makes due in one transaction: few enough that other writers hardly wait.
const runNowBatch = 500

// RunNow makes the n jobs due now that would be due first. It goes through them in small transactions. Options.Deadline
// is for each of these; the whole takes as long as it takes, or until ctx ends. It passes each position once, so a job
// that a worker puts back meanwhile is not made due again and again.
func (s queue) RunNow(ctx context.Context, queue store.QueueName, n int) (count int, err error) {
	from := position{available: math.MinInt64}
	for count < n {
		batch := min(n-count, runNowBatch)
		step := new(runNowStep)
		err := s.write(ctx, s.deadline(), func(t *transaction) (err error) {
			*step, err = t.runNow(queue, batch, from)
			return err
		})
		if err != nil {
			return count, err
		}
		count += step.count
		if step.count < batch {
			break
		}
		from = step.to
	}
	return count, nil
}

// position is where a job stands among those that wait: by when it is due, then by the order of arrival.
type position struct{ available, seq int64 }

// runNowStep is the result of one transaction of RunNow.
type runNowStep struct {
	to    position // of the last job that it looked at
	count int
}

// runNow makes the next few jobs due that wait behind a position.
func (t *transaction) runNow(queue store.QueueName, batch int, from position) (step runNowStep, err error) {
	now := millis(t.now)
	if from.available <= now {
		from = position{now, math.MaxInt64} // what stands up to here is due already
	}
	number, err := t.names.number(string(queue))
	if err != nil || number == 0 {
		return step, err
	}
	seen := 0
	err = t.each(func(row []driver.Value) bool {
		step.to = position{integer(row[0]), integer(row[1])}
		seen++
		return seen < batch
	}, selectWaiting, number, from.available, from.seq)
	if err != nil || seen == 0 {
		return step, err
	}
	count, err := t.exec(runUntil, now, now, number, from.available, from.seq, step.to.available, step.to.seq)
	step.count = int(count)
	return step, err
}
