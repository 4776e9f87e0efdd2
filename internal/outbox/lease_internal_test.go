package outbox

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// renews is a store that counts how often leases are renewed.
type renews struct {
	store.Queue
	n atomic.Int64
}

func (s *renews) RenewLease(context.Context, store.Job, time.Duration) error { s.n.Add(1); return nil }

func TestALeaseIsRenewedFromAThirdOfItOn(t *testing.T) {
	s := &renews{}
	b, err := New(Options{Store: s, Pools: []Pool{{
		Queues: []store.QueueName{"a"}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
		Run: func(context.Context, store.Job) Result { return Complete() },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	_, release := b.pools[0].keepLease(t.Context(), leasedJob{Job: store.Job{ID: "j", Queue: "a"}, since: since})
	for after, want := range []int64{0, 1} {
		b.renewLeases(t.Context(), since.Add(10*time.Second-1+time.Duration(after)))
		if n := s.n.Load(); n != want {
			t.Errorf("%v after it was granted it has been renewed %d times", 10*time.Second-1+time.Duration(after), n)
		}
	}
	release()
	if b.renewLeases(t.Context(), since.Add(time.Hour)); s.n.Load() != 1 {
		t.Error("the lease of a job that has ended is renewed")
	}
	if len(b.probed) > 0 {
		t.Errorf("a pool that does not probe has %d queues looked at at every poll", len(b.probed))
	}
}
