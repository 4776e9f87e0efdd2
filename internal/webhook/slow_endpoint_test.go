package webhook_test

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/internal/webhook"
)

// TestAnEndpointThatAnswersAByteAtATimeDelaysNoOther works both queues in one outbox, as the program does. The quick
// endpoint gets its events only once each worker of the slow one waits for a byte.
func TestAnEndpointThatAnswersAByteAtATimeDelaysNoOther(t *testing.T) {
	st := openStore(t)
	const n, workers, timeout = 40, 2, 3 * time.Second
	slowQueue, quickQueue := webhook.Queue("gazette", "slow"), webhook.Queue("gazette", "quick")
	var called atomic.Int32
	dripping := drip("HTTP/1.1 200 ")
	slow := private(server(t, func(conn net.Conn) { called.Add(1); dripping(conn) }))
	slow.Timeout = timeout
	var got counter
	quick := receive(t, func(_ http.ResponseWriter, r *http.Request) { got.add(r) })
	quick.Start()
	enqueue(t, st, n, slowQueue)
	work(t, st, pool(t, st, slowQueue, slow, workers, webhook.Waits()),
		pool(t, st, quickQueue, private(quick.URL), workers, webhook.Waits()))
	until(t, 10*time.Second, "the slow one is called", func() bool { return called.Load() == workers })
	begun := time.Now()
	enqueue(t, st, n, quickQueue)
	until(t, 10*time.Second, "the quick one has all", func() bool { return got.ids() == n })
	if took := time.Since(begun); took > timeout/2 {
		t.Errorf("the quick one waited %v", took)
	} else if now := called.Load(); now != workers {
		t.Errorf("the slow one was called %d times, so it was not slow, and this proves nothing", now)
	}
}
