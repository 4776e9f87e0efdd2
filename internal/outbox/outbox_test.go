package outbox_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

func TestEveryJobCompletesOnceWhateverTheNumberOfOutboxes(t *testing.T) {
	env := newEnv(t)
	env.enqueue(500)
	ran := newRecord()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	pool := outbox.Pool{Queues: []store.QueueName{emails}, Workers: 8, Timeout: time.Minute, Waits: hourly,
		Run: func(_ context.Context, job store.Job) outbox.Result {
			ran.add(job)
			if len(ran.times()) == 500 {
				stop()
			}
			return outbox.Complete()
		}}
	var both sync.WaitGroup
	for range 2 {
		b := env.outbox(0, pool)
		both.Go(func() { b.Run(ctx) })
	}
	both.Wait()
	seen := map[string]int{}
	for _, id := range ran.ids {
		seen[id]++
	}
	if len(ran.ids) != 500 || len(seen) != 500 {
		t.Errorf("%d runs of %d jobs, want 500 of 500", len(ran.ids), len(seen))
	}
}

func TestStoppingFinishesTheRunningJob(t *testing.T) {
	env := newEnv(t)
	env.enqueue(2)
	ctx, stop := context.WithCancel(t.Context())
	finished := false
	env.outbox(0, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
		Run: func(ctx context.Context, _ store.Job) outbox.Result {
			stop()
			<-time.After(50 * time.Millisecond)
			finished = ctx.Err() == nil
			return outbox.Complete()
		}}).Run(ctx)
	if !finished {
		t.Error("the running job was broken off")
	}
	left, err := env.store.Lease(t.Context(), emails, 10, time.Minute)
	if err != nil || len(left) != 1 {
		t.Errorf("%d jobs left, %v; want the one that was not begun", len(left), err)
	}
}

// A job that goes on after a stop is cut off in the end, and says itself what became of it: to the queue, not to the
// end of its lease.
func TestAStopCutsAJobOffThatDoesNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		env.enqueue(1)
		ctx, stop := context.WithCancel(t.Context())
		b := env.outboxWith(outbox.Options{FinishWithin: 7 * time.Second, Pools: []outbox.Pool{{
			Queues: []store.QueueName{emails, "maybe"}, Timeout: time.Hour, Waits: hourly,
			Run: func(ctx context.Context, _ store.Job) outbox.Result {
				stop()
				<-ctx.Done()
				return outbox.Move("maybe", ctx.Err()).WithWait(time.Minute)
			},
		}}})
		begun := time.Now()
		b.Run(ctx)
		if took := time.Since(begun); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("the outbox stopped after %v", took)
		}
		time.Sleep(5 * time.Minute)
		left, err := env.store.Lease(t.Context(), "maybe", 10, time.Minute)
		if err != nil || len(left) != 1 {
			t.Errorf("%d jobs are where the one that was cut off wanted to be, %v", len(left), err)
		}
	})
}

func TestAWokenQueueIsLeasedFromAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		ctx, stop := context.WithCancel(t.Context())
		b := env.outbox(time.Hour, outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				stop()
				return outbox.Complete()
			},
		})
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		env.enqueue(1)
		b.Wake(emails)
		b.Wake("another queue")
		<-done
		if got := ran.times()[0]; got > time.Minute+time.Second {
			t.Errorf("ran after %v", got)
		}
	})
}

// slowLease is a store whose leases are granted after a while.
type slowLease struct {
	store.Queue
	asked chan bool
	after time.Duration
}

func (s slowLease) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	s.asked <- true
	time.Sleep(s.after)
	return s.Queue.Lease(ctx, queue, n, d)
}

func TestWhatIsLeasedDuringAStopIsGivenBack(t *testing.T) {
	for name, jobs := range map[string]int{"some jobs": 3, "none": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, ran, asked := newEnv(t), newRecord(), make(chan bool, 100)
				env.queue = slowLease{env.store, asked, time.Second}
				env.enqueue(jobs)
				ctx, stop := context.WithCancel(t.Context())
				b := env.outbox(time.Hour, outbox.Pool{
					Queues: []store.QueueName{emails}, Workers: 3, Timeout: time.Minute, Waits: hourly,
					Run: ran.complete,
				})
				done := make(chan struct{})
				go func() { b.Run(ctx); close(done) }()
				time.Sleep(time.Millisecond)
				b.Wake(emails)
				<-asked
				stop()
				<-done
				left, err := env.store.Lease(t.Context(), emails, 10, time.Minute)
				if err != nil || len(left) != jobs || len(ran.ids) > 0 {
					t.Errorf("%d jobs are due, %v, and %d ran; want %d and none", len(left), err, len(ran.ids), jobs)
				}
			})
		})
	}
}

func TestRunDueRunsWhatIsDueByAMovedClockAndNoMore(t *testing.T) {
	now := time.Now()
	st, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "optin.db"), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	env := &env{T: t, store: st, queue: st}
	env.enqueue(40)
	env.enqueueIn("other", 0, 1)
	ran, others := 0, 0
	b := env.outboxWith(outbox.Options{Now: func() time.Time { return now }, Pools: []outbox.Pool{{
		Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly, RepeatLast: true,
		Run: func(context.Context, store.Job) outbox.Result { ran++; return outbox.Retry(nil) },
	}, {
		Queues: []store.QueueName{"other"}, Timeout: time.Minute, Waits: hourly,
		Run: func(context.Context, store.Job) outbox.Result { others++; return outbox.Complete() },
	}}})
	for i, step := range []struct {
		after       time.Duration
		skip        store.QueueName
		ran, others int
	}{
		{0, "other", 40, 0}, {0, "other", 40, 0}, {47 * time.Minute, "", 40, 1}, {26 * time.Minute, "", 80, 1},
	} {
		now = now.Add(step.after)
		err := b.RunDue(t.Context(), func(name store.QueueName) bool { return name == step.skip })
		if err != nil || ran != step.ran || others != step.others {
			t.Errorf("step %d: %d and %d jobs ran, %v; want %d and %d", i, ran, others, err, step.ran, step.others)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.RunDue(ctx, func(store.QueueName) bool { return false }); err == nil {
		t.Error("it does not say that it was ended")
	}
}

// answers is a store that says an error for one of its calls.
type answers struct {
	store.Queue
	due, lease error
}

func (s answers) Due(ctx context.Context) ([]store.QueueName, error) {
	if s.due != nil {
		return nil, s.due
	}
	return s.Queue.Due(ctx)
}

func (s answers) Lease(ctx context.Context, queue store.QueueName, n int, d time.Duration) ([]store.Job, error) {
	if s.lease != nil {
		return nil, s.lease
	}
	return s.Queue.Lease(ctx, queue, n, d)
}

func TestRunDueSaysThatTheStoreIsAwayAndLeavesAPausedPoolAlone(t *testing.T) {
	for name, row := range map[string]struct {
		due, lease error
		pause      time.Duration
		ran        int
	}{
		"it is there":               {ran: 3},
		"it cannot say what is due": {due: store.ErrUnavailable},
		"it leases nothing":         {lease: store.ErrUnavailable},
		"the pool is paused":        {pause: time.Second},
	} {
		env, ran, paused := newEnv(t), newRecord(), new(enough)
		env.enqueue(3)
		env.enqueueIn("other", 0, 1) // which no pool works
		env.queue = answers{env.store, row.due, row.lease}
		b := env.outbox(time.Hour, outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly, Run: ran.complete,
			Paused: func() time.Duration { paused.ask(); return row.pause },
		})
		err := b.RunDue(t.Context(), func(store.QueueName) bool { return false })
		if want := errors.Join(row.due, row.lease); (err == nil) != (want == nil) || len(ran.ids) != row.ran {
			t.Errorf("%s: %d ran, %v", name, len(ran.ids), err)
		}
	}
}
