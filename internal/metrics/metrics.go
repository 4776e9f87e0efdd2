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
//	optin_lines_lost_total                           lines of the log that could not be written
//	optin_build_info{version,commit,go}              1
//
// What happens to subscriptions:
//
//	optin_signups_total{site}                        requests that were opened; and likewise confirmations, declines,
//	                                                 withdrawals, objections, expiries, undeliverable, bounces,
//	                                                 complaints, reminders, renewals and validity_ended, as package
//	                                                 consent counts them
//	optin_confirm_seconds{site}                      from a signup to its confirmation
//	optin_delivery_seconds{site}                     from a signup until a relay took its email
//	optin_emails_total{site,outcome,class}           attempts at emails, by their outcome as the log has it and by the
//	                                                 class and subject of the relay's reply (RFC 3463), such as 5.7
//	optin_refusals_total{site,code}                  requests that were refused, by the code of the problem:
//	                                                 too_many_requests, busy, challenge_required, …
//
// These are counted by the process whose change was committed, as it is committed, and not read from the counters of
// the store. So they cost nothing, they begin at zero with the process as Prometheus expects of a counter, and what all
// processes say adds up; the counters of the store are by day, and every process would report the same. In return, a
// change whose acknowledgement was lost, or that a command beside the service made, is not counted here. The
// statistics of the API have all.
//
// What stands in the store, asked every 15 s, by one process for all:
//
//	optin_pending{site}                              subscriptions that are pending; at most 100,000 are counted
//	optin_outbox_jobs{queue}                         jobs that are due, wait or are running; likewise
//	optin_outbox_failed_jobs{queue}                  jobs that were given up and are kept; likewise
//	optin_outbox_late_seconds{queue}                 for how long the job that was due first has been due
//	optin_endpoint_disabled{queue}                   1 while a webhook endpoint is disabled, because it said 410
//	optin_endpoint_info{queue,site,host}             1: which endpoint a queue is of
//
// While the store cannot be asked these are missing.
//
//	optin_outbox_last_completed_timestamp_seconds{queue}  when a job last completed here
//	optin_store_round_trip_seconds                   exchanges with the store, and how long they took
//	optin_store_conflicts_total                      changes that were tried again because of somebody else's
//	optin_spans_total{outcome}                       spans of traces, where there is tracing: sent, dropped because
//	                                                 the collector does not take them in time, rejected by it
//	optin_retention_subscriptions_total{outcome}     subscriptions that the retention policy was applied to: read,
//	                                                 cut, erased, superseded, dated, unreadable
//
//	optin_log_leaves                                 leaves of the consent log
//	optin_log_lag_seconds                            since the oldest change that has no leaf yet
//	optin_log_other                                  1 if the log is not the one that the store knows
//
// The queues are email, email/retry, email/maybe-sent, email/signature, timer, log, and one for each webhook endpoint.
// As OpenMetrics (an Accept header with application/openmetrics-text, as Prometheus sends it), the buckets of
// optin_http_request_seconds and optin_confirm_seconds have the request of their last observation as an exemplar, and
// those of optin_outbox_job_seconds and optin_delivery_seconds the job, by the names of the log: request, job. Where
// the observation has a trace (package tracing), they have trace_id as well.
//
// No label holds anything of a person, and none grows with people: routes are patterns, sites and endpoints are
// configured, the queue of an endpoint is named by a hash, and a class is one of some twenty.
package metrics

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	prometheus "github.com/VictoriaMetrics/metrics"
)

// Metrics is one set of counters. Its methods may be called from any goroutine.
type Metrics struct {
	names
	set       *prometheus.Set
	exemplars exemplars
	trips     *prometheus.PrometheusHistogram
	conflicts *prometheus.Counter
	lines     *prometheus.Counter
}

// New makes a set of counters. It has a registry of its own, so two programs in one process share nothing.
func New() *Metrics {
	prometheus.ExposeMetadata(true) // the types; the module has this switch once for all sets
	s := prometheus.NewSet()
	m := &Metrics{
		set: s, trips: s.GetOrCreatePrometheusHistogramExt("optin_store_round_trip_seconds", storeSeconds),
		conflicts: s.GetOrCreateCounter("optin_store_conflicts_total"),
		lines:     s.GetOrCreateCounter("optin_lines_lost_total"),
	}
	m.set.GetOrCreateGauge("optin_config_loaded", nil).Set(1) // or there would be nothing to serve
	for _, outcome := range []string{"loaded", "failed"} {
		m.set.GetOrCreateCounter(series("optin_config_reloads_total", "outcome", outcome))
	}
	return m
}

// Build says what program this is.
func (m *Metrics) Build(version, commit, language string) {
	m.set.GetOrCreateGauge(series("optin_build_info", "version", version, "commit", commit, "go", language), nil).Set(1)
}

// The upper bounds of the buckets of durations, in seconds.
var (
	requestSeconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	jobSeconds     = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 150}
	storeSeconds   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}
	// until a relay took an email, and until a person confirmed
	deliverySeconds = []float64{.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
	confirmSeconds  = []float64{10, 30, 60, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600}
)

// observe adds a duration to a histogram.
func (m *Metrics) observe(series string, bounds []float64, d time.Duration, of Source) {
	m.set.GetOrCreatePrometheusHistogramExt(series, bounds).Update(d.Seconds())
	m.exemplars.note(series, bounds, d.Seconds(), of)
}

// Request counts a request that was answered.
func (m *Metrics) Request(route, method string, status int, d time.Duration, of Source) {
	m.set.GetOrCreateCounter(m.series(labels{"optin_http_requests_total",
		"route", route, "method", method, "status", strconv.Itoa(status)})).Inc()
	m.observe(m.series(labels{"optin_http_request_seconds", "route", route}), requestSeconds, d, of)
}

// Job counts a run of a job.
func (m *Metrics) Job(queue, outcome string, d time.Duration, of Source) {
	m.set.GetOrCreateCounter(m.series(labels{"optin_outbox_jobs_total", "queue", queue, "outcome", outcome})).Inc()
	m.observe(m.series(labels{"optin_outbox_job_seconds", "queue", queue}), jobSeconds, d, of)
	if outcome == "completed" {
		m.set.GetOrCreateGauge(m.series(labels{"optin_outbox_last_completed_timestamp_seconds", "queue", queue}), nil).
			Set(float64(time.Now().Unix()))
	}
}

// Count adds to a counter of what happens to the subscriptions of a site: signups, say. Zero makes it known, so that
// Prometheus sees its first increase.
func (m *Metrics) Count(site, name string, n int64) {
	m.set.GetOrCreateCounter(m.series(labels{"optin_" + name + "_total", "site", site})).AddInt64(n)
}

// Confirmed adds how long it took from a signup to its confirmation.
func (m *Metrics) Confirmed(site string, took time.Duration, of Source) {
	m.observe(series("optin_confirm_seconds", "site", site), confirmSeconds, took, of)
}

// Email counts an attempt at an email; took is 0 if it is not the first one of its request that a relay took.
func (m *Metrics) Email(site, outcome, class string, took time.Duration, of Source) {
	m.set.GetOrCreateCounter(m.series(labels{"optin_emails_total",
		"site", site, "outcome", outcome, "class", class})).Inc()
	if took > 0 {
		m.observe(m.series(labels{"optin_delivery_seconds", "site", site}), deliverySeconds, took, of)
	}
}

// Refused counts a request that was refused.
func (m *Metrics) Refused(site, code string) {
	m.set.GetOrCreateCounter(series("optin_refusals_total", "site", site, "code", code)).Inc()
}

// RoundTrip counts an exchange with the store.
func (m *Metrics) RoundTrip(took time.Duration) { m.trips.Update(took.Seconds()) }

// Conflict counts a change that the store tried again, because somebody else had changed the record.
func (m *Metrics) Conflict() { m.conflicts.Inc() }

// LinesLost counts lines of the log that could not be written.
func (m *Metrics) LinesLost(n int) { m.lines.Add(n) }

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

// Spans counts spans by what became of them.
func (m *Metrics) Spans(outcome string, n int) {
	m.set.GetOrCreateCounter(series("optin_spans_total", "outcome", outcome)).Add(n)
}

// Ready sets whether the store is ready; the reason is empty if it is.
func (m *Metrics) Ready(reason string) {
	m.set.GetOrCreateGauge("optin_store_ready", nil).Set(number(reason == ""))
	now := map[string]float64{}
	if reason != "" {
		now[series("optin_store_not_ready", "reason", reason)] = 1
	}
	m.replace(now, "optin_store_not_ready")
}

// replace sets gauges, and removes the others of some names.
func (m *Metrics) replace(gauges map[string]float64, names ...string) {
	for of, value := range gauges {
		m.set.GetOrCreateGauge(of, nil).Set(value)
	}
	for _, of := range m.set.ListMetricNames() {
		name, _, _ := strings.Cut(of, "{")
		if _, set := gauges[of]; !set && slices.Contains(names, name) {
			m.set.UnregisterMetric(of)
		}
	}
}

// Retained counts subscriptions that the retention policy was applied to, by what was done.
func (m *Metrics) Retained(counts map[string]int) {
	for outcome, n := range counts {
		m.set.GetOrCreateCounter(series("optin_retention_subscriptions_total", "outcome", outcome)).Add(n)
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

// Handler serves the counters, and what the runtime and the operating system count of this process: in the text format,
// or as OpenMetrics with exemplars where that is accepted.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept")
		if !wantsOpenMetrics(strings.Join(r.Header.Values("Accept"), ",")) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			m.write(w)
			return
		}
		var text strings.Builder
		m.write(&text)
		w.Header().Set("Content-Type", openMetricsType+"; version=1.0.0; charset=utf-8")
		_, _ = io.WriteString(w, m.openMetrics(text.String())) // nobody waits for it any more
	})
}

func (m *Metrics) write(w io.Writer) {
	m.set.WritePrometheus(w)
	prometheus.WriteProcessMetrics(w)
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

// names remembers the names of series, because to write one takes longer than to count. They are as few as the series.
type names struct {
	mu sync.RWMutex
	of map[labels]string
}

// labels are the name of a metric and those of its labels, each with its value.
type labels [7]string

// series is the function series for what is counted often.
func (n *names) series(of labels) string {
	n.mu.RLock()
	known, ok := n.of[of]
	n.mu.RUnlock()
	if ok {
		return known
	}
	used := 1
	for used < len(of) && of[used] != "" { // a value may be empty
		used += 2
	}
	written := series(of[0], slices.Clone(of[1:used])...) // so that of stays on the stack of who asks
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[labels]string{}
	}
	n.of[of] = written
	return written
}
