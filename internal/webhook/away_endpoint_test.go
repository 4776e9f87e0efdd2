package webhook_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

const day = 24 * time.Hour

// arrivals are when each event was delivered, by its id.
type arrivals struct {
	mu sync.Mutex
	at map[string][]time.Time
}

// add reads the time from the call, because the receiver has another clock.
func (a *arrivals) add(r *http.Request) {
	seconds, err := strconv.ParseInt(r.Header.Get(webhook.HeaderTimestamp), 10, 64)
	if err != nil {
		panic(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := r.Header.Get(webhook.HeaderID)
	a.at[id] = append(a.at[id], time.Unix(seconds, 0))
}

// away is a website that is away and comes back. It is outside the bubble of the fake clock. No connection outlives an
// answer, because that clock stands still while a goroutine reads from one.
func away(t *testing.T) (r *receiver, back *atomic.Bool, got *arrivals) {
	t.Helper()
	back, got = new(atomic.Bool), &arrivals{at: map[string][]time.Time{}}
	r = receive(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Connection", "close")
		if !back.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		got.add(req)
	})
	r.Start()
	return r, back, got
}

func TestAnEndpointThatWasAwayForSixDaysGetsEveryEventOnce(t *testing.T) {
	r, back, got := away(t)
	synctest.Test(t, func(t *testing.T) {
		queue := webhook.Queue("gazette", r.URL)
		env := newEnv(t, queue)
		o := private(r.URL)
		o.Events, o.Now, o.Health = env.service.Website, time.Now, env.endpoints
		run := sender(t, o).Run
		const perDay, days = 4, 6
		begun := time.Now()
		stop := env.poll(queue, run, 5*time.Minute) // seldom: six days are long
		for n := range perDay * days {
			env.confirmMany(n)
			time.Sleep(day / perDay)
		}
		stop()
		stop = env.poll(queue, run, time.Second)
		defer stop()
		time.Sleep(time.Minute)
		returned := time.Now()
		back.Store(true)
		time.Sleep(2 * time.Minute)
		checkArrivals(t, got, perDay*days, begun, returned)
		if failed, _, err := env.endpoints.Failed(t.Context(), "gazette", "", 10); err != nil || len(failed) > 0 {
			t.Errorf("failed %v, %v", failed, err)
		}
	})
}

// poll works an endpoint's queue as the program does, except for how often it polls.
func (env *env) poll(queue store.QueueName, run outbox.Run, every time.Duration) (stop func()) {
	env.Helper()
	b, err := outbox.New(outbox.Options{Store: env.store, Poll: every, Log: quiet, Pools: []outbox.Pool{{
		Queues: []store.QueueName{queue}, Run: run, Workers: 2, Timeout: time.Minute,
		Waits: []time.Duration{time.Minute}, RepeatLast: true, ProbeEvery: webhook.ProbeEvery,
	}}})
	if err != nil {
		env.Fatal(err)
	}
	ctx, cancel := context.WithCancel(env.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// checkArrivals checks what docs/operations.md says of an endpoint's return.
func checkArrivals(t *testing.T, got *arrivals, want int, begun, returned time.Time) {
	t.Helper()
	got.mu.Lock()
	defer got.mu.Unlock()
	if len(got.at) != want {
		t.Errorf("%d events arrived, want %d", len(got.at), want)
	}
	var last time.Duration
	for id, at := range got.at {
		after := at[0].Sub(returned)
		if len(at) != 1 || after < 0 || after > time.Minute {
			t.Errorf("%s arrived at %v, %v after the return", id, at, after)
		}
		last = max(last, after)
	}
	t.Logf("away for %v; all had arrived %v after the return", returned.Sub(begun), last)
}
