package outbox_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

// counting is a real store that counts how often it is asked for work.
type counting struct {
	store.Store
	leases, hastens atomic.Int64
}

func (s *counting) Lease(ctx context.Context, k store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	s.leases.Add(1)
	return s.Store.Lease(ctx, k, n, hold)
}

func (s *counting) RunNow(ctx context.Context, k store.QueueName, n int) (int, error) {
	s.hastens.Add(1)
	return s.Store.RunNow(ctx, k, n)
}

func TestAnIdleLaneLooksAtEachKindOncePerPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &counting{Store: open(t)}
		var kinds []store.QueueName
		for i := range 16 {
			kinds = append(kinds, store.QueueName(fmt.Sprint("k", i)))
		}
		begun, d := time.Now(), &diary{}
		b := box(t, st, 10*time.Second, outbox.Pool{Queues: kinds, Workers: 8, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
			Run: func(_ context.Context, e store.Job) (bool, error) { d.note(begun, e); return false, nil }})
		start(t, b)
		time.Sleep(5*time.Minute + time.Second)
		if got := st.leases.Load(); got != 16*31 {
			t.Errorf("it looked %d times in five minutes, want 16 kinds at the start and 30 times", got)
		}
		if st.hastens.Load() != 0 {
			t.Error("it made something due without Probe")
		}
		oweIn(t, st, "k7", 0, 1) // by another process
		time.Sleep(10 * time.Second)
		if len(d.tries()) != 1 {
			t.Error("what another process owed was not found within Poll")
		}
		before := st.leases.Load()
		oweIn(t, st, "k9", 0, 1)
		b.Wake("k9")
		synctest.Wait()
		if got := st.leases.Load() - before; len(d.tries()) != 2 || got != 2 {
			t.Errorf("after %d looks %d were tried, want two looks for one entry that was woken", got, len(d.tries()))
		}
	})
}
