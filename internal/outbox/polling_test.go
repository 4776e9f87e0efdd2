package outbox_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// counting is a store that counts its calls.
type counting struct {
	store.Queue
	leases, runNows atomic.Int64
}

func (s *counting) Lease(ctx context.Context, queue store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	s.leases.Add(1)
	return s.Queue.Lease(ctx, queue, n, hold)
}

func (s *counting) RunNow(ctx context.Context, queue store.QueueName, n int) (int, error) {
	s.runNows.Add(1)
	return s.Queue.RunNow(ctx, queue, n)
}

func TestAnIdlePoolLeasesFromEachQueueOncePerPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		calls := &counting{Queue: env.store}
		env.queue = calls
		var queues []store.QueueName
		for i := range 16 {
			queues = append(queues, store.QueueName(fmt.Sprint("k", i)))
		}
		b := env.outbox(10*time.Second, outbox.Pool{Queues: queues, Workers: 8, Timeout: time.Minute, Waits: hourly,
			Run: ran.complete})
		env.start(b)
		time.Sleep(5*time.Minute + time.Second)
		if got := calls.leases.Load(); got != 16*31 {
			t.Errorf("it leased %d times in five minutes, want from 16 queues at the start and 30 times", got)
		}
		if calls.runNows.Load() != 0 {
			t.Error("it made something due without ProbeEvery")
		}
		env.enqueueIn("k7", 0, 1) // by another process
		time.Sleep(10 * time.Second)
		if len(ran.times()) != 1 {
			t.Error("what another process enqueued was not found within Poll")
		}
		before := calls.leases.Load()
		env.enqueueIn("k9", 0, 1)
		b.Wake("k9")
		synctest.Wait()
		if got := calls.leases.Load() - before; len(ran.times()) != 2 || got != 2 {
			t.Errorf("after %d leases %d jobs had run, want two leases for one job of a woken queue",
				got, len(ran.times()))
		}
	})
}
