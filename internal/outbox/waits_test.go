package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

type later time.Duration

func (l later) Error() string             { return "not before " + time.Duration(l).String() }
func (l later) RetryAfter() time.Duration { return time.Duration(l) }

type parked struct{}

func (parked) Error() string { return "never" }
func (parked) Park() bool    { return true }

func TestARefusedEntryIsTriedAgainByTheTableOfWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		waits := []time.Duration{time.Minute, time.Hour}
		run(t, st, 4*time.Hour, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: waits, Run: func(_ context.Context, e store.Job) (bool, error) {
			d.note(begun, e)
			return false, errors.New("not now")
		}})
		got := d.tries()
		if len(got) != 3 {
			t.Fatalf("tried at %v, want three times and then parked", got)
		}
		for i, w := range waits {
			if gap := got[i+1] - got[i]; gap < w-w/5 || gap > w+w/5+11*time.Second {
				t.Errorf("wait %d was %v, want %v give or take a fifth", i, gap, w)
			}
		}
	})
}

func TestALaneThatRepeatsGoesOnUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, time.Hour, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, RepeatLast: true, Waits: []time.Duration{time.Minute}, Run: func(_ context.Context, e store.Job) (bool, error) {
			d.note(begun, e)
			if e.Attempts < 20 {
				return false, errors.New("not now")
			}
			return false, nil
		}})
		if n := len(d.tries()); n != 20 {
			t.Errorf("tried %d times, want 20", n)
		}
	})
}

func TestAnErrorMayAskForALongerWaitOrForNone(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"longer": {fmt.Errorf("the receiver: %w", later(30*time.Minute)), 2},
		"parked": {fmt.Errorf("gone: %w", parked{}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := open(t)
				owe(t, st, 1)
				begun, d := time.Now(), &diary{}
				run(t, st, 50*time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, RepeatLast: true, Waits: []time.Duration{time.Second}, Run: func(_ context.Context, e store.Job) (bool, error) {
					d.note(begun, e)
					return false, c.err
				}})
				if n := len(d.tries()); n != c.want {
					t.Errorf("tried %d times, want %d", n, c.want)
				}
			})
		})
	}
}

type soon time.Duration

func (s soon) Error() string       { return "not its turn" }
func (s soon) Wait() time.Duration { return time.Duration(s) }

func TestWhatWasPutOffForOthersSakeBeginsTheTableWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		lane := outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, RepeatLast: true, RetryQueue: "email/retry",
			Waits: []time.Duration{time.Minute, 10 * time.Minute, time.Hour},
			Run: func(_ context.Context, e store.Job) (bool, error) {
				d.note(begun, e)
				if e.Attempts < 10 || e.Attempts%2 == 1 { // it fails at the 10th, the 12th, and so on
					return false, soon(10 * time.Second)
				}
				return false, errors.New("not now")
			}}
		again := lane
		again.Queues, again.RetryQueue = []store.QueueName{"email/retry"}, ""
		run(t, st, 4*time.Hour, lane, again)
		got := d.tries()
		if len(got) < 17 {
			t.Fatalf("tried at %v", got)
		}
		for n, w := range append(lane.Waits, time.Hour) {
			try := 10 + 2*n
			if gap := got[try] - got[try-1]; gap < w-w/5 || gap > w+w/5+11*time.Second {
				t.Errorf("after try %d it waited %v, want %v give or take a fifth", try, gap, w)
			}
		}
	})
}

func TestAPanicIsOneEntrysTroubleOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 3)
		begun, d := time.Now(), &diary{}
		run(t, st, time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour}, Run: func(_ context.Context, e store.Job) (bool, error) {
			if e.ID == "letter-0" {
				panic("bad entry")
			}
			d.note(begun, e)
			return false, nil
		}})
		if n := len(d.tries()); n != 2 {
			t.Errorf("%d others were done, want 2", n)
		}
	})
}
