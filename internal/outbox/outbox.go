package outbox

import (
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
	Store    store.Queue
	Pools    []Pool        // no two of them work the same queue
	Log      *slog.Logger  // slog.Default() if nil
	Poll     time.Duration // how often an idle pool leases from its queues; a second if zero
	LeaseFor time.Duration // of a lease, unless renewed: how soon jobs of a dead process come back; 30 s if zero

	// Observe is called after each job with its queue, its outcome, and how long it took. It may be nil.
	Observe func(queue store.QueueName, outcome Outcome, took time.Duration)
}

// Outbox runs the jobs of its pools. Its methods may be called from any goroutine.
type Outbox struct {
	Options
	pools    []*pool
	byQueue  map[store.QueueName]*pool
	running  sync.Map // ids of the jobs that run here now
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
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.LeaseFor == 0 {
		o.LeaseFor = 30 * time.Second
	}
	if o.Observe == nil {
		o.Observe = func(store.QueueName, Outcome, time.Duration) {}
	}
	b := &Outbox{Options: o, byQueue: map[store.QueueName]*pool{}}
	for i, p := range o.Pools {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("outbox: pool %d %v %w", i, p.Queues, err)
		}
		working := &pool{Pool: p, box: b, rotation: newRotation(p.Queues, p.PerQueue, p.ProbeEvery)}
		b.pools = append(b.pools, working)
		for _, q := range p.Queues {
			if b.byQueue[q] != nil {
				return nil, fmt.Errorf("outbox: two pools, or one twice, work the queue %s", q)
			}
			b.byQueue[q] = working
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

// Wake tells the pool of a queue that there is a job to lease now, so that the job does not wait for the next Poll. A
// queue that no pool works is ignored.
func (b *Outbox) Wake(queue store.QueueName) {
	if p := b.byQueue[queue]; p != nil {
		p.rotation.wake(queue)
	}
}

// Run runs jobs until ctx ends, and returns when those that were running by then are finished.
func (b *Outbox) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range b.pools {
		all.Go(func() { p.rotation.poll(ctx, b.Poll) })
		for range max(1, p.Workers) {
			all.Go(func() { p.work(ctx) })
		}
	}
	all.Wait()
}
