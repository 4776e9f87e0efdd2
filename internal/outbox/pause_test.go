package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestAPoolPausesForAsLongAsPausedSays(t *testing.T) {
	const poll = 10 * time.Second
	for name, c := range map[string]struct {
		says        time.Duration // each time it is asked
		until       time.Duration // from then on it returns zero
		least, most time.Duration
	}{
		"not at all":               {0, time.Hour, 0, 0},
		"shorter than Poll":        {2 * time.Second, 3 * time.Second, 3 * time.Second, 4 * time.Second},
		"until it says otherwise":  {time.Hour, time.Minute, time.Minute, time.Minute + poll},
		"longer than it said once": {time.Minute, 3 * time.Minute, 3 * time.Minute, 3*time.Minute + poll},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newEnv(t)
				calls := &counting{Queue: env.store}
				env.queue = calls
				env.enqueue(3)
				ran, paused := newRecord(), new(enough)
				b := env.outbox(poll, outbox.Pool{
					Queues: []store.QueueName{emails}, Workers: 3, Timeout: time.Minute, Waits: hourly,
					ProbeEvery: time.Second, RepeatLast: true, Run: ran.complete,
					Paused: func() time.Duration {
						paused.ask()
						if time.Since(ran.since) < c.until {
							return c.says
						}
						return 0
					},
				})
				env.start(b)
				if c.least > 0 {
					time.Sleep(c.least - time.Second)
					b.Wake(emails)
					synctest.Wait()
					if n := calls.leases.Load() + calls.runNows.Load(); n != 0 {
						t.Errorf("it called the store %d times while it was paused", n)
					}
				}
				time.Sleep(c.most + time.Second)
				got := ran.times()
				if len(got) != 3 || got[0] < c.least || got[2] > c.most {
					t.Errorf("ran at %v, want from %v to %v", got, c.least, c.most)
				}
			})
		})
	}
}

func TestPausedIsAskedBeforeEachLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		env.enqueue(3)
		ran, pauseUntil, paused := newRecord(), time.Time{}, new(enough)
		env.start(env.outbox(time.Minute, outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run: func(_ context.Context, job store.Job) outbox.Result {
				ran.add(job)
				pauseUntil = time.Now().Add(20 * time.Second)
				return outbox.Complete()
			},
			Paused: func() time.Duration { paused.ask(); return max(0, time.Until(pauseUntil)) },
		}))
		time.Sleep(59 * time.Second)
		got := ran.times()
		if len(got) != 3 || got[0] != 0 || got[1] != 20*time.Second || got[2] != 40*time.Second {
			t.Errorf("ran at %v, want one every 20 s", got)
		}
	})
}

func TestAPausedPoolStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newEnv(t)
		env.enqueue(1)
		begun := time.Now()
		stop := env.start(env.outbox(time.Hour, outbox.Pool{
			Queues: []store.QueueName{emails}, Timeout: time.Minute, Waits: hourly,
			Run:    func(context.Context, store.Job) outbox.Result { t.Error("the job ran"); return outbox.Complete() },
			Paused: func() time.Duration { return time.Hour },
		}))
		time.Sleep(time.Second)
		stop()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it stopped after %v", took)
		}
	})
}
