package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/optin/optin/store"
)

// Run does the work of one leased job. Its context ends after Pool.Timeout, and when the lease is lost.
type Run func(ctx context.Context, job store.Job) Result

// Pool is a set of queues and how their jobs are run.
type Pool struct {
	Queues     []store.QueueName // at least one; the workers rotate among them
	Run        Run               // required
	Workers    int               // 1 if zero
	PerQueue   int               // how many workers may be at one queue at a time; 0: all
	Timeout    time.Duration     // how long one run may take. Required
	Waits      []time.Duration   // before the second attempt, the third, …. Required
	RepeatLast bool              // repeats the last of Waits for ever: for work that knows when it is no longer due
	RetryQueue store.QueueName   // where a job waits for its next attempt; empty: in its own queue
	ProbeEvery time.Duration     // how often a failing queue is probed, with RepeatLast; 0: never

	// Paused returns how long the pool is to lease nothing, because no job could complete now; 0: go on. It may be nil.
	Paused func() time.Duration
}

// check reports what is missing or contradictory.
func (p Pool) check() error {
	if len(p.Queues) == 0 || p.Run == nil || p.Timeout <= 0 || len(p.Waits) == 0 {
		return errors.New("needs at least one queue, Run, Timeout and Waits")
	}
	if p.Workers < 0 || p.PerQueue < 0 || p.ProbeEvery < 0 {
		return errors.New("has a negative Workers, PerQueue or ProbeEvery")
	}
	if p.ProbeEvery > 0 && !p.RepeatLast {
		return errors.New("probes, so it must repeat its last wait: " +
			"probes count as attempts, and would soon fail the jobs")
	}
	for _, q := range p.Queues {
		if q == "" {
			return errors.New("has a queue without a name")
		}
	}
	return nil
}

// pool is a Pool of an Outbox, at work.
type pool struct {
	Pool
	box      *Outbox
	rotation *rotation
}

// work is one worker: it leases and runs jobs while there is a queue worth a lease, and then waits for one.
func (p *pool) work(ctx context.Context) {
	for ctx.Err() == nil {
		if pause := p.pausedFor(); pause > 0 {
			sleep(ctx, min(pause, p.box.Poll))
			continue
		}
		q, signals := p.rotation.take()
		if q == nil {
			p.rotation.wait(ctx)
			continue
		}
		p.leaseAndRun(ctx, q, signals)
		p.rotation.leave(q)
	}
}

func (p *pool) pausedFor() time.Duration {
	if p.Paused == nil {
		return 0
	}
	return p.Paused()
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// leaseAndRun leases a job of a queue and runs it, if there is one.
func (p *pool) leaseAndRun(ctx context.Context, q *queue, signals int) {
	p.makeDue(ctx, q)
	// A stop does not cancel this: jobs whose lease was granted but never answered would come back only when it ends.
	jobs, err := p.box.Store.Lease(context.WithoutCancel(ctx), q.name, 1, p.box.LeaseFor)
	switch {
	case ctx.Err() != nil:
		p.rotation.leased(q, signals, len(jobs) > 0)
		p.box.giveBack(ctx, jobs)
	case err != nil:
		if p.rotation.leaseFailed(q, signals, p.box.Poll) == 1 {
			p.box.Log.Error("outbox: cannot lease", "queue", q.name, "error", err)
		}
	default:
		p.rotation.leased(q, signals, len(jobs) > 0)
		for _, job := range jobs {
			p.runJob(ctx, q, job)
		}
	}
}
