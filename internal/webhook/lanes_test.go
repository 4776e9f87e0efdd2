package webhook_test

import (
	"context"
	"fmt"
	"net"
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

// byEntry opens every entry to an event of its own, whose id is the entry's key.
type byEntry struct{}

func (byEntry) Event(_ context.Context, e store.Job) (confirm.Event, error) {
	return confirm.Event{ID: "evt_" + e.Key.ID, Type: consent.EventConfirmed, At: now, Data: consent.Status{ID: e.Key.ID, Site: e.Key.Site}}, nil
}

// soak tells whether a test may take its time: make soak.
func soak() bool { return os.Getenv("OPTIN_SOAK") == "1" }

// openStore opens a store on the disk that promises nothing to a power cut.
func openStore(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Durability: sqlite.None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// owe owes every lane n events.
func owe(t *testing.T, st store.Store, n int, lanes ...store.QueueName) {
	t.Helper()
	for i := range n {
		key := store.Key{Site: "gazette", ID: fmt.Sprintf("%022d", i)}
		c := store.Change{Put: &store.Record{State: "confirmed", Created: now, Data: []byte("x")}}
		for _, lane := range lanes {
			c.Enqueue = append(c.Enqueue, store.Job{ID: key.ID + "-" + path.Base(string(lane)), Queue: lane, Body: []byte("x")})
		}
		if err := st.Update(t.Context(), key, func(store.Record) (store.Change, error) { return c, nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// lane is one as the program has it, to a receiver.
func lane(t *testing.T, kind store.QueueName, o webhook.Options, workers int, waits []time.Duration) outbox.Pool {
	t.Helper()
	if o.Events == nil {
		o.Events = byEntry{}
	}
	o.Waits = waits
	return outbox.Pool{Queues: []store.QueueName{kind}, Run: caller(t, o).Run, Workers: workers, Timeout: time.Minute, Waits: waits, RepeatLast: true}
}

// work runs an outbox until stopped; stop waits for what is in hand.
func work(t *testing.T, st store.Store, observe func(store.QueueName, string, time.Duration), lanes ...outbox.Pool) (stop func()) {
	t.Helper()
	b, err := outbox.New(outbox.Options{Store: st, Pools: lanes, Poll: 50 * time.Millisecond, Log: quiet, Observe: observe})
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

// tally counts what a receiver took, by id.
type tally struct {
	mu    sync.Mutex
	taken map[string]int
}

func (c *tally) take(r *http.Request) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken == nil {
		c.taken = map[string]int{}
	}
	id := r.Header.Get(webhook.HeaderID)
	c.taken[id]++
	return c.taken[id]
}

func (c *tally) ids() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.taken) }

// TestAReceiverOfAByteAtATimeSlowsNobodyElse works both lanes in one outbox, as the program does. What the quick one is owed comes only
// once each worker of the slow one waits for a byte.
func TestAReceiverOfAByteAtATimeSlowsNobodyElse(t *testing.T) {
	st := openStore(t)
	const n, workers, timeout = 40, 2, 3 * time.Second
	slowLane, quickLane := webhook.Queue("gazette", "slow"), webhook.Queue("gazette", "quick")
	var asked atomic.Int32
	drop := drip("HTTP/1.1 200 ")
	slow := private(server(t, func(conn net.Conn) { asked.Add(1); drop(conn) }))
	slow.Timeout = timeout
	var got tally
	quick := receive(t, func(_ http.ResponseWriter, r *http.Request) { got.take(r) })
	quick.Start()
	owe(t, st, n, slowLane)
	work(t, st, nil, lane(t, slowLane, slow, workers, webhook.Waits()), lane(t, quickLane, private(quick.URL), workers, webhook.Waits()))
	until(t, 10*time.Second, "the slow one is asked", func() bool { return asked.Load() == workers })
	begun := time.Now()
	owe(t, st, n, quickLane)
	until(t, 10*time.Second, "the quick one has all", func() bool { return got.ids() == n })
	if took := time.Since(begun); took > timeout/2 {
		t.Errorf("the quick one waited %v", took)
	} else if now := asked.Load(); now != workers {
		t.Errorf("the slow one was asked %d times, so it was not slow, and this proves nothing", now)
	}
}
