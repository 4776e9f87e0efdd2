package outbox_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// deaf is a real store that cannot be asked about one kind.
type deaf struct {
	store.Store
	kind  store.QueueName
	asked int
}

func (s *deaf) Lease(ctx context.Context, k store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	if k == s.kind {
		s.asked++
		return nil, store.ErrUnavailable
	}
	return s.Store.Lease(ctx, k, n, hold)
}

func TestAKindThatCannotBeLeasedStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &deaf{Store: open(t), kind: "sick"}
		oweIn(t, st, "sick", 0, 3)
		oweIn(t, st, "well", 0, 100)
		begun, d, log := time.Now(), &diary{}, &lines{}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		b, err := outbox.New(outbox.Options{Store: st, Log: slog.New(log), Pools: []outbox.Pool{{
			Queues: []store.QueueName{"sick", "well"}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
			Run: func(_ context.Context, e store.Job) (bool, error) { d.note(begun, e); return false, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		b.Run(ctx)
		if got := d.tries(); len(got) != 100 || got[99] > time.Second {
			t.Errorf("%d of 100 were done", len(got))
		}
		if st.asked < 10 || st.asked > 30 {
			t.Errorf("asked %d times in ten minutes, want about every half minute", st.asked)
		}
		if log.count("cannot lease") != 1 {
			t.Errorf("said %d times that it cannot lease, want once", log.count("cannot lease"))
		}
	})
}

// slow is a real store that takes long to be asked about one kind.
type slow struct {
	store.Store
	kind store.QueueName
}

func (s slow) Lease(ctx context.Context, k store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	if k == s.kind {
		time.Sleep(5 * time.Second)
	}
	return s.Store.Lease(ctx, k, n, hold)
}

func TestAKindThatTakesLongToLeaseDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		begun, d := time.Now(), &diary{}
		start(t, box(t, slow{st, "sick"}, 10*time.Second, outbox.Pool{
			Queues: []store.QueueName{"sick", "well"}, Workers: 2, Timeout: time.Minute, Waits: day,
			Run: func(_ context.Context, e store.Job) (bool, error) { d.note(begun, e); return false, nil }}))
		time.Sleep(9 * time.Second) // both idle
		oweIn(t, st, "well", 0, 1)
		time.Sleep(10 * time.Second)
		if got := d.tries(); len(got) != 1 || got[0] != 10*time.Second {
			t.Errorf("tried at %v, want at the next look", got)
		}
	})
}
