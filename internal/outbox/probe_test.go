package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// awayUntil is a worker whose receiver is away at first: ran has every run, completed those from then on.
func awayUntil(back time.Duration) (ran, completed *record, run outbox.Run) {
	ran, completed = newRecord(), newRecord()
	return ran, completed, func(_ context.Context, job store.Job) outbox.Result {
		ran.add(job)
		if time.Since(ran.since) < back {
			return outbox.Retry(errors.New("nobody there"))
		}
		completed.add(job)
		return outbox.Complete()
	}
}

func TestAReceiverThatWasAwayGetsEverythingSoonAfterItsReturn(t *testing.T) {
	const probe, back = 10 * time.Minute, 3 * time.Hour
	for _, retryQueue := range []store.QueueName{"", "hook/retry"} {
		t.Run("waiting in "+string(retryQueue), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newEnv(t)
				env.enqueueIn("hook", 0, 60)
				ran, completed, run := awayUntil(back)
				pool := outbox.Pool{Queues: []store.QueueName{"hook"}, Workers: 2, Timeout: time.Minute, Waits: daily,
					RepeatLast: true,
					RetryQueue: retryQueue, Run: run, ProbeEvery: probe}
				pools := []outbox.Pool{pool}
				if retryQueue != "" {
					pool.Queues, pool.RetryQueue = []store.QueueName{retryQueue}, ""
					pools = append(pools, pool)
				}
				env.run(4*time.Hour, pools...)
				got := completed.times()
				if len(got) != 60 {
					t.Fatalf("%d of 60 completed", len(got))
				}
				if last := slices.Max(got); last > back+probe*6/5+15*time.Second {
					t.Errorf("the last completed %v after the return", last-back)
				}
				// Three hours at one every ten minutes, give or take a fifth.
				if probes := len(ran.times()) - 60 - 60; probes < 14 || probes > 23 {
					t.Errorf("it was probed %d times while it was away, want about 18", probes)
				}
			})
		})
	}
}

func TestWithoutProbingOnlyTheWaitsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		env.enqueue(20)
		ran, completed, run := awayUntil(time.Hour)
		env.run(4*time.Hour, outbox.Pool{
			Queues: []store.QueueName{emails}, Workers: 2, Timeout: time.Minute, Waits: daily, Run: run,
		})
		if len(ran.times()) != 20 || len(completed.times()) != 0 {
			t.Errorf("%d runs, want 20, once each", len(ran.times()))
		}
	})
}

func TestAReceiverThatAskedToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		env.run(4*time.Hour, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: daily,
			RepeatLast: true, ProbeEvery: time.Minute,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				if job.Attempts < 4 {
					return outbox.Retry(errors.New("busy")).WithNotBefore(time.Hour)
				}
				return outbox.Retry(errors.New("nobody there"))
			}})
		got := ran.times()
		if len(got) < 40 {
			t.Fatalf("ran %d times, want every minute once nothing was asked any more", len(got))
		}
		for i, gap := range gaps(got) {
			least, most := 48*time.Second, 72*time.Second
			if i < 3 {
				least, most = time.Hour, time.Hour
			}
			if gap < least || gap > most+20*time.Second {
				t.Errorf("%v between attempts %d and %d, want from %v to %v", gap, i, i+1, least, most)
			}
		}
	})
}

func gaps(at []time.Duration) (gaps []time.Duration) {
	for i := range at[1:] {
		gaps = append(gaps, at[i+1]-at[i])
	}
	return gaps
}

func TestAJobThatAlwaysFailsBesideGoodOnesRunsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, bad, good := newEnv(t), newRecord(), newRecord()
		env.enqueueIn("hook", 0, 1)
		b := env.outbox(time.Second, outbox.Pool{
			Queues: []store.QueueName{"hook", emails}, Timeout: time.Minute, Waits: daily, RepeatLast: true,
			ProbeEvery: time.Hour, RetryQueue: "hook", // where good ones complete, too
			Run: func(_ context.Context, job store.Job) outbox.Result {
				if job.ID == "hook-0" {
					bad.add(job)
					return outbox.Retry(errors.New("bad"))
				}
				good.add(job)
				return outbox.Complete()
			},
		})
		env.start(b)
		for i := range 200 {
			env.enqueueIn("hook", i+1, i+2)
			b.Wake("hook")
			time.Sleep(3 * time.Second)
		}
		if len(good.times()) != 200 {
			t.Errorf("%d good ones completed, want 200", len(good.times()))
		}
		got := bad.times()
		if len(got) < 8 || len(got) > 11 {
			t.Errorf("ran %d times in ten minutes, want about once a minute", len(got))
		}
		for i, gap := range gaps(got) {
			if i > 0 && gap < time.Minute-2*time.Second {
				t.Errorf("only %v between attempts %d and %d", gap, i, i+1)
			}
		}
	})
}

// cannotRunNow is a store that makes no job due.
type cannotRunNow struct{ store.Queue }

func (cannotRunNow) RunNow(context.Context, store.QueueName, int) (int, error) {
	return 0, store.ErrUnavailable
}

func TestAStoreThatMakesNothingDueIsLoggedOnceAndStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, log := newEnv(t), &logLines{}
		env.queue = cannotRunNow{env.store}
		env.enqueue(20)
		_, completed, run := awayUntil(time.Hour)
		pool := outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: []time.Duration{2 * time.Hour},
			RepeatLast: true, Run: run, ProbeEvery: time.Minute,
		}
		runFor(t, 3*time.Hour, env.outboxWith(outbox.Options{
			Log: slog.New(log), Poll: 10 * time.Second, Pools: []outbox.Pool{pool},
		}))
		if len(completed.times()) != 20 {
			t.Errorf("%d completed by the waits, want 20", len(completed.times()))
		}
		if n := log.count("out of turn"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
	})
}
