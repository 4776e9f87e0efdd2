package outbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestAFailingJobIsRetriedByTheWaitsAndThenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		waits := []time.Duration{time.Minute, time.Hour}
		env.run(4*time.Hour, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: waits,
			Run: ran.always(outbox.Retry(errors.New("not now")))})
		got := ran.times()
		if len(got) != 3 {
			t.Fatalf("ran at %v, want three times, and then it fails", got)
		}
		for i, w := range waits {
			if gap := got[i+1] - got[i]; gap < w-w/5 || gap > w+w/5+11*time.Second {
				t.Errorf("wait %d was %v, want %v give or take a fifth", i, gap, w)
			}
		}
		if failed, err := env.store.Failed(t.Context(), emails, "", 10); err != nil || len(failed) != 1 {
			t.Errorf("failed are %v, %v", failed, err)
		}
	})
}

func TestAPoolThatRepeatsGoesOnUntilTheJobCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		env.run(time.Hour, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, RepeatLast: true,
			Waits: []time.Duration{time.Minute},
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				if job.Attempts < 20 {
					return outbox.Retry(errors.New("not now"))
				}
				return outbox.Complete()
			}})
		if n := len(ran.times()); n != 20 {
			t.Errorf("ran %d times, want 20", n)
		}
	})
}

func TestAResultMayAskForALongerWaitOrForNoFurtherAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		result outbox.Result
		want   int
	}{
		"longer": {outbox.Retry(errors.New("the receiver is busy")).WithNotBefore(30 * time.Minute), 2},
		"never":  {outbox.Fail(errors.New("gone")), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, ran := newEnv(t), newRecord()
				env.enqueue(1)
				env.run(50*time.Minute, outbox.Pool{
					Queues: []store.QueueName{emails}, Timeout: time.Minute, RepeatLast: true,
					Waits: []time.Duration{time.Second}, Run: ran.always(c.result),
				})
				if n := len(ran.times()); n != c.want {
					t.Errorf("ran %d times, want %d", n, c.want)
				}
			})
		})
	}
}

func TestAJobThatWasPutOffForOthersStartsWithTheFirstWaitWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		fresh := outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, RepeatLast: true,
			RetryQueue: "email/retry",
			Waits:      []time.Duration{time.Minute, 10 * time.Minute, time.Hour},
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				if job.Attempts < 10 || job.Attempts%2 == 1 { // it fails at the 10th, the 12th, and so on
					return outbox.Retry(errors.New("not its turn")).WithWait(10 * time.Second)
				}
				return outbox.Retry(errors.New("not now"))
			}}
		again := fresh
		again.Queues, again.RetryQueue = []store.QueueName{"email/retry"}, ""
		env.run(4*time.Hour, fresh, again)
		got := ran.times()
		if len(got) < 17 {
			t.Fatalf("ran at %v", got)
		}
		for n, w := range append(fresh.Waits, time.Hour) {
			attempt := 10 + 2*n
			if gap := got[attempt] - got[attempt-1]; gap < w-w/5 || gap > w+w/5+11*time.Second {
				t.Errorf("after attempt %d it waited %v, want %v give or take a fifth", attempt, gap, w)
			}
		}
	})
}

func TestAnAttemptThatHangsUntilItsTimeoutIsRetriedByTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		env.run(90*time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			RepeatLast: true,
			Run: func(ctx context.Context, job store.Job) outbox.Result {
				ran.add(job)
				<-ctx.Done()
				return outbox.Retry(context.Cause(ctx))
			}})
		if got := ran.times(); len(got) != 2 || got[1] < 49*time.Minute || got[1] > 73*time.Minute+10*time.Second {
			t.Errorf("ran at %v, want again about an hour after the timeout", got)
		}
	})
}

func TestAPanicConcernsOneJobOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(3)
		env.run(time.Minute, outbox.Pool{Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				if job.ID == "email-0" {
					panic("bad job")
				}
				return ran.complete(t.Context(), job)
			}})
		if n := len(ran.times()); n != 2 {
			t.Errorf("%d others completed, want 2", n)
		}
	})
}

func TestAJobIsRetriedByThePoolOfTheQueueWhereItWaits(t *testing.T) {
	for name, c := range map[string]struct {
		result     outbox.Result
		retryQueue store.QueueName
		want       store.QueueName
	}{
		"as the pool says":    {outbox.Retry(errors.New("not now")), "email/retry", "email/retry"},
		"as the result says":  {outbox.Move("email/slow", errors.New("elsewhere")), "email/retry", "email/slow"},
		"nowhere else":        {outbox.Retry(errors.New("not now")), "", emails},
		"where no pool works": {outbox.Move("nowhere", errors.New("elsewhere")), "email/retry", emails},
		"where it is already": {outbox.Move(emails, errors.New("elsewhere")), "email/retry", emails},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, ran := newEnv(t), newRecord()
				env.enqueue(1)
				fresh := outbox.Pool{
					Queues: []store.QueueName{emails}, Timeout: time.Minute,
					Waits: []time.Duration{time.Minute}, RepeatLast: true, RetryQueue: c.retryQueue,
					Run: func(_ context.Context, job store.Job) outbox.Result {
						ran.add(job)
						if job.Attempts > 1 {
							return outbox.Complete()
						}
						return c.result
					},
				}
				again := fresh
				again.Queues, again.RetryQueue = []store.QueueName{"email/retry", "email/slow"}, ""
				again.Run = func(_ context.Context, job store.Job) outbox.Result {
					ran.add(job)
					if job.Attempts != 2 {
						t.Errorf("it lost its count of attempts: %d", job.Attempts)
					}
					return outbox.Complete()
				}
				env.run(5*time.Minute, fresh, again)
				if len(ran.queues) != 2 || ran.queues[0] != emails || ran.queues[1] != c.want {
					t.Fatalf("ran in %v, want %s", ran.queues, c.want)
				}
				if gap := ran.at[1]; gap < 48*time.Second || gap > 83*time.Second {
					t.Errorf("again after %v, want about a minute", gap)
				}
			})
		})
	}
}

func TestAJobKeepsItsCountOfFailuresWhenItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, ran := newEnv(t), newRecord()
		env.enqueue(1)
		fresh := outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, RepeatLast: true, RetryQueue: "email/retry",
			Waits: []time.Duration{time.Minute, time.Hour}, Run: ran.always(outbox.Retry(errors.New("not now"))),
		}
		again := fresh
		again.Queues, again.RetryQueue = []store.QueueName{"email/retry"}, ""
		env.run(90*time.Minute, fresh, again)
		got := ran.times()
		if len(got) != 3 || got[1] > 2*time.Minute || got[2] < 45*time.Minute {
			t.Errorf("ran at %v, want again in a minute, and then in an hour", got)
		}
	})
}
