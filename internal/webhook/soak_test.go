package webhook_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// TestNoEventIsLostAndNoneIsTakenTwice tells three endpoints many events: one takes everything, one refuses each event once, one answers
// only after a while. In the middle the program is stopped and started.
func TestNoEventIsLostAndNoneIsTakenTwice(t *testing.T) {
	n, limit := 300, time.Minute
	if soak() {
		n, limit = 10_000, 8*time.Minute
	}
	var took [3]tally
	var tries tally
	var refused atomic.Int64
	answers := []http.HandlerFunc{
		func(_ http.ResponseWriter, r *http.Request) { took[0].take(r) },
		func(w http.ResponseWriter, r *http.Request) {
			if tries.take(r) == 1 {
				refused.Add(1)
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			took[1].take(r)
		},
		func(_ http.ResponseWriter, r *http.Request) { <-time.After(time.Millisecond); took[2].take(r) },
	}
	st := openStore(t)
	var kinds []store.QueueName
	var lanes []outbox.Pool
	for i, answer := range answers {
		r := receive(t, answer)
		r.Start()
		kinds = append(kinds, webhook.Queue("gazette", r.URL))
		lanes = append(lanes, lane(t, kinds[i], private(r.URL), 4, []time.Duration{100 * time.Millisecond, time.Second, time.Second}))
	}
	owe(t, st, n, kinds...)
	begun := time.Now()
	stop := work(t, st, nil, lanes...)
	until(t, limit, "half of them", func() bool { return took[0].ids() >= n/2 })
	stop()
	work(t, st, nil, lanes...)
	for i := range took {
		until(t, limit, "all of them", func() bool { return took[i].ids() == n })
	}
	t.Logf("%d events to %d endpoints within %v", n, len(answers), time.Since(begun).Round(time.Millisecond))
	for i := range took {
		for id, times := range took[i].taken {
			if times != 1 {
				t.Errorf("endpoint %d took %s %d times", i, id, times)
			}
		}
	}
	if refused.Load() != int64(n) {
		t.Errorf("%d refusals, want one for each of %d", refused.Load(), n)
	}
	left, err := st.Lease(t.Context(), kinds[0], 1, time.Minute)
	if err != nil || len(left) != 0 {
		t.Errorf("%d are still owed, %v", len(left), err)
	}
}
