// Package metrics counts what happens, for Prometheus.
//
//	optin_http_requests_total{route,method,status}   requests, by the route's pattern
//	optin_http_request_seconds{route}                how long they took
//	optin_outbox_jobs_total{queue,outcome}           runs of jobs (emails, webhook calls, expiries):
//	                                                 completed, retried, moved, failed, lost
//	optin_outbox_job_seconds{queue}                  how long they took
//	optin_relay_paused{relay}                        1 while a relay accepts no emails and is left alone
//	optin_relay_refuses_us{relay}                    for how many recipients' domains a relay refuses us, and not the
//	                                                 recipients
//	optin_reports_total{kind}                        reports of mail systems to all processes, by what they say
//	optin_store_ready                                1 while the store keeps what it acknowledges
//	optin_store_not_ready{reason}                    1 for the reason why it does not, in the store's own words
//	optin_config_loaded                              1; 0 after a SIGHUP whose configuration could not be loaded
//	optin_config_reloads_total{outcome}              by SIGHUP: loaded, failed
//
//	optin_log_leaves                                 leaves of the consent log
//	optin_log_lag_seconds                            since the oldest change that has no leaf yet
//	optin_log_other                                  1 if the log is not the one that the store knows
//
// The queues are email, email/retry, email/maybe-sent, expire, and one for each webhook endpoint. No label holds
// anything of a person: routes are patterns, and the queue of an endpoint is named by a hash.
package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	prometheus "github.com/VictoriaMetrics/metrics"
)

// Metrics is one set of counters. Its methods may be called from any goroutine.
type Metrics struct{ set *prometheus.Set }

// New makes a set of counters. It has a registry of its own, so two programs in one process share nothing.
func New() *Metrics {
	prometheus.ExposeMetadata(true) // the types; the module has this switch once for all sets
	return &Metrics{set: prometheus.NewSet()}
}

// The upper bounds of the buckets of durations, in seconds.
var (
	requestSeconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	jobSeconds     = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 150}
)

// Request counts a request that was answered.
func (m *Metrics) Request(route, method string, status int, d time.Duration) {
	m.set.GetOrCreateCounter(series("optin_http_requests_total",
		"route", route, "method", method, "status", strconv.Itoa(status))).Inc()
	m.set.GetOrCreatePrometheusHistogramExt(series("optin_http_request_seconds", "route", route),
		requestSeconds).Update(d.Seconds())
}

// Job counts a run of a job.
func (m *Metrics) Job(queue, outcome string, d time.Duration) {
	m.set.GetOrCreateCounter(series("optin_outbox_jobs_total", "queue", queue, "outcome", outcome)).Inc()
	m.set.GetOrCreatePrometheusHistogramExt(series("optin_outbox_job_seconds", "queue", queue),
		jobSeconds).Update(d.Seconds())
}

// Relay sets whether a relay (host:port) is paused.
func (m *Metrics) Relay(relay string, paused bool) {
	m.set.GetOrCreateGauge(series("optin_relay_paused", "relay", relay), nil).Set(number(paused))
}

// Refusal sets for how many recipients' domains a relay (host:port) refuses us.
func (m *Metrics) Refusal(relay string, domains int) {
	m.set.GetOrCreateGauge(series("optin_relay_refuses_us", "relay", relay), nil).Set(float64(domains))
}

// Reports sets how many reports of mail systems there were, by kind.
func (m *Metrics) Reports(counts map[string]int64) {
	for kind, n := range counts {
		m.set.GetOrCreateCounter(series("optin_reports_total", "kind", kind)).Set(uint64(max(0, n)))
	}
}

// Ready sets whether the store is ready; the reason is empty if it is.
func (m *Metrics) Ready(reason string) {
	m.set.GetOrCreateGauge("optin_store_ready", nil).Set(number(reason == ""))
	for _, name := range m.set.ListMetricNames() {
		if strings.HasPrefix(name, "optin_store_not_ready{") {
			m.set.UnregisterMetric(name)
		}
	}
	if reason != "" {
		m.set.GetOrCreateGauge(series("optin_store_not_ready", "reason", reason), nil).Set(1)
	}
}

// Log sets where the consent log stands.
func (m *Metrics) Log(leaves int64, lag time.Duration, other bool) {
	m.set.GetOrCreateGauge("optin_log_leaves", nil).Set(float64(leaves))
	m.set.GetOrCreateGauge("optin_log_lag_seconds", nil).Set(lag.Seconds())
	m.set.GetOrCreateGauge("optin_log_other", nil).Set(number(other))
}

// Reload counts an attempt to reload the configuration.
func (m *Metrics) Reload(loaded bool) {
	outcome := "failed"
	if loaded {
		outcome = "loaded"
	}
	m.set.GetOrCreateCounter(series("optin_config_reloads_total", "outcome", outcome)).Inc()
	m.set.GetOrCreateGauge("optin_config_loaded", nil).Set(number(loaded))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Handler serves the counters, and what the runtime and the operating system count of this process.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.set.WritePrometheus(w)
		prometheus.WriteProcessMetrics(w)
	})
}

// escape is what the text format asks for in the value of a label.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// series returns the name of a metric with its labels, given as names and values in turn, as the text format writes
// them.
func series(name string, labels ...string) string {
	var b strings.Builder
	b.WriteString(name)
	separator := "{"
	for pair := range slices.Chunk(labels, 2) {
		b.WriteString(separator + pair[0] + `="`)
		_, _ = escape.WriteString(&b, pair[1]) // a Builder returns no error
		b.WriteByte('"')
		separator = ","
	}
	b.WriteByte('}')
	return b.String()
}
