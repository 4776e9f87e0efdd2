// Package metrics counts what happens, for Prometheus.
//
//	optin_http_requests_total{route,method,status}   requests, by the route's pattern
//	optin_http_request_seconds{route}                how long they took
//	optin_outbox_jobs_total{queue,outcome}           runs of jobs (emails, webhook calls, expiries):
//	                                                 completed, retried, moved, failed, lost
//	optin_outbox_job_seconds{queue}                  how long they took
//	optin_relay_paused{relay}                        1 while a relay accepts no emails and is left alone
//	optin_store_ready                                1 while the store keeps what it acknowledges
//
// The queues are email, email/retry, email/maybe-sent, expire, and one for each webhook endpoint. No label holds
// anything of a person: routes are patterns, and the queue of an endpoint is named by a hash.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is one set of counters. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	jobs     *prometheus.CounterVec
	jobTimes *prometheus.HistogramVec
	paused   *prometheus.GaugeVec
	ready    prometheus.Gauge
}

// New makes a set of counters. It has a registry of its own, so two programs in one process share nothing.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counters("optin_http_requests_total", "Requests answered.", "route", "method", "status"),
		latency: histograms("optin_http_request_seconds", "How long requests took.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}, "route"),
		jobs: counters("optin_outbox_jobs_total", "Runs of jobs, by outcome.", "queue", "outcome"),
		jobTimes: histograms("optin_outbox_job_seconds", "How long runs of jobs took.",
			[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 150}, "queue"),
		paused: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "optin_relay_paused", Help: "1 while a relay is left alone because it accepts no emails.",
		}, []string{"relay"}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "optin_store_ready", Help: "1 while the store keeps what it acknowledges.",
		}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.jobs, m.jobTimes, m.paused, m.ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// Request counts a request that was answered.
func (m *Metrics) Request(route, method string, status int, d time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(d.Seconds())
}

// Job counts a run of a job.
func (m *Metrics) Job(queue, outcome string, d time.Duration) {
	m.jobs.WithLabelValues(queue, outcome).Inc()
	m.jobTimes.WithLabelValues(queue).Observe(d.Seconds())
}

// Relay sets whether a relay (host:port) is paused.
func (m *Metrics) Relay(relay string, paused bool) {
	m.paused.WithLabelValues(relay).Set(map[bool]float64{true: 1}[paused])
}

// Ready sets whether the store is ready.
func (m *Metrics) Ready(ready bool) {
	m.ready.Set(map[bool]float64{true: 1}[ready])
}

// Handler serves the counters.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
