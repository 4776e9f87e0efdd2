package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// Options are what an Outbox needs. Store and Pools are required.
type Options struct {
	Store store.Queue
	Pools []Pool       // no two of them work the same queue
	Log   *slog.Logger // slog.Default() if nil
	// Now is the clock by which jobs that wait are due again: about that of the store. time.Now if nil.
	Now      func() time.Time
	Poll     time.Duration // how often the store is asked which queues have due jobs; a second if zero
	LeaseFor time.Duration // of a lease, unless renewed: how soon jobs of a dead process come back; 30 s if zero
	// FinishWithin is how long jobs that run when Run is told to end may go on. Then their contexts end. 8 s if zero.
	FinishWithin time.Duration

	// Observe is called after each job with its outcome, and how long it took. It may be nil.
	Observe func(job store.Job, outcome Outcome, took time.Duration)
}

// Outbox runs the jobs of its pools. Its methods may be called from any goroutine.
type Outbox struct {
	Options
	pools    []*pool
	byQueue  map[store.QueueName]*queue
	probed   []*queue // those of pools that probe
	running  sync.Map // ids of the jobs that run here now
	leases   leases
	failures failures
}

// New checks the options and makes an Outbox. It starts nothing.
func New(o Options) (*Outbox, error) {
	if o.Store == nil {
		return nil, errors.New("outbox: no store")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.LeaseFor == 0 {
		o.LeaseFor = 30 * time.Second
	}
	if o.FinishWithin == 0 {
		o.FinishWithin = 8 * time.Second
	}
	if o.Observe == nil {
		o.Observe = func(store.Job, Outcome, time.Duration) {}
	}
	b := &Outbox{Options: o, byQueue: map[store.QueueName]*queue{}, leases: leases{held: map[*lease]bool{}}}
	for i, p := range o.Pools {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("outbox: pool %d %v %w", i, p.Queues, err)
		}
		if err := b.add(p); err != nil {
			return nil, err
		}
	}
	for _, p := range o.Pools {
		if p.RetryQueue != "" && b.byQueue[p.RetryQueue] == nil {
			return nil, fmt.Errorf("outbox: pool %v retries in the queue %s, which no pool works",
				p.Queues, p.RetryQueue)
		}
	}
	return b, nil
}

// add adds a pool that was checked.
func (b *Outbox) add(p Pool) error {
	p.LeaseFor = cmp.Or(p.LeaseFor, b.LeaseFor)
	working := &pool{Pool: p, box: b}
	working.rotation = newRotation(working)
	b.pools = append(b.pools, working)
	for _, q := range working.rotation.queues {
		if b.byQueue[q.name] != nil {
			return fmt.Errorf("outbox: two pools, or one twice, work the queue %s", q.name)
		}
		b.byQueue[q.name] = q
		if p.ProbeEvery > 0 {
			b.probed = append(b.probed, q)
		}
	}
	return nil
}

// Wake tells the pool of a queue that there is a job to lease now, so that the job does not wait for the next Poll. A
// queue that no pool works is ignored.
func (b *Outbox) Wake(queue store.QueueName) {
	if q := b.byQueue[queue]; q != nil {
		q.pool.rotation.wake(q)
	}
}

// Run runs jobs until ctx ends, and returns when those that were running by then are finished, for which they have
// FinishWithin.
func (b *Outbox) Run(ctx context.Context) {
	var working, keeping sync.WaitGroup
	jobs, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	working.Go(func() { b.poll(ctx) })
	for _, p := range b.pools {
		for range p.rotation.workers {
			working.Go(func() { p.work(ctx, jobs) })
		}
	}
	working.Go(func() {
		<-ctx.Done()
		time.AfterFunc(b.FinishWithin, cutOff)
		var jobs []store.Job
		for _, p := range b.pools {
			jobs = append(jobs, p.rotation.close()...)
		}
		b.giveBack(ctx, jobs)
	})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	keeping.Go(func() { b.keepLeases(running) })
	working.Wait()
	stop()
	keeping.Wait()
}

// RunDue runs what is due now, one job after the other, and returns when nothing more is, except in queues that skip
// names. It is for a program that moves the clock of Options and the store itself, and not to be called while Run runs.
func (b *Outbox) RunDue(ctx context.Context, skip func(store.QueueName) bool) error {
	for ran := true; ran; {
		ran = false
		due, err := b.Store.Due(ctx)
		if err != nil {
			return err
		}
		for _, name := range due {
			q := b.byQueue[name]
			if q == nil || skip(name) {
				continue
			}
			if _, paused := q.pool.pausedFor(); paused {
				continue
			}
			jobs, err := b.Store.Lease(ctx, name, maxBatch, q.pool.LeaseFor)
			if err != nil {
				return err
			}
			for _, job := range jobs {
				q.pool.runJob(ctx, q, leasedJob{Job: job, since: time.Now()})
				ran = true
			}
		}
	}
	return ctx.Err()
}
