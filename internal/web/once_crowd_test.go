package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// lossy is a real store that is away whenever every third answer is to be kept, as if the process had died between an act and that.
type lossy struct {
	Store
	n    atomic.Int64
	lost atomic.Int64
}

func (l *lossy) CompareAndSwap(ctx context.Context, name string, old, value []byte, d time.Duration) error {
	if l.n.Add(1)%3 == 0 {
		l.lost.Add(1)
		return store.ErrUnavailable
	}
	return l.Store.CompareAndSwap(ctx, name, old, value, d)
}

// TestNoSignupIsCarriedOutTwiceUnderItsKey sends each key's signup many times at once to two replicas, of which one loses answers; and the
// same again when the keys of lost answers are free and the limits would allow another letter.
func TestNoSignupIsCarriedOutTwiceUnderItsKey(t *testing.T) {
	keys, times := 30, 5 // twice
	if os.Getenv("OPTIN_SOAK") == "1" {
		keys = 1000
	}
	bad := &lossy{}
	w := newEnv(t)
	o := w.web.Options
	bad.Store, o.Store = o.Store, bad
	replica, err := newApp(o)
	must(t, err)
	other := httptest.NewUnstartedServer(nil)
	other.Config = HTTPServer("", replica.echo)
	other.Start()
	t.Cleanup(other.Close)
	var replayed, running atomic.Int64
	send := func(n, nth int) {
		url := []string{w.http.URL, other.URL}[nth%2]
		body := fmt.Sprintf(`{"email":"p%d@b.example","consent":true}`, n)
		req, err := http.NewRequestWithContext(t.Context(), "POST", url+signupPath, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = http.Header{"Content-Type": {request.MediaJSON}, "Idempotency-Key": {fmt.Sprintf("k%d", n)}}
		res, err := w.http.Client().Transport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		_ = res.Body.Close()
		switch {
		case res.StatusCode == http.StatusConflict:
			running.Add(1)
		case res.StatusCode != http.StatusAccepted:
			t.Errorf("key %d: %s", n, res.Status)
		case res.Header.Get("Idempotency-Replayed") != "":
			replayed.Add(1)
		}
	}
	for round, want := range []int{keys, 0} {
		for part := range (keys + 29) / 30 {
			var all sync.WaitGroup
			for n := part * 30; n < min(keys, part*30+30); n++ {
				for nth := range times {
					all.Go(func() { send(n, n+nth) })
				}
			}
			all.Wait()
		}
		got := 0
		for more := w.emails(); len(more) > 0; more = w.emails() {
			got += len(more)
		}
		if got != want {
			t.Errorf("round %d: %d emails are due, want %d", round+1, got, want)
		}
		w.clock.pass(11 * time.Minute)
	}
	if replayed.Load() == 0 || running.Load() == 0 || bad.lost.Load() == 0 {
		t.Errorf("%d were replayed, %d refused, %d answers lost, so this proves nothing", replayed.Load(), running.Load(), bad.lost.Load())
	}
	t.Logf("of %d requests %d were replayed, %d refused; %d answers were lost", 2*keys*times, replayed.Load(), running.Load(), bad.lost.Load())
}
