package metrics_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/metrics"
)

// prometheusAccepts is the Accept header of Prometheus 3.
const prometheusAccepts = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
	"application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," +
	"text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

func serve(t *testing.T, m *metrics.Metrics, accept string) (media, body string) {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	m.Handler().ServeHTTP(w, r)
	if w.Header().Get("Vary") != "Accept" {
		t.Error("a cache could mix the formats up")
	}
	return w.Header().Get("Content-Type"), w.Body.String()
}

func TestExemplarsSayWhichRequestAndJobABucketSawLast(t *testing.T) {
	m := metrics.New()
	m.Request("/c/{token}", "POST", 200, 3*time.Millisecond, metrics.Source{Request: "first"})
	m.Request("/c/{token}", "POST", 200, 4*time.Millisecond, metrics.Source{Request: "r1", Trace: "cafe"})
	m.Request("/c/{token}", "POST", 200, 4*time.Millisecond, metrics.Source{}) // is of nothing, and takes no place
	m.Request("/c/{token}", "POST", 503, time.Minute, metrics.Source{Request: "r2"})
	m.Job(`a", le="b`, "completed", 5*time.Second, metrics.Source{Job: "j1"})
	m.Email("gazette", "delivered", "2.0", 7*time.Second, metrics.Source{Job: "j2"})
	m.Confirmed("gazette", time.Hour, metrics.Source{Request: "r3"})
	_, body := serve(t, m, prometheusAccepts)
	for _, line := range []string{
		`optin_http_request_seconds_bucket{route="/c/{token}",le="0.0025"} 0`,
		`optin_http_request_seconds_bucket{route="/c/{token}",le="0.005"} 3 # {request="r1",trace_id="cafe"} 0.004 T`,
		`optin_http_request_seconds_bucket{route="/c/{token}",le="0.01"} 3`,
		`optin_http_request_seconds_bucket{route="/c/{token}",le="5.0"} 3`,
		`optin_http_request_seconds_bucket{route="/c/{token}",le="+Inf"} 4 # {request="r2"} 60 T`,
		`optin_http_request_seconds_count{route="/c/{token}"} 4`,
		`optin_outbox_job_seconds_bucket{queue="a\", le=\"b",le="5.0"} 1 # {job="j1"} 5 T`,
		`optin_delivery_seconds_bucket{site="gazette",le="10.0"} 1 # {job="j2"} 7 T`,
		`optin_confirm_seconds_bucket{site="gazette",le="3600.0"} 1 # {request="r3"} 3600 T`,
	} {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(line), " T", ` \d{10}\.\d{3}`)
		if !regexp.MustCompile("(?m)^" + pattern + "$").MatchString(body) {
			t.Errorf("missing: %s", line)
		}
	}
	if strings.Contains(body, "first") {
		t.Error("an older observation is still there")
	}
	if t.Failed() {
		t.Log(body)
	}
}

func TestTheTextFormatStaysWhatItWas(t *testing.T) {
	m := metrics.New()
	m.Request("/", "GET", 200, time.Second, metrics.Source{Request: "r1"})
	for _, accept := range []string{
		"", "*/*", "text/plain", "text/html,*/*;q=0.8", "application/openmetrics-text;version=0.0.1",
		"application/openmetrics-text;q=0", "application/openmetrics-text;q=0.1, text/plain;q=0.2",
		"application/openmetrics-text;q=much",
	} {
		media, body := serve(t, m, accept)
		if media != "text/plain; version=0.0.4; charset=utf-8" || strings.Contains(body, "# {") ||
			strings.Contains(body, "# EOF") || !strings.Contains(body, `{route="/",le="5"} 1`+"\n") {
			t.Errorf("who accepts %q gets %s:\n%s", accept, media, body)
		}
	}
	for _, accept := range []string{
		prometheusAccepts, "application/openmetrics-text",
		"text/plain;q=0.5,application/openmetrics-text; version=1.0.0",
	} {
		if media, body := serve(t, m, accept); media != "application/openmetrics-text; version=1.0.0; charset=utf-8" ||
			!strings.HasSuffix(body, "\n# EOF\n") {
			t.Errorf("who accepts %q gets %s", accept, media)
		}
	}
}

// Names and values are the same in both formats, so that a scraper that changes formats continues its series.
func TestBothFormatsHaveTheSameSeries(t *testing.T) {
	m := metrics.New()
	m.Job("email", "completed", time.Second, metrics.Source{Job: "j1"})
	m.Stock(metrics.Stock{Queues: map[string]metrics.Backlog{"email": {Jobs: 3}}})
	names := func(body string) map[string]bool {
		all := map[string]bool{}
		for line := range strings.Lines(body) {
			if line[0] != '#' {
				all[line[:strings.IndexAny(line, "{ ")]] = true
			}
		}
		return all
	}
	_, text := serve(t, m, "")
	_, open := serve(t, m, prometheusAccepts)
	in := names(open)
	for name := range names(text) {
		if !in[name] {
			t.Errorf("OpenMetrics lacks %s", name)
		}
	}
	// A gauge and a counter may have one name but for _total. For OpenMetrics that is one family too many.
	for _, line := range []string{
		"# TYPE optin_outbox_jobs gauge", "# TYPE optin_outbox_jobs_total unknown",
		"# TYPE optin_store_conflicts counter", "# TYPE optin_outbox_job_seconds histogram",
	} {
		if strings.Count(open, line+"\n") != 1 {
			t.Errorf("not once: %s", line)
		}
	}
}

// Prometheus's own parser reads what a scrape gets. For a file it wants a time behind each value, which a scrape lacks.
func TestPrometheusReadsOpenMetrics(t *testing.T) {
	promtool := childtest.Need(t, "promtool")
	m := metrics.New()
	m.Request("/c/{token}", "POST", 200, 4*time.Millisecond, metrics.Source{Request: "r1", Trace: "cafe"})
	m.Job("a\"b\\c\nd", "lost", time.Second, metrics.Source{Job: "j\"1"})
	_, body := serve(t, m, prometheusAccepts)
	var timed strings.Builder
	for line := range strings.Lines(body) {
		if sample, exemplar, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " # "); line[0] != '#' {
			line = sample + " 1767225600"
			if exemplar != "" {
				line += " # " + exemplar
			}
			line += "\n"
		}
		timed.WriteString(line)
	}
	file := filepath.Join(t.TempDir(), "metrics")
	read := func(text string) ([]byte, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", file,
			t.TempDir()).CombinedOutput()
	}
	if out, err := read(timed.String()); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, timed.String())
	}
	if _, err := read(strings.Replace(timed.String(), `# {request="r1"`, `# {request=r1`, 1)); err == nil {
		t.Error("it reads everything: this test shows nothing")
	}
}
