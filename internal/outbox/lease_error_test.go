package outbox_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// failsFor is a store that cannot lease from one queue.
type failsFor struct {
	store.Queue
	name  store.QueueName
	calls int
}

func (s *failsFor) Lease(ctx context.Context, queue store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	if queue == s.name {
		s.calls++
		return nil, store.ErrUnavailable
	}
	return s.Queue.Lease(ctx, queue, n, hold)
}

func TestAQueueThatCannotBeLeasedFromStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, log := newEnv(t), newRecord(), &logLines{}
		failing := &failsFor{Queue: env.store, name: "bad"}
		env.queue = failing
		env.enqueueIn("bad", 0, 3)
		env.enqueueIn("good", 0, 100)
		runFor(t, 10*time.Minute, env.outboxWith(outbox.Options{Log: slog.New(log), Pools: []outbox.Pool{{
			Queues: []store.QueueName{"bad", "good"}, Timeout: time.Minute, Waits: hourly, Run: ran.complete,
		}}}))
		if got := ran.times(); len(got) != 100 || got[99] > time.Second {
			t.Errorf("%d of 100 completed", len(got))
		}
		if failing.calls < 10 || failing.calls > 30 {
			t.Errorf("leased from %d times in ten minutes, want about every half minute", failing.calls)
		}
		if log.count("cannot lease") != 1 {
			t.Errorf("logged %d times that it cannot lease, want once", log.count("cannot lease"))
		}
	})
}

// slowFor is a store that takes long to lease from one queue.
type slowFor struct {
	store.Queue
	name store.QueueName
}

func (s slowFor) Lease(ctx context.Context, queue store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	if queue == s.name {
		time.Sleep(5 * time.Second)
	}
	return s.Queue.Lease(ctx, queue, n, hold)
}

func TestAQueueThatIsSlowToLeaseFromDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.queue = slowFor{env.store, "bad"}
		env.start(env.outbox(10*time.Second, outbox.Pool{
			Queues: []store.QueueName{"bad", "good"}, Workers: 2, Timeout: time.Minute, Waits: daily, Run: ran.complete,
		}))
		time.Sleep(9 * time.Second) // both workers are idle
		env.enqueueIn("good", 0, 1)
		time.Sleep(10 * time.Second)
		if got := ran.times(); len(got) != 1 || got[0] != 10*time.Second {
			t.Errorf("ran at %v, want at the next poll", got)
		}
	})
}
