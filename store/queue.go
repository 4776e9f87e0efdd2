package store

import (
	"context"
	"fmt"
	"time"
)

// MaxBody is the size limit of Job.Body and of a cell's value, in bytes.
const MaxBody = 32 << 10

// Queue hands out jobs. A job is enqueued by the Change that makes it necessary. It then is due at some time, is leased
// by a worker, and ends: it is complete and gone, waits to be retried in its own queue or another one, or has failed
// and is kept until it is requeued.
//
// TimerQueue is special: its jobs are the timers of records. A record has at most one, due at Record.Timer; what Put
// says last holds, and ends a lease of the timer as well. The ID of its job is that of the record, its Body is
// empty, and Attempts is 1. A timer whose lease is over without a Put is due again. End with Retry makes it due at that
// time, while Record.Timer stays as Put said; End with Fail removes it; End with Complete and RenewLease leave it
// leased; none of them returns ErrLeaseLost. It never fails and cannot be requeued, made due, moved or enqueued: End
// with Move returns ErrInvalid. RunNow leaves timers alone and returns 0.
type Queue interface {
	// Due returns the queues that have a job due now, in any order: one call, however many queues there are. What is
	// enqueued or becomes due at this moment may be missing. ErrUnavailable.
	Due(ctx context.Context) ([]QueueName, error)

	// Lease takes up to n jobs of a queue that are due, about oldest first, and hides them from every other Lease until
	// they end or d is over. It returns no jobs and no error if nothing is due; ErrInvalid if n is less than 1 or d
	// less than a millisecond; ErrUnavailable.
	Lease(ctx context.Context, queue QueueName, n int, d time.Duration) ([]Job, error)

	// RenewLease makes the lease of a job last for d from now on. So long work keeps its job, while short leases soon
	// bring back what a dead process had. It returns ErrLeaseLost, and changes nothing, as End does; ErrUnavailable.
	RenewLease(ctx context.Context, job Job, d time.Duration) error

	// End ends the lease of a job. It returns ErrLeaseLost, and changes nothing, if the job has ended already or has
	// been leased again since; ErrInvalid for an outcome that cannot be; ErrUnavailable. A lease that is over may
	// still be ended while nobody has leased the job again. A job that moves to another queue keeps its ID, Body and
	// Attempts.
	End(ctx context.Context, job Job, outcome Outcome) error

	// Failed lists failed jobs of a queue in the order in which they failed: at most n, after the job with the ID after
	// (empty: from the first). Due is when the job failed, Attempts how often it was leased. If the job with that ID is
	// not failed any more, the listing starts from the beginning. Failed returns ErrInvalid if n is less than 1;
	// ErrUnavailable.
	Failed(ctx context.Context, queue QueueName, after string, n int) ([]Job, error)

	// Requeue makes a failed job due now, as if it had never been tried. It returns ErrNotFound if there is no failed
	// job with that ID, queue and key; a job that has not failed is none. ErrUnavailable.
	Requeue(ctx context.Context, queue QueueName, id string, key Key) error

	// MakeDue makes a job that waits for a later time due now; one that is due already stays as it is. It returns
	// ErrNotFound if no job with that ID, queue and key waits: one that is leased or has failed does not.
	// ErrUnavailable.
	MakeDue(ctx context.Context, queue QueueName, id string, key Key) error

	// RunNow makes the n jobs of a queue that wait for a later time and would be due first, due now. Jobs that are
	// leased, failed or due already are left alone. It returns how many jobs it made due, also together with an error;
	// ErrUnavailable.
	RunNow(ctx context.Context, queue QueueName, n int) (int, error)

	// Backlogs returns what stands in each of some queues, in their order: one call, however many there are. It costs
	// little however much stands there, because nothing is counted beyond MaxCounted. It returns ErrInvalid for a queue
	// that cannot be, and for TimerQueue; ErrUnavailable.
	Backlogs(ctx context.Context, queues ...QueueName) ([]Backlog, error)
}

// Backlog is what stands in one queue.
type Backlog struct {
	Jobs   int           // that are due, wait for a later time or are leased; MaxCounted means that many or more
	Failed int           // likewise
	Late   time.Duration // how long the job that was due first has been due, and is not leased; 0: none is
}

// MaxCounted is how far an implementation counts what it has to look at one by one.
const MaxCounted = 100_000

// QueueName names a queue. Queues do not delay each other.
type QueueName string

// TimerQueue has the timers of records: see Queue.
const TimerQueue QueueName = "timer"

func (q QueueName) valid() bool { return q != "" && consistsOf(string(q), 96, "/-") }

// Job is one piece of work that a committed change made necessary: an email, a webhook call, a timer.
type Job struct {
	ID       string    // never used for another job: [A-Za-z0-9_-], at most 64. Enqueued twice, it is one job
	Queue    QueueName // lower-case letters, digits, '/', '-'; at most 96
	Key      Key       // the record whose change enqueued the job; set by Update
	Body     []byte    // opaque, sealed if personal; at most MaxBody
	Due      time.Time // not before; the zero time means now. Kept to the millisecond
	Attempts int       // how often it was leased, this time included; set by Lease. A lease is lost once this has grown

	// Reserve is what the job takes as it is enqueued: one from every bucket, or from none, by its ID as the taker. A
	// job that finds no room is enqueued all the same. Lease says in Reserved whether it took: false if Reserve was
	// empty, true if no bucket in it had limits.
	Reserve  []Bucket
	Reserved bool
}

func (j Job) check() error {
	switch {
	case j.ID == "" || !consistsOf(j.ID, 64, "_-"):
		return fmt.Errorf("%w job: its ID is %q", ErrInvalid, j.ID)
	case !j.Queue.valid() || j.Queue == TimerQueue:
		return fmt.Errorf("%w job: its queue is %q", ErrInvalid, j.Queue)
	case len(j.Body) > MaxBody:
		return fmt.Errorf("%w job: a body of %d bytes, at most %d", ErrInvalid, len(j.Body), MaxBody)
	}
	return CheckAcquire(j.ID, j.Reserve)
}

// Outcome says what becomes of a leased job. Complete, Retry, Move and Fail make one.
type Outcome struct {
	End   End
	At    time.Time // of EndRetry and EndMove: when the job is due; the zero time means now
	Queue QueueName // of EndMove: where the job waits from then on
}

// End is the kind of an Outcome.
type End int

// The ends.
const (
	EndComplete End = iota
	EndRetry
	EndMove
	EndFail
)

// Complete removes the job.
func Complete() Outcome { return Outcome{End: EndComplete} }

// Retry makes the job due at the given time, for anybody to lease.
func Retry(at time.Time) Outcome { return Outcome{End: EndRetry, At: at} }

// Move makes the job due at the given time in another queue: where a job waits says, durably, what is known of it. To
// move a job to its own queue is to retry it.
func Move(queue QueueName, at time.Time) Outcome { return Outcome{End: EndMove, Queue: queue, At: at} }

// Fail keeps the job with its body, and never leases it again unless it is requeued.
func Fail() Outcome { return Outcome{End: EndFail} }

// JobEnd ends a leased job.
type JobEnd struct {
	Job     Job // as Lease returned it
	Outcome Outcome
}

// Check returns ErrInvalid, wrapped, for an end that cannot be. Change.Check calls it; implementations of End call it
// before they end a job.
func (e JobEnd) Check() error {
	o := e.Outcome
	switch {
	case o.End < EndComplete || o.End > EndFail:
		return fmt.Errorf("%w outcome: there is no end %d", ErrInvalid, o.End)
	case o.End == EndMove && (!o.Queue.valid() || o.Queue == TimerQueue):
		return fmt.Errorf("%w outcome: a move to the queue %q", ErrInvalid, o.Queue)
	case o.End == EndMove && e.Job.Queue == TimerQueue:
		return fmt.Errorf("%w outcome: a timer cannot be moved", ErrInvalid)
	case o.End != EndMove && o.Queue != "":
		return fmt.Errorf("%w outcome: a queue, but no move", ErrInvalid)
	}
	return nil
}

// CheckLease returns ErrInvalid, wrapped, for what Lease cannot do. Implementations of Lease call it.
func CheckLease(n int, d time.Duration) error {
	if n < 1 || d < time.Millisecond {
		return fmt.Errorf("%w lease: %d jobs for %v", ErrInvalid, n, d)
	}
	return nil
}

// CheckBacklogs returns ErrInvalid, wrapped, for what Backlogs cannot do. Implementations of Backlogs call it.
func CheckBacklogs(queues []QueueName) error {
	for _, q := range queues {
		if !q.valid() || q == TimerQueue {
			return fmt.Errorf("%w query: the backlog of the queue %q", ErrInvalid, q)
		}
	}
	return nil
}

// CheckFailed returns ErrInvalid, wrapped, for what Failed cannot do. Implementations of Failed call it.
func CheckFailed(n int) error {
	if n < 1 {
		return fmt.Errorf("%w query: a list of %d jobs", ErrInvalid, n)
	}
	return nil
}
