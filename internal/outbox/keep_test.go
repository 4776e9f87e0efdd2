package outbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestALongTrialKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, 20*time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Workers: 3, Timeout: 10 * time.Minute, Waits: []time.Duration{time.Hour}, Run: func(_ context.Context, e store.Job) (bool, error) {
			d.note(begun, e)
			time.Sleep(5 * time.Minute)
			return false, nil
		}})
		if n := len(d.tries()); n != 1 {
			t.Errorf("begun %d times, want once", n)
		}
		if left, err := st.Lease(t.Context(), kind, 1, time.Second); err != nil || len(left) != 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	})
}

func TestWhatADeadProcessHeldComesBackSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		if _, err := st.Lease(t.Context(), kind, 1, 30*time.Second); err != nil { // and dies
			t.Fatal(err)
		}
		begun, d := time.Now(), &diary{}
		run(t, st, 2*time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour}, Run: func(_ context.Context, e store.Job) (bool, error) {
			d.note(begun, e)
			return false, nil
		}})
		if got := d.tries(); len(got) != 1 || got[0] > 41*time.Second {
			t.Errorf("begun at %v, want once, when the hold was over", got)
		}
	})
}

// cut is a store that cannot be reached for extending leases.
type cut struct{ store.Store }

func (cut) RenewLease(context.Context, store.Job, time.Duration) error { return store.ErrUnavailable }

func TestAnEntryWhoseLeaseRanOutIsNotTriedBesideItselfHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d, inHand := time.Now(), &diary{}, make(chan struct{}, 1)
		run(t, cut{st}, 20*time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Workers: 3, Timeout: 10 * time.Minute, Waits: []time.Duration{time.Hour}, Run: func(_ context.Context, e store.Job) (bool, error) {
			d.note(begun, e)
			select {
			case inHand <- struct{}{}:
			default:
				t.Error("it is in hand already")
				return false, nil
			}
			time.Sleep(3 * time.Minute)
			<-inHand
			return false, nil
		}})
		if len(d.tries()) < 2 {
			t.Error("nobody saw to the entry after its lease was lost")
		}
	})
}

// robbed is a real store in which every lease has passed on by the time it is to be extended.
type robbed struct{ store.Store }

func (robbed) RenewLease(context.Context, store.Job, time.Duration) error { return store.ErrLeaseLost }

func TestATrialEndsWhenItsLeaseHasPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, ended := time.Now(), time.Duration(0)
		run(t, robbed{st}, 20*time.Minute, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Hour, Waits: []time.Duration{time.Hour}, Run: func(ctx context.Context, _ store.Job) (bool, error) {
			<-ctx.Done()
			if ended == 0 { // it comes back, and is taken from us again
				ended = time.Since(begun)
			}
			return false, context.Cause(ctx)
		}})
		if ended == 0 || ended > 30*time.Second {
			t.Errorf("it ended after %v", ended)
		}
	})
}
