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
	dues, leases, renewals, ends, runNows atomic.Int64
}

func (s *counting) Due(ctx context.Context) ([]store.QueueName, error) {
	s.dues.Add(1)
	return s.Queue.Due(ctx)
}

func (s *counting) Lease(ctx context.Context, queue store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	s.leases.Add(1)
	return s.Queue.Lease(ctx, queue, n, hold)
}

func (s *counting) RenewLease(ctx context.Context, job store.Job, d time.Duration) error {
	s.renewals.Add(1)
	return s.Queue.RenewLease(ctx, job, d)
}

func (s *counting) End(ctx context.Context, job store.Job, outcome store.Outcome) error {
	s.ends.Add(1)
	return s.Queue.End(ctx, job, outcome)
}

func (s *counting) RunNow(ctx context.Context, queue store.QueueName, n int) (int, error) {
	s.runNows.Add(1)
	return s.Queue.RunNow(ctx, queue, n)
}

func (s *counting) all() int64 {
	return s.dues.Load() + s.leases.Load() + s.renewals.Load() + s.ends.Load() + s.runNows.Load()
}

func TestAnIdleOutboxAsksTheStoreOncePerPollWhateverTheNumberOfQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		calls := &counting{Queue: env.store}
		env.queue = calls
		fresh := outbox.Pool{Workers: 8, PerQueue: 4, Timeout: time.Minute, Waits: hourly, Run: ran.complete}
		pools := make([]outbox.Pool, 0, 1001)
		for i := range 1000 { // as endpoints are
			pools = append(pools, outbox.Pool{Queues: []store.QueueName{store.QueueName(fmt.Sprint("hook/", i))},
				Workers: 2, Timeout: time.Minute, Waits: hourly, RepeatLast: true, ProbeEvery: 40 * time.Second,
				Run: ran.complete})
			fresh.Queues = append(fresh.Queues, store.QueueName(fmt.Sprint("email/", i)))
		}
		env.start(env.outbox(time.Second, append(pools, fresh)...))
		time.Sleep(time.Second / 2)
		most, last := int64(0), int64(0)
		for range 600 {
			time.Sleep(time.Second)
			most, last = max(most, calls.all()-last), calls.all()
		}
		if most >= 20 {
			t.Errorf("it called the store %d times in one second", most)
		}
		if got := calls.dues.Load(); got != 601 {
			t.Errorf("it asked what is due %d times, want at the start and every second for ten minutes", got)
		}
		time.Sleep(80 * time.Minute)
		last = calls.all()
		time.Sleep(20 * time.Minute)
		// A probe is two calls, and each of a thousand queues is probed about once an hour.
		if got := calls.all() - last - 20*60; got > 900 {
			t.Errorf("it probed queues in which nothing waits with %d calls in twenty minutes", got)
		}
		last = calls.leases.Load()
		env.enqueueIn("email/7", 0, 1) // by another process
		env.enqueueIn("hook/7", 0, 1)
		time.Sleep(time.Second)
		if len(ran.times()) != 2 || calls.leases.Load()-last > 2+8 {
			t.Errorf("%d of 2 jobs that another process enqueued ran within Poll, with %d leases", len(ran.times()),
				calls.leases.Load()-last)
		}
	})
}

func TestAJobAloneCostsOneLeaseAndOneEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		calls := &counting{Queue: env.store}
		env.queue = calls
		b := env.outbox(time.Hour, outbox.Pool{Queues: []store.QueueName{"a", "b"}, Workers: 3, PerQueue: 2,
			Timeout: time.Minute, Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				time.Sleep(time.Duration(len(ran.times())+1) * time.Millisecond)
				return ran.complete(t.Context(), job)
			}})
		env.start(b)
		for i := range 5 {
			time.Sleep(time.Minute)
			env.enqueueIn("b", i, i+1)
			b.Wake("b")
		}
		time.Sleep(time.Minute)
		if len(ran.times()) != 5 || calls.leases.Load() != 5 || calls.ends.Load() != 5 || calls.all() != 11 {
			t.Errorf("%d of 5 ran, with %d leases and %d ends, %d calls in all", len(ran.times()), calls.leases.Load(),
				calls.ends.Load(), calls.all())
		}
	})
}
