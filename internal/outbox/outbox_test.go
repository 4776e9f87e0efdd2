package outbox_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

func TestEveryEntryIsDoneOnceHoweverManyWork(t *testing.T) {
	st := open(t)
	owe(t, st, 500)
	d := &diary{}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	lane := outbox.Pool{Queues: []store.QueueName{kind}, Workers: 8, Timeout: time.Minute, Waits: []time.Duration{time.Hour}, Run: func(_ context.Context, e store.Job) (bool, error) {
		d.note(time.Now(), e)
		if len(d.tries()) == 500 {
			stop()
		}
		return false, nil
	}}
	var both sync.WaitGroup
	for range 2 {
		b, err := outbox.New(outbox.Options{Store: st, Pools: []outbox.Pool{lane}})
		if err != nil {
			t.Fatal(err)
		}
		both.Go(func() { b.Run(ctx) })
	}
	both.Wait()
	seen := map[string]int{}
	for _, id := range d.ids {
		seen[id]++
	}
	if len(d.ids) != 500 || len(seen) != 500 {
		t.Errorf("%d trials of %d entries, want 500 of 500", len(d.ids), len(seen))
	}
}

func TestStoppingFinishesWhatIsInHand(t *testing.T) {
	st := open(t)
	owe(t, st, 2)
	ctx, stop := context.WithCancel(t.Context())
	finished := false
	b, err := outbox.New(outbox.Options{Store: st, Pools: []outbox.Pool{{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
		Run: func(ctx context.Context, e store.Job) (bool, error) {
			stop()
			<-time.After(50 * time.Millisecond)
			finished = ctx.Err() == nil
			return false, nil
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	b.Run(ctx)
	if !finished {
		t.Error("what was in hand was broken off")
	}
	left, err := st.Lease(t.Context(), kind, 10, time.Minute)
	if err != nil || len(left) != 1 {
		t.Errorf("%d entries left, %v; want the one that was not begun", len(left), err)
	}
}

func TestAWakeSavesTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		begun, d := time.Now(), &diary{}
		ctx, stop := context.WithCancel(t.Context())
		b, err := outbox.New(outbox.Options{Store: st, Poll: time.Hour, Pools: []outbox.Pool{{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
			Run: func(_ context.Context, e store.Job) (bool, error) { d.note(begun, e); stop(); return false, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		owe(t, st, 1)
		b.Wake(kind)
		b.Wake("another lane")
		<-done
		if got := d.tries()[0]; got > time.Minute+time.Second {
			t.Errorf("tried after %v", got)
		}
	})
}
