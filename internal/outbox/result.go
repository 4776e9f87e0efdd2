package outbox

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/optin/optin/store"
)

// Result says how a job ends after Run. Make one with Complete, Ended, Retry, Move or Fail; the package comment says
// what each does.
type Result struct {
	Err       error           // why the job is not complete; nil if it is
	Failed    bool            // with Err: no further attempt
	Ended     bool            // without Err: the worker has ended the job itself
	Wait      time.Duration   // until the next attempt, instead of by Pool.Waits; 0: by Pool.Waits
	NotBefore time.Duration   // the least time until the next attempt, and until the queue is probed
	OfJob     bool            // with Err: it says nothing of the queue, which is not probed because of it
	Queue     store.QueueName // where the job waits, instead of Pool.RetryQueue; empty: there
}

// errNoReason stands in for the nil that Retry and Fail do not take.
var errNoReason = errors.New("outbox: the worker gave no reason")

// Complete says that the job is done.
func Complete() Result { return Result{} }

// Ended says that the worker has ended the job itself, together with a change of its record.
func Ended() Result { return Result{Ended: true} }

// Retry says that the job needs another attempt, and why.
func Retry(err error) Result {
	if err == nil {
		err = errNoReason
	}
	return Result{Err: err}
}

// Move says that the job needs another attempt, why, and that it waits for it in the given queue.
func Move(queue store.QueueName, err error) Result {
	r := Retry(err)
	r.Queue = queue
	return r
}

// Fail says that another attempt is pointless, and why.
func Fail(err error) Result {
	r := Retry(err)
	r.Failed = true
	return r
}

// AsOfJob returns r as that of this one job, which says nothing of the others in its queue.
func (r Result) AsOfJob() Result { r.OfJob = true; return r }

// WithWait returns r with a wait until the next attempt that takes the place of Pool.Waits. Zero or less: by
// Pool.Waits.
func (r Result) WithWait(d time.Duration) Result { r.Wait = max(0, d); return r }

// WithNotBefore returns r with the least time until the next attempt. Zero or less: no such time.
func (r Result) WithNotBefore(d time.Duration) Result { r.NotBefore = max(0, d); return r }

// Outcome is what became of a job, as the log and metrics name it.
type Outcome string

// The outcomes.
const (
	Completed Outcome = "completed"
	Retried   Outcome = "retried" // it waits for another attempt in its own queue
	Moved     Outcome = "moved"   // it waits for another attempt in another queue
	Failed    Outcome = "failed"  // it is kept, and not run again by itself
	Lost      Outcome = "lost"    // its lease was lost, or the store did not end it: it comes back by itself
)

// decide turns the result of a run, by the rules of the pool, into what the store is to do with the job. job.Attempts
// chooses the wait.
func (p Pool) decide(job store.Job, r Result, now time.Time) (Outcome, store.Outcome) {
	if r.Err == nil {
		return Completed, store.Complete()
	}
	wait, n := max(0, r.Wait), max(0, job.Attempts-1)
	switch {
	case r.Failed, wait == 0 && n >= len(p.Waits) && !p.RepeatLast:
		return Failed, store.Fail()
	case wait == 0:
		wait = p.Waits[min(n, len(p.Waits)-1)]
	}
	at := now.Add(max(jitter(wait), r.NotBefore))
	to := p.RetryQueue
	if r.Queue != "" {
		to = r.Queue
	}
	if to == "" || to == job.Queue {
		return Retried, store.Retry(at)
	}
	return Moved, store.Move(to, at)
}

// jitter changes a wait by up to a fifth either way, so that jobs that failed together do not come back together.
func jitter(d time.Duration) time.Duration {
	d = max(0, d)
	return d - d/5 + rand.N(2*d/5+1)
}
