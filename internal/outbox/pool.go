package outbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// Run does the work of one leased job. Its context ends after Pool.Timeout, and when the lease is lost.
type Run func(ctx context.Context, job store.Job) Result

// Prepare reads together what several leased jobs need that are about to run. See Pool.Prepare.
type Prepare func(ctx context.Context, jobs []store.Job)

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
	LeaseFor   time.Duration     // of a lease, instead of Options.LeaseFor, if not 0

	// Prepare is called with several leased jobs that Run will have within about a tenth of a second, one of them at
	// once. Others may run before it returns, any may run later or be given back, and a job that runs alone is not
	// prepared. So Run does without it where it must. It may be nil.
	Prepare Prepare
	// Paused returns how long the pool is to lease nothing, because no job could complete now; 0: go on. It may be nil.
	Paused func() time.Duration
}

// check reports what is missing or contradictory.
func (p Pool) check() error {
	if len(p.Queues) == 0 || p.Run == nil || p.Timeout <= 0 || len(p.Waits) == 0 {
		return errors.New("needs at least one queue, Run, Timeout and Waits")
	}
	if p.Workers < 0 || p.PerQueue < 0 || p.ProbeEvery < 0 || p.LeaseFor < 0 {
		return errors.New("has a negative Workers, PerQueue, ProbeEvery or LeaseFor")
	}
	if p.ProbeEvery > 0 && !p.RepeatLast {
		return errors.New("probes, so it must repeat its last wait: " +
			"probes count as attempts, and would soon fail the jobs")
	}
	if slices.Contains(p.Queues, "") {
		return errors.New("has a queue without a name")
	}
	if (slices.Contains(p.Queues, store.TimerQueue) || p.RetryQueue == store.TimerQueue) &&
		(p.RetryQueue != "" || p.ProbeEvery > 0 || !p.RepeatLast) {
		return errors.New("works the timers of records: they cannot move, must not run early, and never fail, " +
			"so it must not have a RetryQueue or ProbeEvery, and must repeat its last wait")
	}
	return nil
}

// pool is a Pool of an Outbox, at work.
type pool struct {
	Pool
	box      *Outbox
	rotation *rotation
}

// work is one worker: it runs jobs that are held, and leases more, while a queue has a turn, and then waits for one. It
// begins no job after ctx has ended, and ends the one that it runs then when jobs ends.
func (p *pool) work(ctx, jobs context.Context) {
	for ctx.Err() == nil {
		if p.rest(ctx) {
			continue
		}
		t := p.rotation.take()
		if t == nil {
			p.rotation.wait(ctx)
			continue
		}
		job := t.job
		if job == nil {
			job = p.lease(ctx, t)
		}
		var took time.Duration
		if job != nil {
			took = p.runJob(jobs, t.q, *job)
		}
		p.rotation.leave(t.q, took)
	}
}

// pausedFor returns how long the pool is to lease nothing, and whether it is paused at all.
func (p *pool) pausedFor() (pause time.Duration, paused bool) {
	if p.Paused == nil {
		return 0, false
	}
	pause = p.Paused()
	return pause, pause > 0
}

// rest waits while the pool is paused, for Poll at most, and reports whether it was.
func (p *pool) rest(ctx context.Context) bool {
	pause, paused := p.pausedFor()
	if paused {
		sleep(ctx, min(pause, p.box.Poll))
	}
	return paused
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

// lease leases jobs of a queue and returns the first, nil if there is none.
func (p *pool) lease(ctx context.Context, t *turn) *leasedJob {
	p.makeDue(ctx, t.q)
	// A stop does not cancel this: jobs whose lease was granted but never answered would come back only when it ends.
	since := time.Now()
	jobs, err := p.box.Store.Lease(context.WithoutCancel(ctx), t.q.name, t.n, p.LeaseFor)
	if err != nil {
		if p.rotation.leaseFailed(t, p.box.Poll) == 1 && ctx.Err() == nil {
			p.box.Log.Error("outbox: cannot lease", "queue", t.q.name, "error", err)
		}
		return nil
	}
	first, back := p.rotation.leased(t, jobs, since)
	if first != nil && ctx.Err() != nil {
		first, back = nil, append(back, first.Job)
	}
	p.box.giveBack(ctx, back)
	return first
}
