package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestABacklogIsLeasedInBatches(t *testing.T) {
	for name, c := range map[string]struct {
		took time.Duration
		most int64 // leases of 320 jobs
	}{
		"of short jobs": {5 * time.Millisecond, 320/16 + 3},
		"of long jobs":  {5 * time.Second, 320},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, ran := newEnv(t), newRecord()
				calls := &counting{Queue: env.store}
				env.queue = calls
				env.enqueue(320)
				env.run(time.Hour, outbox.Pool{Queues: []store.QueueName{emails}, Workers: 4, Timeout: time.Hour,
					Waits: hourly,
					Run: func(_ context.Context, job store.Job) outbox.Result {
						time.Sleep(c.took)
						return ran.complete(t.Context(), job)
					}})
				at := ran.times()
				if want := c.took*320/4 + time.Second; len(at) != 320 || at[319] > want {
					t.Errorf("%d ran in %v, want 320 in %v", len(at), at[len(at)-1], want)
				}
				if got := calls.leases.Load(); got > c.most {
					t.Errorf("leased %d times, want at most %d", got, c.most)
				}
				if got := calls.ends.Load(); got != 320 {
					t.Errorf("%d ends, want one for each: none was given back", got)
				}
			})
		})
	}
}

// hangsAt is a worker whose jobs are short, until one hangs for an hour.
func hangsAt(id string, ran *record) outbox.Run {
	return func(_ context.Context, job store.Job) outbox.Result {
		time.Sleep(time.Millisecond)
		if job.ID == id {
			time.Sleep(time.Hour)
		}
		return ran.complete(context.Background(), job)
	}
}

func TestWhatIsHeldBehindAJobThatHangsIsGivenBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, here, there := newEnv(t), newRecord(), newRecord()
		calls := &counting{Queue: env.store}
		env.queue = calls
		pool := outbox.Pool{Queues: []store.QueueName{emails}, Timeout: 2 * time.Hour, Waits: daily,
			Run: hangsAt("email-5", here)}
		env.enqueue(15)
		env.start(env.outbox(time.Second, pool))
		time.Sleep(time.Second)
		env.enqueueIn(emails, 15, 20)
		time.Sleep(16 * time.Second) // more than half of a lease, and less than all
		if len(here.ids) != 5 {
			t.Fatalf("%d ran before the one that hangs, want 5", len(here.ids))
		}
		if left, err := env.store.Lease(t.Context(), emails, 1, time.Millisecond); err != nil || len(left) != 1 ||
			left[0].ID != "email-6" || left[0].Attempts > 3 {
			t.Fatalf("the oldest that waits is %+v, %v", left, err)
		} else if err := env.store.End(t.Context(), left[0], store.Retry(left[0].Due)); err != nil {
			t.Fatal(err)
		}
		env.queue = env.store
		pool.Run = there.complete
		env.start(env.outbox(time.Second, pool)) // another process
		time.Sleep(2 * time.Second)
		var want []string
		for i := 6; i < 20; i++ {
			want = append(want, fmt.Sprint("email-", i))
		}
		if !slices.Equal(there.ids, want) {
			t.Errorf("another process ran %v, want %v", there.ids, want)
		}
		before := calls.renewals.Load()
		time.Sleep(time.Minute)
		if got := calls.renewals.Load() - before; got < 3 || got > 7 {
			t.Errorf("the one lease was renewed %d times in a minute", got)
		}
		time.Sleep(time.Hour)
		if len(here.ids) != 6 {
			t.Errorf("%v ran here, want those until the one that hung", here.ids)
		}
	})
}

func TestAStopGivesBackWhatIsHeldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(15)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		b := env.outbox(time.Second, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: 2 * time.Hour,
			Waits: daily, Run: hangsAt("email-5", ran)})
		go func() { b.Run(ctx); close(done) }()
		time.Sleep(time.Second)
		stop()
		synctest.Wait()
		left, err := env.store.Lease(t.Context(), emails, 20, time.Minute)
		if err != nil || len(left) != 9 || left[0].ID != "email-6" {
			t.Errorf("%d jobs are due, %v, want the nine behind the one that runs", len(left), err)
		}
		<-done
		if len(ran.ids) != 6 {
			t.Errorf("%d ran, want 6: the one that hung was finished, and no other begun", len(ran.ids))
		}
	})
}

func TestWhatIsHeldWaitsWhileThePoolIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran, pauseUntil, paused := newEnv(t), newRecord(), time.Time{}, new(enough)
		env.enqueue(10)
		env.start(env.outbox(time.Second, outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				if len(ran.times()) == 4 {
					pauseUntil = time.Now().Add(time.Hour)
				}
				return ran.complete(t.Context(), job)
			},
			Paused: func() time.Duration { paused.ask(); return max(0, time.Until(pauseUntil)) },
		}))
		time.Sleep(59 * time.Minute)
		if n := len(ran.times()); n != 5 {
			t.Errorf("%d ran until the pause, want 5", n)
		}
		left, err := env.store.Lease(t.Context(), emails, 20, time.Second)
		if err != nil || len(left) != 5 {
			t.Errorf("%d are left for others, %v, want 5", len(left), err)
		}
		time.Sleep(2 * time.Minute)
		if n := len(ran.times()); n != 10 {
			t.Errorf("%d ran after the pause, want all 10", n)
		}
	})
}
