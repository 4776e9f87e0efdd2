// Package metrics counts what happens, for Prometheus.
//
//	optin_http_requests_total{route,method,status}   requests, by the route's pattern
//	optin_http_request_seconds{route}                how long they took
//	optin_outbox_tries_total{lane,outcome}           letters, webhook calls and looks at the clock: done, again, parked, lost
//	optin_outbox_try_seconds{lane}                   how long they took
//	optin_relay_paused{relay}                        1 while a relay does not take letters, and is left alone
//	optin_store_ready                                1 while the store keeps what it acknowledges
//
// No label holds anything of a person: routes are patterns, lanes are hashes.
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
	tries    *prometheus.CounterVec
	trial    *prometheus.HistogramVec
	paused   *prometheus.GaugeVec
	ready    prometheus.Gauge
}

// New makes a set of its own: nothing is shared between two programs in one process.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "optin_http_requests_total", Help: "Requests answered."}, []string{"route", "method", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "optin_http_request_seconds", Help: "How long requests took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}, []string{"route"}),
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "optin_outbox_tries_total", Help: "Tries of owed work, by what came of them."}, []string{"lane", "outcome"}),
		trial: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "optin_outbox_try_seconds", Help: "How long tries took.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 150}}, []string{"lane"}),
		paused: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "optin_relay_paused", Help: "1 while a relay is left alone, for it takes no letters."}, []string{"relay"}),
		ready:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "optin_store_ready", Help: "1 while the store keeps what it acknowledges."}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.tries, m.trial, m.paused, m.ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts a request that was answered.
func (m *Metrics) Request(route, method string, status int, d time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(d.Seconds())
}

// Try counts a try of owed work.
func (m *Metrics) Try(lane, outcome string, d time.Duration) {
	m.tries.WithLabelValues(lane, outcome).Inc()
	m.trial.WithLabelValues(lane).Observe(d.Seconds())
}

// Relay says whether a relay (host:port) is paused.
func (m *Metrics) Relay(relay string, paused bool) {
	m.paused.WithLabelValues(relay).Set(map[bool]float64{true: 1}[paused])
}

// Ready says whether the store is fit.
func (m *Metrics) Ready(fit bool) {
	m.ready.Set(map[bool]float64{true: 1}[fit])
}

// Handler serves the counters.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
