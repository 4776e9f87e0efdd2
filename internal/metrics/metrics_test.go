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
	m.Request("/c/:token", "POST", 200, 3*time.Millisecond, metrics.Source{})
	m.Request("/c/:token", "POST", 200, 3*time.Millisecond, metrics.Source{})
	m.Job("email", "completed", time.Second, metrics.Source{})
	m.Job("a\"b\\c\nd", "lost", time.Second, metrics.Source{}) // no queue is named like that; a label may be
	for range 2 {
		m.Email("gazette", "sent", "", time.Second, metrics.Source{}) // the relay said no class
		m.Email("gazette", "sent", "2.0", 0, metrics.Source{})
	}
	m.Relay("smtp.example.org:587", true)
	m.Ready("")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, line := range []string{
		`# TYPE optin_http_requests_total counter`,
		`optin_http_requests_total{route="/c/:token",method="POST",status="200"} 2`,
		`# TYPE optin_http_request_seconds histogram`,
		`optin_http_request_seconds_bucket{route="/c/:token",le="0.0025"} 0`,
		`optin_http_request_seconds_bucket{route="/c/:token",le="0.005"} 2`,
		`optin_http_request_seconds_bucket{route="/c/:token",le="+Inf"} 2`,
		`optin_http_request_seconds_sum{route="/c/:token"} 0.006`,
		`optin_http_request_seconds_count{route="/c/:token"} 2`,
		`optin_outbox_jobs_total{queue="email",outcome="completed"} 1`,
		`optin_outbox_jobs_total{queue="a\"b\\c\nd",outcome="lost"} 1`,
		`optin_emails_total{site="gazette",outcome="sent",class=""} 2`,
		`optin_emails_total{site="gazette",outcome="sent",class="2.0"} 2`,
		`optin_delivery_seconds_count{site="gazette"} 2`,
		`optin_relay_paused{relay="smtp.example.org:587"} 1`,
		`optin_store_ready 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if !strings.Contains(w.Body.String(), "\ngo_goroutines ") {
		t.Error("what the runtime counts is missing")
	}
	m.Ready("maxmemory-policy")
	w = httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	const reason = "optin_store_not_ready{reason=\"maxmemory-policy\"} 1\n"
	if b := w.Body.String(); !strings.Contains(b, "optin_store_ready 0\n") || !strings.Contains(b, reason) {
		t.Error("a store that is not ready is shown as ready")
	}
	m.Ready("")
	w = httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if strings.Contains(w.Body.String(), "optin_store_not_ready") {
		t.Error("the reason outlives what it was the reason of")
	}
}

func TestWhatStandsInTheStoreIsReplacedAsAWhole(t *testing.T) {
	m := metrics.New()
	read := func() string {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		return w.Body.String()
	}
	m.Stock(metrics.Stock{
		Pending: map[string]int{"gazette": 7, "other": 1},
		Queues:  map[string]metrics.Backlog{"email": {Jobs: 3, Failed: 1, Late: 90 * time.Second}},
		Hooks:   map[string]metrics.Endpoint{"webhook/gazette/1": {Site: "gazette", Host: "a.example", Disabled: true}},
	})
	text := read()
	for _, line := range []string{
		`optin_pending{site="gazette"} 7`, `optin_outbox_jobs{queue="email"} 3`,
		`optin_outbox_failed_jobs{queue="email"} 1`, `optin_outbox_late_seconds{queue="email"} 90`,
		`optin_endpoint_disabled{queue="webhook/gazette/1"} 1`,
		`optin_endpoint_info{queue="webhook/gazette/1",site="gazette",host="a.example"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	m.Stock(metrics.Stock{Pending: map[string]int{"gazette": 8}})
	if text = read(); !strings.Contains(text, `optin_pending{site="gazette"} 8`) || strings.Contains(text, `"other"`) {
		t.Errorf("a site that is gone is still there:\n%s", text)
	}
	if m.Stock(metrics.Stock{}); strings.Contains(read(), "optin_pending") {
		t.Error("old figures are shown while nothing is known")
	}
}
