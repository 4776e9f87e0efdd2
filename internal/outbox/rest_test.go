package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestALaneRestsForAsLongAsItIsToldTo(t *testing.T) {
	const poll = 10 * time.Second
	for name, c := range map[string]struct {
		says        time.Duration // as a rest, each time it is asked
		until       time.Duration // it says nothing any more from then on
		least, most time.Duration
	}{
		"not at all":                    {0, time.Hour, 0, 0},
		"shorter than a look":           {2 * time.Second, 3 * time.Second, 3 * time.Second, 4 * time.Second},
		"until it changes its mind":     {time.Hour, time.Minute, time.Minute, time.Minute + poll},
		"longer than it said, if asked": {time.Minute, 3 * time.Minute, 3 * time.Minute, 3*time.Minute + poll},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &counting{Store: open(t)}
				owe(t, st, 3)
				begun, d := time.Now(), &diary{}
				b := box(t, st, poll, outbox.Pool{Queues: []store.QueueName{kind}, Workers: 3, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
					Probe: time.Second, RepeatLast: true,
					Run: func(_ context.Context, e store.Job) (bool, error) { d.note(begun, e); return false, nil },
					Paused: func() time.Duration {
						if time.Since(begun) < c.until {
							return c.says
						}
						return 0
					}})
				start(t, b)
				if c.least > 0 {
					time.Sleep(c.least - time.Second)
					b.Wake(kind)
					synctest.Wait()
					if n := st.leases.Load() + st.hastens.Load(); n != 0 {
						t.Errorf("it asked for work %d times while it was to rest", n)
					}
				}
				time.Sleep(c.most + time.Second)
				got := d.tries()
				if len(got) != 3 || got[0] < c.least || got[2] > c.most {
					t.Errorf("tried at %v, want from %v to %v", got, c.least, c.most)
				}
			})
		})
	}
}

func TestARestIsAskedForBeforeEachLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 3)
		begun, d, tired := time.Now(), &diary{}, time.Time{}
		start(t, box(t, st, time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
			Run: func(_ context.Context, e store.Job) (bool, error) {
				d.note(begun, e)
				tired = time.Now().Add(20 * time.Second)
				return false, nil
			},
			Paused: func() time.Duration { return max(0, time.Until(tired)) }}))
		time.Sleep(59 * time.Second)
		got := d.tries()
		if len(got) != 3 || got[0] != 0 || got[1] != 20*time.Second || got[2] != 40*time.Second {
			t.Errorf("tried at %v, want one every 20 s", got)
		}
	})
}

func TestARestingLaneStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun := time.Now()
		stop := start(t, box(t, st, time.Hour, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
			Run:    func(context.Context, store.Job) (bool, error) { t.Error("it was tried"); return false, nil },
			Paused: func() time.Duration { return time.Hour }}))
		time.Sleep(time.Second)
		stop()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it stopped after %v", took)
		}
	})
}
