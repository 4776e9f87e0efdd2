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

func TestLanesThatCannotWorkAreRefused(t *testing.T) {
	good := func() outbox.Pool {
		return outbox.Pool{Queues: []store.QueueName{"a", "b"}, Timeout: time.Second, Waits: []time.Duration{time.Second},
			Run: func(context.Context, store.Job) (bool, error) { return false, nil }}
	}
	for name, spoil := range map[string]func(l *outbox.Pool){
		"no kinds":                  func(l *outbox.Pool) { l.Queues = nil },
		"a kind without a name":     func(l *outbox.Pool) { l.Queues = []store.QueueName{"a", ""} },
		"a kind twice":              func(l *outbox.Pool) { l.Queues = []store.QueueName{"a", "a"} },
		"a kind of another lane":    func(l *outbox.Pool) { l.Queues = []store.QueueName{"a", "other"} },
		"no trial":                  func(l *outbox.Pool) { l.Run = nil },
		"no limit":                  func(l *outbox.Pool) { l.Timeout = 0 },
		"no waits":                  func(l *outbox.Pool) { l.Waits = nil },
		"fewer than no workers":     func(l *outbox.Pool) { l.Workers = -1 },
		"fewer than none at a kind": func(l *outbox.Pool) { l.PerQueue = -1 },
		"probing before":            func(l *outbox.Pool) { l.Probe, l.RepeatLast = -time.Second, true },
		"probing to the end":        func(l *outbox.Pool) { l.Probe = time.Second },
		"a Then that nobody works":  func(l *outbox.Pool) { l.RetryQueue = "nowhere" },
		"nothing":                   nil,
	} {
		l, other := good(), good()
		other.Queues = []store.QueueName{"other"}
		if spoil != nil {
			spoil(&l)
		}
		if _, err := outbox.New(outbox.Options{Store: open(t), Pools: []outbox.Pool{l, other}}); (err == nil) != (spoil == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := outbox.New(outbox.Options{Pools: []outbox.Pool{good()}}); err == nil {
		t.Error("it would work without a store")
	}
}

type moving store.QueueName

func (moving) Error() string           { return "elsewhere" }
func (m moving) Lane() store.QueueName { return store.QueueName(m) }

func TestWhatIsTriedAgainIsTriedInTheLaneWhereItWaits(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		then store.QueueName
		want store.QueueName
	}{
		"as the lane says":    {errors.New("not now"), "email/retry", "email/retry"},
		"as the trial says":   {moving("email/slow"), "email/retry", "email/slow"},
		"nowhere else":        {errors.New("not now"), "", kind},
		"where nobody works":  {moving("nowhere"), "email/retry", kind},
		"where it is already": {moving(kind), "email/retry", kind},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := open(t)
				owe(t, st, 1)
				begun, d := time.Now(), &diary{}
				fresh := outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Minute}, RepeatLast: true, RetryQueue: c.then}
				fresh.Run = func(_ context.Context, e store.Job) (bool, error) {
					d.note(begun, e)
					if e.Attempts > 1 {
						return false, nil
					}
					return false, c.err
				}
				again := fresh
				again.Queues, again.RetryQueue = []store.QueueName{"email/retry", "email/slow"}, ""
				again.Run = func(_ context.Context, e store.Job) (bool, error) {
					d.note(begun, e)
					if e.Attempts != 2 {
						t.Errorf("it forgot that it was tried: %d", e.Attempts)
					}
					return false, nil
				}
				run(t, st, 5*time.Minute, fresh, again)
				if len(d.kinds) != 2 || d.kinds[0] != kind || d.kinds[1] != c.want {
					t.Fatalf("tried in %v, want %s", d.kinds, c.want)
				}
				if gap := d.at[1]; gap < 48*time.Second || gap > 83*time.Second {
					t.Errorf("again after %v, want about a minute", gap)
				}
			})
		})
	}
}

func TestATrialThatHangsToItsLimitWaitsByTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, 90*time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour}, RepeatLast: true,
			Run: func(ctx context.Context, e store.Job) (bool, error) {
				d.note(begun, e)
				<-ctx.Done()
				return false, context.Cause(ctx)
			}})
		if got := d.tries(); len(got) != 2 || got[1] < 49*time.Minute || got[1] > 73*time.Minute+10*time.Second {
			t.Errorf("tried at %v, want again about an hour after the limit", got)
		}
	})
}
