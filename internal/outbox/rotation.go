package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// maxBackoff is the longest time for which a queue whose lease failed is left alone.
const maxBackoff = 30 * time.Second

// rotation decides from which queue of a pool a worker leases next.
type rotation struct {
	perQueue int           // workers at one queue; 0: no limit
	ready    chan struct{} // one token: a worker that takes it, and leaves something over, puts it back

	mu     sync.Mutex
	queues []*queue
	count  int64 // numbers the events that joined and served refer to
}

// queue is one queue in the rotation. rotation.mu guards all of it but name and prober.
type queue struct {
	name   store.QueueName
	prober *prober

	workers int   // that are leasing from it or running its jobs
	leasing int   // that have no answer to their lease yet
	waiting bool  // a lease may find a job
	signals int   // how often waiting was asked for: the answer to an earlier lease does not undo a later signal
	streak  int   // leases in a row that found a job
	joined  int64 // when it began to wait for a turn
	served  int64 // when it had its last turn
	woken   bool
	errors  int       // leases in a row that failed
	backoff time.Time // until then it is not polled because of them; it may be woken
}

// newRotation makes a rotation in which every queue waits for a turn.
func newRotation(names []store.QueueName, perQueue int, probeEvery time.Duration) *rotation {
	r := &rotation{perQueue: perQueue, ready: make(chan struct{}, 1)}
	now := time.Now()
	for _, name := range names {
		r.queues = append(r.queues, &queue{name: name, prober: newProber(probeEvery, now)})
	}
	r.signalAll(now)
	return r
}

// take returns the queue whose turn it is, and the count of signals that a lease from it answers; nil if no queue is
// worth a lease. The worker must call leased or leaseFailed when it has an answer, and then leave.
func (r *rotation) take() (q *queue, signals int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q = r.next()
	if q == nil {
		return nil, 0
	}
	r.count++
	q.joined, q.served, q.woken = r.count, r.count, false
	q.workers++
	q.leasing++
	r.notify()
	return q, q.signals
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

// free reports whether one more worker may lease from a queue: one at first, and one more for each lease in a row that
// found a job, so that an idle store gets one call and a full one is worked by all.
func (r *rotation) free(q *queue) bool {
	return q.waiting && (r.perQueue == 0 || q.workers < r.perQueue) && q.leasing < max(1, q.streak)
}

// notify wakes one idle worker if a queue is worth a lease.
func (r *rotation) notify() {
	if r.next() == nil {
		return
	}
	select {
	case r.ready <- struct{}{}:
	default: // a worker is about to come
	}
}

// wait returns when there may be a queue to take, or ctx ends.
func (r *rotation) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-r.ready:
	}
}

// leased records the answer to a lease: whether it found a job.
func (r *rotation) leased(q *queue, signals int, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.leasing--
	q.errors, q.backoff = 0, time.Time{}
	if found {
		q.streak++
		r.signal(q)
	} else {
		q.streak = 0
		q.waiting = q.signals != signals
	}
	r.notify()
}

// leaseFailed records that a lease returned an error, after which the queue is left alone for a while. It returns how
// many failed in a row.
func (r *rotation) leaseFailed(q *queue, signals int, poll time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.leasing--
	q.streak = 0
	q.waiting = q.signals != signals
	q.errors++
	q.backoff = time.Now().Add(min(poll<<min(q.errors, 5), maxBackoff))
	r.notify()
	return q.errors
}

// leave ends a worker's turn at a queue.
func (r *rotation) leave(q *queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.workers--
}

// signal says that a lease from a queue may find a job.
func (r *rotation) signal(q *queue) {
	q.signals++
	if !q.waiting {
		r.count++
		q.waiting, q.joined = true, r.count
	}
}

// wake signals a queue and puts it first, if it may go first.
func (r *rotation) wake(name store.QueueName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.queues {
		if q.name == name {
			r.signal(q)
			q.woken = true
		}
	}
	r.notify()
}

// signalAll signals every queue but those whose lease has just failed.
func (r *rotation) signalAll(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.queues {
		if !now.Before(q.backoff) {
			r.signal(q)
		}
	}
	r.notify()
}

// poll signals all queues every so often until ctx ends.
func (r *rotation) poll(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.signalAll(now)
		}
	}
}
