package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/metrics"
)

func TestWhatHappenedIsCounted(t *testing.T) {
	m := metrics.New()
	m.Request("/c/:token", "POST", 200, 3*time.Millisecond)
	m.Request("/c/:token", "POST", 200, 3*time.Millisecond)
	m.Job("email", "completed", time.Second)
	m.Ready(true)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, line := range []string{
		`optin_http_requests_total{method="POST",route="/c/:token",status="200"} 2`,
		`optin_outbox_jobs_total{outcome="completed",queue="email"} 1`,
		`optin_store_ready 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	m.Ready(false)
	w = httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), "optin_store_ready 0\n") {
		t.Error("a store that is not ready is shown as ready")
	}
}
