package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

const day = 24 * time.Hour

// confirmed lets one more person say yes; the store then owes the event.
func confirmed(t *testing.T, s *confirm.Service, n int) {
	t.Helper()
	a, err := address.Parse(fmt.Sprintf("p%d@example.org", n))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Signup(t.Context(), "gazette", confirm.NewSignup{Address: a, Purposes: []string{"letter"}, Locale: "fr"}); err != nil {
		t.Fatal(err)
	}
	e := lease(t, s, confirm.EmailQueues()...)
	draft, err := s.Message(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.End(t.Context(), e, store.Complete()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Confirm(t.Context(), path.Base(draft.Confirm), consent.Evidence{How: consent.ByLink}); err != nil {
		t.Fatal(err)
	}
}

// arrivals are when each event was taken, by id.
type arrivals struct {
	mu sync.Mutex
	at map[string][]time.Time
}

// take reads the time from the call, for the receiver's own clock is another.
func (a *arrivals) take(r *http.Request) {
	seconds, err := strconv.ParseInt(r.Header.Get(webhook.HeaderTimestamp), 10, 64)
	if err != nil {
		panic(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := r.Header.Get(webhook.HeaderID)
	a.at[id] = append(a.at[id], time.Unix(seconds, 0))
}

// away is a website that is away and comes back. It is outside the bubble of the fake clock; no connection
// outlives an answer, for that clock stands still while somebody reads from one.
func away(t *testing.T) (r *receiver, back *atomic.Bool, got *arrivals) {
	t.Helper()
	back, got = new(atomic.Bool), &arrivals{at: map[string][]time.Time{}}
	r = receive(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Connection", "close")
		if !back.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		got.take(req)
	})
	r.Start()
	return r, back, got
}

func TestAReceiverThatWasAwayForSixDaysGetsEveryEventOnce(t *testing.T) {
	r, back, got := away(t)
	synctest.Test(t, func(t *testing.T) {
		kind := webhook.Queue("gazette", r.URL)
		s := service(t, kind)
		o := private(r.URL)
		o.Events, o.Now, o.Switch = s, time.Now, s
		try := caller(t, o).Run
		const perDay, days = 4, 6
		begun := time.Now()
		stop := looking(t, s, kind, try, 5*time.Minute) // seldom: six days are long
		for n := range perDay * days {
			confirmed(t, s, n)
			time.Sleep(day / perDay)
		}
		stop()
		stop = looking(t, s, kind, try, time.Second)
		defer stop()
		time.Sleep(time.Minute)
		returned := time.Now()
		back.Store(true)
		time.Sleep(2 * time.Minute)
		checkArrivals(t, got, perDay*days, begun, returned)
		if parked, _, err := s.FailedEvents(t.Context(), "gazette", "", 10); err != nil || len(parked) > 0 {
			t.Errorf("parked %v, %v", parked, err)
		}
	})
}

// looking works an endpoint's lane as the program does, but for how often it looks.
func looking(t *testing.T, s *confirm.Service, kind store.QueueName, try outbox.Run, poll time.Duration) (stop func()) {
	t.Helper()
	b, err := outbox.New(outbox.Options{Store: s.Store, Poll: poll, Log: quiet, Pools: []outbox.Pool{{
		Queues: []store.QueueName{kind}, Run: try, Workers: 2, Timeout: time.Minute, Waits: []time.Duration{time.Minute}, RepeatLast: true, Probe: webhook.ProbeEvery,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// checkArrivals holds them to what docs/operations.md says.
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
