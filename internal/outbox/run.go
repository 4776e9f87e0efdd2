package outbox

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/optin/optin/store"
)

// runJob runs a leased job, ends it, and returns how long that took. What cancels the job, its timeout or the end of
// ctx, does not cancel ending it: a job that hangs would otherwise come back when its lease ends, whatever Pool.Waits
// says.
func (p *pool) runJob(ctx context.Context, q *queue, job leasedJob) time.Duration {
	begun := time.Now()
	if begun.Sub(job.since) > p.LeaseFor/2 {
		return 0 // too late to keep its lease: it comes back when that ends
	}
	if _, running := p.box.running.LoadOrStore(job.ID, true); running {
		p.postpone(context.WithoutCancel(ctx), job.Job)
		return 0
	}
	defer p.box.running.Delete(job.ID)
	limited, cancel := context.WithTimeout(ctx, p.Timeout)
	held, release := p.keepLease(limited, job)
	result := p.recovering(held, job)
	release()
	cancel()
	outcome := p.end(context.WithoutCancel(ctx), job.Job, result)
	took := max(1, time.Since(begun))
	p.box.Observe(job.Job, outcome, took)
	if q.prober.observe(result, time.Now()) {
		p.rotation.wake(q)
	}
	return took
}

// recovering calls Run, after Prepare if the job is the first of several, and turns a panic into Retry, so that one bad
// job does not stop the others.
func (p *pool) recovering(ctx context.Context, job leasedJob) (result Result) {
	defer func() {
		if r := recover(); r != nil {
			p.box.Log.Error("outbox: a job panicked", "queue", job.Queue, "job", job.ID, "stack", string(debug.Stack()))
			result = Retry(errors.New("outbox: the job panicked"))
		}
	}()
	if job.together != nil {
		p.Prepare(ctx, job.together)
	}
	return p.Run(ctx, job.Job)
}

// end ends a job as its result says, unless the worker has done so itself, and returns what became of it.
func (p *pool) end(ctx context.Context, job store.Job, r Result) Outcome {
	outcome, how := p.decide(p.countFailure(job, r), r, p.box.Now())
	if to := p.box.byQueue[how.Queue]; outcome == Moved && (to == nil || job.Queue == store.TimerQueue) {
		p.box.Log.Error("outbox: a job cannot move to a queue that no pool works, nor a timer; it stays in its own",
			"queue", job.Queue, "job", job.ID, "to", how.Queue)
		outcome, how = Retried, store.Retry(how.At)
	} else if outcome == Moved {
		defer func() { to.prober.expect(time.Now()) }()
	}
	if errors.Is(r.Err, store.ErrLeaseLost) {
		outcome = Lost
	} else if !r.Ended {
		if err := p.box.Store.End(ctx, job, how); err != nil {
			outcome = Lost
			p.box.Log.Warn("outbox: a job could not be ended; it comes back",
				"queue", job.Queue, "job", job.ID, "error", err)
		}
	}
	again := outcome == Retried || outcome == Moved
	if !again {
		p.box.failures.forget(job)
	}
	if outcome != Completed {
		log := p.box.Log.With("queue", job.Queue, "job", job.ID, "subscription", job.Key.ID,
			"attempts", job.Attempts, "outcome", outcome)
		if again {
			log = log.With("next", how.At, "waits_in", cmp.Or(how.Queue, job.Queue))
		}
		log.Warn("outbox: a job did not complete", "error", r.Err)
	}
	return outcome
}

// countFailure returns the job with the count by which Pool.Waits goes. In a pool that repeats, that is the count of
// failures seen here: an attempt that named its own wait was none, so it does not make later waits longer. In a pool
// whose Waits end, it is the count of attempts, which outlives the process.
func (p *pool) countFailure(job store.Job, r Result) store.Job {
	if r.Err != nil && p.RepeatLast && r.Wait <= 0 {
		job.Attempts = p.box.failures.add(job, time.Now())
	}
	return job
}
