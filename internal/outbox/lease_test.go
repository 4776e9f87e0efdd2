package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestALongJobKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		env.run(20*time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Workers: 3, Timeout: 10 * time.Minute,
			Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				time.Sleep(5 * time.Minute)
				return outbox.Complete()
			}})
		if n := len(ran.times()); n != 1 {
			t.Errorf("begun %d times, want once", n)
		}
		if left, err := env.store.Lease(t.Context(), emails, 1, time.Second); err != nil || len(left) != 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	})
}

func TestAJobOfADeadProcessComesBackWhenItsLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		env.enqueue(1)
		if _, err := env.store.Lease(t.Context(), emails, 1, 30*time.Second); err != nil { // and dies
			t.Fatal(err)
		}
		ran := newRecord()
		env.run(2*time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run: ran.complete})
		if got := ran.times(); len(got) != 1 || got[0] > 41*time.Second {
			t.Errorf("begun at %v, want once, when the lease had ended", got)
		}
	})
}

// cannotRenew is a store that cannot be reached for renewing leases.
type cannotRenew struct{ store.Queue }

func (cannotRenew) RenewLease(context.Context, store.Job, time.Duration) error {
	return store.ErrUnavailable
}

func TestAJobWhoseLeaseEndedDoesNotRunTwiceAtOnceHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, running := newEnv(t), newRecord(), make(chan struct{}, 1)
		env.queue = cannotRenew{env.store}
		env.enqueue(1)
		env.run(20*time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Workers: 3, Timeout: 10 * time.Minute,
			Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				select {
				case running <- struct{}{}:
				default:
					t.Error("it is running already")
					return outbox.Complete()
				}
				time.Sleep(3 * time.Minute)
				<-running
				return outbox.Complete()
			}})
		if len(ran.times()) < 2 {
			t.Error("the job did not come back after its lease was lost")
		}
	})
}

// losesLeases is a store in which another process has every lease by the time it is renewed.
type losesLeases struct{ store.Queue }

func (losesLeases) RenewLease(context.Context, store.Job, time.Duration) error {
	return store.ErrLeaseLost
}

func TestTheContextOfAJobEndsWhenItsLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		env.queue = losesLeases{env.store}
		env.enqueue(1)
		begun, ended := time.Now(), time.Duration(0)
		env.run(20*time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Hour, Waits: hourly,
			Run: func(ctx context.Context, _ store.Job) outbox.Result {
				<-ctx.Done()
				if ended == 0 { // it comes back, and is lost again
					ended = time.Since(begun)
				}
				return outbox.Retry(context.Cause(ctx))
			}})
		if ended == 0 || ended > 30*time.Second {
			t.Errorf("it ended after %v", ended)
		}
	})
}

// answersLate is a store whose first lease is granted at once and returned much later.
type answersLate struct {
	store.Queue
	after *time.Duration
}

func (s answersLate) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	jobs, err := s.Queue.Lease(ctx, queue, n, d)
	time.Sleep(*s.after)
	*s.after = 0
	return jobs, err
}

func TestAJobIsBegunInTheFirstHalfOfItsLeaseAndNoLater(t *testing.T) {
	for after, again := range map[time.Duration]bool{
		15 * time.Second: false, 15*time.Second + 1: true, 29 * time.Second: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			env, ran, late := newEnv(t), newRecord(), after
			env.queue = answersLate{env.store, &late}
			env.enqueue(1)
			env.run(time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
				Run: ran.complete})
			if got := ran.times(); len(got) != 1 || again != (got[0] >= 30*time.Second) || !again && got[0] != after {
				t.Errorf("granted after %v, it ran at %v; under a new lease: %t", after, got, again)
			}
		})
	}
}
