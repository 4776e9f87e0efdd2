package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// TestNoEventIsLostAndNoneIsDeliveredTwice sends three endpoints many events: one takes everything, one refuses each
// event once, one answers only after a while. In the middle the program is stopped and started.
func TestNoEventIsLostAndNoneIsDeliveredTwice(t *testing.T) {
	n, limit := 300, time.Minute
	if os.Getenv("OPTIN_SOAK") == "1" { // make soak
		n, limit = 10_000, 8*time.Minute
	}
	var delivered [3]counter
	var attempts counter
	var refused atomic.Int64
	answers := []http.HandlerFunc{
		func(_ http.ResponseWriter, r *http.Request) { delivered[0].add(r) },
		func(w http.ResponseWriter, r *http.Request) {
			if attempts.add(r) == 1 {
				refused.Add(1)
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			delivered[1].add(r)
		},
		func(_ http.ResponseWriter, r *http.Request) { <-time.After(time.Millisecond); delivered[2].add(r) },
	}
	st := openStore(t)
	var queues []store.QueueName
	var pools []outbox.Pool
	waits := []time.Duration{100 * time.Millisecond, time.Second, time.Second}
	for i, answer := range answers {
		r := receive(t, answer)
		r.Start()
		queues = append(queues, webhook.Queue("gazette", r.URL))
		pools = append(pools, pool(t, st, queues[i], private(r.URL), 4, waits))
	}
	enqueue(t, st, n, queues...)
	begun := time.Now()
	stop := work(t, st, pools...)
	until(t, limit, "half of them", func() bool { return delivered[0].ids() >= n/2 })
	stop()
	work(t, st, pools...)
	for i := range delivered {
		until(t, limit, "all of them", func() bool { return delivered[i].ids() == n })
	}
	t.Logf("%d events to %d endpoints within %v", n, len(answers), time.Since(begun).Round(time.Millisecond))
	for i := range delivered {
		for id, times := range delivered[i].calls {
			if times != 1 {
				t.Errorf("endpoint %d got %s %d times", i, id, times)
			}
		}
	}
	if refused.Load() != int64(n) {
		t.Errorf("%d refusals, want one for each of %d", refused.Load(), n)
	}
	left, err := st.Lease(t.Context(), queues[0], 1, time.Minute)
	if err != nil || len(left) != 0 {
		t.Errorf("%d jobs are left, %v", len(left), err)
	}
}

// byKey opens every job to an event of its own, whose id is the job's key.
type byKey struct{ store.Queue }

func (b byKey) Notified(ctx context.Context, job store.Job, _ confirm.Event, _ string) error {
	return b.End(ctx, job, store.Complete())
}

func (byKey) Event(_ context.Context, j store.Job) (confirm.Event, error) {
	return confirm.Event{
		ID: "evt_" + j.Key.ID, Type: consent.EventConfirmed, At: now,
		Data: consent.Status{ID: j.Key.ID, Site: j.Key.Site},
	}, nil
}

// openStore opens a store on the disk that promises nothing after a power cut.
func openStore(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"),
		Durability: store.DurabilityNone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// enqueue adds n jobs to every queue.
func enqueue(t *testing.T, st store.Store, n int, queues ...store.QueueName) {
	t.Helper()
	for i := range n {
		key := store.Key{Site: "gazette", ID: fmt.Sprintf("%022d", i)}
		c := store.Change{Put: &store.Record{State: "confirmed", Created: now, Data: []byte("x")}}
		for _, queue := range queues {
			c.Enqueue = append(c.Enqueue, store.Job{ID: key.ID + "-" + path.Base(string(queue)), Queue: queue,
				Body: []byte("x")})
		}
		if err := st.Update(t.Context(), key, func(store.Record) (store.Change, error) { return c, nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// pool is one as the program has it, for one endpoint.
func pool(
	t *testing.T, st store.Queue, queue store.QueueName, o webhook.Options, workers int, waits []time.Duration,
) outbox.Pool {
	t.Helper()
	if o.Events == nil {
		o.Events = byKey{st}
	}
	o.Waits = waits
	return outbox.Pool{
		Queues: []store.QueueName{queue}, Run: sender(t,
			o).Run, Workers: workers, Timeout: time.Minute, Waits: waits, RepeatLast: true,
	}
}

// work runs an outbox until stopped; stop waits for running jobs.
func work(t *testing.T, st store.Store, pools ...outbox.Pool) (stop func()) {
	t.Helper()
	b, err := outbox.New(outbox.Options{Store: st, Pools: pools, Poll: 50 * time.Millisecond, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { b.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(stop)
	return stop
}

// until polls for a condition.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// counter counts the calls that a receiver got, by the event's id.
type counter struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counter) add(r *http.Request) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	id := r.Header.Get(webhook.HeaderID)
	c.calls[id]++
	return c.calls[id]
}

func (c *counter) ids() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.calls) }
