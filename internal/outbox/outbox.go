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

// Options are what an Outbox needs. Store and Lanes are required.
type Options struct {
	Store    store.Store
	Pools    []Pool                                                   // no two of them work the same kind
	Log      *slog.Logger                                             // slog.Default() if nil
	Poll     time.Duration                                            // how often an idle lane looks; a second if zero
	LeaseFor time.Duration                                            // how soon what a dead process held comes back; 30 s if zero
	Observe  func(k store.QueueName, outcome string, d time.Duration) // for metrics; may be nil. Outcomes: done, again, parked, lost
}

// Outbox runs lanes.
type Outbox struct {
	Options
	crews  []*crew
	byKind map[store.QueueName]*crew
	inHand sync.Map // ids of the entries that are tried here now
	misses misses
}

// New checks the options.
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
		o.Observe = func(store.QueueName, string, time.Duration) {}
	}
	b := &Outbox{Options: o, byKind: map[store.QueueName]*crew{}}
	for i, l := range o.Pools {
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("outbox: lane %d %v %w", i, l.Queues, err)
		}
		c := &crew{Outbox: b, Pool: l, turns: newTurns(l.Queues, l.PerQueue, l.Probe)}
		b.crews = append(b.crews, c)
		for _, k := range l.Queues {
			if b.byKind[k] != nil {
				return nil, fmt.Errorf("outbox: %s is worked twice", k)
			}
			b.byKind[k] = c
		}
	}
	for _, l := range o.Pools {
		if l.RetryQueue != "" && b.byKind[l.RetryQueue] == nil {
			return nil, fmt.Errorf("outbox: what %v is to try again would wait in %s, which no lane works", l.Queues, l.RetryQueue)
		}
	}
	return b, nil
}

// Wake tells the lane of a kind that something is owed now, so that nothing waits for the next look.
func (b *Outbox) Wake(k store.QueueName) {
	if c := b.byKind[k]; c != nil {
		c.turns.wake(k)
	}
}

// Run works until ctx ends and then returns, when everything in hand is finished.
func (b *Outbox) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, c := range b.crews {
		all.Go(func() { c.turns.poll(ctx, b.Poll) })
		for range max(1, c.Workers) {
			all.Go(func() { c.work(ctx) })
		}
	}
	all.Wait()
}
