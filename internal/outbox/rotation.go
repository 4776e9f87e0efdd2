package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

const (
	// maxBackoff is the longest time for which a queue whose lease failed is left alone.
	maxBackoff = 30 * time.Second
	// maxBatch is the most jobs that one lease asks for.
	maxBatch = 16
	// soon is within what time a pool gets those jobs done that it leases beyond its idle workers.
	soon = time.Second
	// prepareWithin is within what time a pool begins those jobs that it prepares together.
	prepareWithin = 100 * time.Millisecond
)

// rotation decides which queue of a pool a worker serves next, and whether with a job that is leased already or by
// leasing more.
type rotation struct {
	workers  int           // of the pool
	perQueue int           // of them at one queue
	prepares bool          // the pool does
	ready    chan struct{} // one token: a worker that takes it, and leaves something over, puts it back

	mu     sync.Mutex
	queues []*queue
	busy   int   // workers that have a turn
	count  int64 // numbers the events that joined, served and signal refer to
	closed bool
}

// queue is one queue in the rotation. rotation.mu guards all of it but name, pool and prober.
type queue struct {
	name   store.QueueName
	pool   *pool
	prober *prober

	workers int           // that are leasing from it or running its jobs
	leasing bool          // a lease has no answer yet
	waiting bool          // a lease may find a job
	signal  int64         // when waiting was last asked for: an earlier lease's answer undoes no later signal
	held    []leasedJob   // that no worker has begun, oldest first
	took    time.Duration // how long a run takes, on average, the last ones counting most; 0: none has ended yet
	joined  int64         // when it began to wait for a turn
	served  int64         // when it had its last turn
	woken   bool
	errors  int       // leases in a row that failed
	backoff time.Time // until then it is not polled because of them; it may be woken
}

// leasedJob is a job and when its lease was asked for.
type leasedJob struct {
	store.Job
	since    time.Time
	prepared bool        // with another job that a worker has begun
	together []store.Job // itself and others, which are to be prepared before it runs
}

// turn is what a worker is to do at a queue.
type turn struct {
	q      *queue
	job    *leasedJob // to be run; nil: it is to lease
	n      int        // how many jobs
	signal int64      // the queue's signal that the lease answers
}

// newRotation makes a rotation in which no queue waits for a turn.
func newRotation(p *pool) *rotation {
	r := &rotation{workers: max(1, p.Workers), prepares: p.Prepare != nil, ready: make(chan struct{}, 1)}
	r.perQueue = r.workers
	if p.PerQueue > 0 {
		r.perQueue = min(p.PerQueue, r.workers)
	}
	now := time.Now()
	for _, name := range p.Queues {
		r.queues = append(r.queues, &queue{name: name, pool: p, prober: newProber(p.ProbeEvery, now)})
	}
	return r
}

// take returns the next turn; nil if no queue has a job that is held here or is worth a lease. A worker that is to
// lease must call leased or leaseFailed when it has an answer; each must then call leave.
func (r *rotation) take() *turn {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.next()
	if q == nil || r.closed {
		return nil
	}
	t := &turn{q: q, signal: q.signal}
	if len(q.held) > 0 {
		t.job = &q.held[0]
		q.held = q.held[1:]
		r.prepare(q, t.job)
	} else {
		t.n = r.batch(q)
		q.leasing = true
	}
	r.count++
	q.joined, q.served, q.woken = r.count, r.count, false
	q.workers++
	r.busy++
	r.notify()
	return t
}

// next returns the queue that has waited longest, or a woken one that has had no turn since that one joined.
func (r *rotation) next() *queue {
	var longest, woken *queue
	for _, q := range r.queues {
		if r.free(q) && (longest == nil || q.joined < longest.joined) {
			longest = q
		}
	}
	for _, q := range r.queues {
		if q.woken && r.free(q) && q.served < longest.joined && (woken == nil || q.joined < woken.joined) {
			woken = q
		}
	}
	if woken != nil {
		return woken
	}
	return longest
}

// free reports whether one more worker may serve a queue. One at a time leases from it.
func (r *rotation) free(q *queue) bool {
	return q.workers < r.perQueue && (len(q.held) > 0 || q.waiting && !q.leasing)
}

// batch returns how many jobs to lease from a queue: one for each idle worker that may serve it, and beyond that as
// many as the pool gets done soon, beside those that it holds.
func (r *rotation) batch(q *queue) int {
	idle := min(r.workers-r.busy, r.perQueue-q.workers)
	if q.took == 0 {
		return min(idle, maxBatch)
	}
	left := time.Duration(r.workers) * soon
	for _, other := range r.queues {
		left -= time.Duration(len(other.held)) * other.took
	}
	left = min(left, time.Duration(r.perQueue)*soon)
	return min(max(idle, int(left/q.took)), maxBatch)
}

// notify wakes one idle worker if a queue has a turn.
func (r *rotation) notify() {
	if r.next() == nil {
		return
	}
	select {
	case r.ready <- struct{}{}:
	default: // a worker is about to come
	}
}

// wait returns when there may be a turn to take, or ctx ends.
func (r *rotation) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-r.ready:
	}
}

// leased records the jobs that a lease found. It returns the one that the worker is to run, nil if there is none, while
// the others are held until workers take them; and those to give back, because the rotation is closed.
func (r *rotation) leased(t *turn, jobs []store.Job, since time.Time) (first *leasedJob, back []store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := t.q
	q.leasing = false
	q.errors, q.backoff = 0, time.Time{}
	if r.closed {
		return nil, jobs
	}
	q.waiting = q.signal != t.signal
	if len(jobs) == t.n { // fewer would be all there are
		r.signal(q)
	}
	for i, job := range jobs {
		if i == 0 {
			first = &leasedJob{Job: job, since: since}
			continue
		}
		q.held = append(q.held, leasedJob{Job: job, since: since})
	}
	if first != nil {
		r.prepare(q, first)
	}
	r.notify()
	return first, nil
}

// prepare chooses what is prepared together with a job that a worker begins, if that was not prepared: jobs that the
// pool holds and begins next, as many as it begins soon.
func (r *rotation) prepare(q *queue, begun *leasedJob) {
	if !r.prepares || begun.prepared {
		return
	}
	most := r.workers
	if q.took > 0 {
		most = int(time.Duration(r.workers) * prepareWithin / q.took)
	}
	jobs := append(make([]store.Job, 0, maxBatch), begun.Job)
	for at, more := 0, true; more; at++ { // each queue has one turn after the other
		more = false
		for _, other := range r.queues {
			if at >= len(other.held) || len(jobs) >= min(most, maxBatch) {
				continue
			}
			more = true
			if job := &other.held[at]; !job.prepared {
				job.prepared = true
				jobs = append(jobs, job.Job)
			}
		}
	}
	if len(jobs) > 1 {
		begun.together = jobs
	}
}

// leaseFailed records that a lease returned an error, after which the queue is left alone for a while. It returns how
// many failed in a row.
func (r *rotation) leaseFailed(t *turn, poll time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := t.q
	q.leasing = false
	q.waiting = q.signal != t.signal
	q.errors++
	q.backoff = time.Now().Add(min(poll<<min(q.errors, 5), maxBackoff))
	r.notify()
	return q.errors
}

// leave ends a worker's turn at a queue. took is how long it ran a job; 0: it ran none.
func (r *rotation) leave(q *queue, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.workers--
	r.busy--
	switch {
	case took > 0 && q.took > 0:
		q.took = max(1, q.took+(took-q.took)/4)
	case took > 0:
		q.took = took
	}
}

// signal says that a lease from a queue may find a job.
func (r *rotation) signal(q *queue) {
	r.count++
	q.signal = r.count
	if !q.waiting && len(q.held) == 0 {
		q.joined = r.count
	}
	q.waiting = true
	r.notify()
}

// wake signals a queue and puts it first, if it may go first.
func (r *rotation) wake(q *queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.woken = true
	r.signal(q)
}

// polled signals a queue, unless its lease has just failed. It reports whether that is new.
func (r *rotation) polled(q *queue, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	isNew := !q.waiting && !now.Before(q.backoff)
	if !now.Before(q.backoff) {
		r.signal(q)
	}
	return isNew
}

// release returns the jobs that were leased before a time and that no worker has begun. They are not held any more, and
// the queue counts as one whose jobs take long.
func (r *rotation) release(before, now time.Time) (jobs []store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.queues {
		for len(q.held) > 0 && q.held[0].since.Before(before) {
			jobs = append(jobs, q.held[0].Job)
			q.took = max(q.took, now.Sub(q.held[0].since))
			q.held = q.held[1:]
		}
	}
	return jobs
}

// close ends all turns, and returns the jobs that no worker has begun.
func (r *rotation) close() (jobs []store.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, q := range r.queues {
		for _, job := range q.held {
			jobs = append(jobs, job.Job)
		}
		q.held = nil
	}
	return jobs
}
