package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/optin/optin/store"
)

const (
	anyDue = "SELECT 1 FROM jobs WHERE queue = ? AND available <= ? LIMIT 1"

	oldestDue = `SELECT seq, id, site, record, body, due, attempts FROM jobs WHERE queue = ? AND available <= ?
		ORDER BY available, seq LIMIT ?`
	leaseJob = "UPDATE jobs SET available = ?, attempts = attempts + 1, leased = 1 WHERE seq = ?"

	// A lease is lost when the job has ended (leased is 0) or when somebody else has it (attempts has grown).
	renewLease  = "UPDATE jobs SET available = ?3 WHERE id = ?1 AND attempts = ?2 AND leased = 1"
	completeJob = "DELETE FROM jobs WHERE id = ? AND attempts = ? AND leased = 1"
	putBackJob  = `UPDATE jobs SET leased = 0, due = ?3, available = ?3, queue = coalesce(nullif(?4, ''), queue)
		WHERE id = ?1 AND attempts = ?2 AND leased = 1`
	// The order in which jobs failed is kept even if the clock steps back, or two fail in one microsecond.
	failJob = `UPDATE jobs SET leased = 0, available = NULL, failed = max(?3, 1 + coalesce(
			(SELECT max(f.failed) FROM jobs AS f WHERE f.queue = jobs.queue AND f.available IS NULL), 0))
		WHERE id = ?1 AND attempts = ?2 AND leased = 1`

	selectFailed = `SELECT id, site, record, body, failed, attempts FROM jobs
		WHERE queue = ? AND available IS NULL AND (failed, seq) > (?, ?) ORDER BY failed, seq LIMIT ?`
	findFailed = "SELECT failed, seq FROM jobs WHERE id = ? AND queue = ? AND available IS NULL"
	requeueJob = `UPDATE jobs SET due = ?5, available = ?5, attempts = 0, failed = 0
		WHERE id = ?1 AND queue = ?2 AND site = ?3 AND record = ?4 AND available IS NULL`

	// The last of the next few that wait, in the order in which they would be due. An index has them in that order;
	// what is leased lies among them and is passed over.
	lastOfNext = `SELECT available, seq FROM (SELECT available, seq FROM jobs WHERE queue = ? AND available IS NOT NULL
		AND (available, seq) > (?, ?) AND leased = 0 ORDER BY available, seq LIMIT ?)
		ORDER BY available DESC, seq DESC LIMIT 1`
	runUntil = `UPDATE jobs SET due = ?6, available = ?6 WHERE queue = ?1 AND available IS NOT NULL
		AND (available, seq) > (?2, ?3) AND (available, seq) <= (?4, ?5) AND leased = 0`
)

// Lease takes up to n jobs that are due, oldest first. If nothing is due it only reads, so workers may ask often.
func (s *Store) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	if err := store.CheckLease(n, d); err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx) // both steps together
	defer cancel()
	due, err := read(ctx, s, func(ctx context.Context) (bool, error) {
		var one int
		return found(s.reader.statements[anyDue].QueryRowContext(ctx, string(queue), millis(s.o.Now())).Scan(&one))
	})
	if err != nil || !due {
		return nil, err
	}
	return change(ctx, s, s.relaxed, func(tx transaction) ([]store.Job, error) {
		now := s.o.Now()
		jobs, seqs, err := tx.oldestDue(queue, n, now)
		if err != nil {
			return nil, err
		}
		for i := range jobs {
			jobs[i].Attempts++
			if _, err := tx.exec(leaseJob, millisUp(now.Add(d)), seqs[i]); err != nil {
				return nil, err
			}
		}
		return jobs, nil
	})
}

func (t transaction) oldestDue(
	queue store.QueueName, n int, now time.Time,
) (jobs []store.Job, seqs []int64, err error) {
	rows, err := t.statement(oldestDue).Query(string(queue), millis(now), n)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		job := store.Job{Queue: queue}
		var seq, due int64
		if err := rows.Scan(&seq, &job.ID, &job.Key.Site, &job.Key.ID, &job.Body, &due, &job.Attempts); err != nil {
			return nil, nil, err
		}
		job.Due = time.UnixMilli(due).UTC()
		jobs, seqs = append(jobs, job), append(seqs, seq)
	}
	return jobs, seqs, rows.Err()
}

// RenewLease makes a lease last for d from now on.
func (s *Store) RenewLease(ctx context.Context, job store.Job, d time.Duration) error {
	_, err := change(ctx, s, s.relaxed, func(tx transaction) (struct{}, error) {
		changed, err := tx.exec(renewLease, job.ID, job.Attempts, millisUp(s.o.Now().Add(d)))
		if err == nil && changed == 0 {
			err = store.ErrLeaseLost
		}
		return struct{}{}, err
	})
	return err
}

// End ends a lease.
func (s *Store) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	if err := outcome.Check(); err != nil {
		return err
	}
	_, err := change(ctx, s, s.durable, func(tx transaction) (struct{}, error) {
		return struct{}{}, tx.end(job, outcome, s.o.Now())
	})
	return err
}

// end carries out an outcome that was checked, if the lease still holds.
func (t transaction) end(job store.Job, outcome store.Outcome, now time.Time) error {
	at := outcome.At
	if at.IsZero() {
		at = now
	}
	var changed int64
	var err error
	switch outcome.End {
	case store.EndComplete:
		changed, err = t.exec(completeJob, job.ID, job.Attempts)
	case store.EndRetry, store.EndMove:
		changed, err = t.exec(putBackJob, job.ID, job.Attempts, millis(at), string(outcome.Queue))
	case store.EndFail:
		changed, err = t.exec(failJob, job.ID, job.Attempts, now.UnixMicro())
	default:
		return fmt.Errorf("%w outcome: there is no end %d", store.ErrInvalid, outcome.End)
	}
	if err == nil && changed == 0 {
		return store.ErrLeaseLost
	}
	return err
}

// Failed lists failed jobs of a queue in the order in which their failures were committed, even if the clock steps
// back.
func (s *Store) Failed(ctx context.Context, queue store.QueueName, after string, n int) ([]store.Job, error) {
	if err := store.CheckFailed(n); err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]store.Job, error) {
		failed, seq := int64(-1), int64(0) // before all
		if after != "" {
			row := s.reader.statements[findFailed].QueryRowContext(ctx, after, string(queue))
			if _, err := found(row.Scan(&failed, &seq)); err != nil {
				return nil, err
			}
		}
		rows, err := s.reader.statements[selectFailed].QueryContext(ctx, string(queue), failed, seq, n)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var jobs []store.Job
		for rows.Next() {
			job := store.Job{Queue: queue}
			if err := rows.Scan(&job.ID, &job.Key.Site, &job.Key.ID, &job.Body, &failed, &job.Attempts); err != nil {
				return nil, err
			}
			job.Due = time.UnixMicro(failed).UTC()
			jobs = append(jobs, job)
		}
		return jobs, rows.Err()
	})
}

// Requeue makes a failed job due now.
func (s *Store) Requeue(ctx context.Context, queue store.QueueName, id string, key store.Key) error {
	_, err := change(ctx, s, s.durable, func(tx transaction) (struct{}, error) {
		changed, err := tx.exec(requeueJob, id, string(queue), key.Site, key.ID, millis(s.o.Now()))
		if err == nil && changed == 0 {
			err = store.ErrNotFound
		}
		return struct{}{}, err
	})
	return err
}

// runNowBatch is how many jobs RunNow makes due in one transaction: few enough that other writers hardly wait.
const runNowBatch = 500

// RunNow makes the n jobs due now that would be due first. It goes through them in small transactions. Options.Deadline
// is for each of these; the whole takes as long as it takes, or until ctx ends. It passes each position once, so a job
// that a worker puts back meanwhile is not made due again and again.
func (s *Store) RunNow(ctx context.Context, queue store.QueueName, n int) (count int, err error) {
	from := position{available: math.MinInt64}
	for count < n {
		batch := min(n-count, runNowBatch)
		step, err := change(ctx, s, s.durable, func(tx transaction) (runNowStep, error) {
			return tx.runNow(queue, batch, from, millis(s.o.Now()))
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
func (t transaction) runNow(queue store.QueueName, batch int, from position, now int64) (step runNowStep, err error) {
	if from.available <= now {
		from = position{now, math.MaxInt64} // what stands up to here is due already
	}
	some, err := found(
		t.row(lastOfNext, string(queue), from.available, from.seq, batch).Scan(&step.to.available, &step.to.seq),
	)
	if err != nil || !some {
		return step, err
	}
	count, err := t.exec(runUntil, string(queue), from.available, from.seq, step.to.available, step.to.seq, now)
	step.count = int(count)
	return step, err
}
