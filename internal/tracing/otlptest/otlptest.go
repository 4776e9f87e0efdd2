// Package otlptest is an OpenTelemetry collector for tests. It reads what it is sent with the code of the real one.
package otlptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span is a span that arrived.
type Span struct {
	Trace, ID, Parent string // in hexadecimal; no Parent: empty
	Name, Kind        string
	Instance          string // of the process that sent it
	Service           string
	Start, End        time.Time
	Failed            bool
	Attributes        map[string]any
}

// Collector collects spans.
type Collector struct {
	*httptest.Server
	t        testing.TB
	mu       sync.Mutex
	spans    []Span
	bodies   []byte
	requests []http.Header
	respond  func(http.ResponseWriter, *http.Request) bool
}

// New starts a collector, which stops with the test. Its URL ends in /v1/traces.
func New(t testing.TB) *Collector {
	c := &Collector{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	c.URL += "/v1/traces"
	return c
}

// Respond has f respond first: what it returns true for is answered. Nil: nothing is.
func (c *Collector) Respond(f func(http.ResponseWriter, *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.respond = f
}

// ServeHTTP is OTLP over HTTP.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	c.requests = append(c.requests, r.Header)
	respond := c.respond
	c.mu.Unlock()
	if respond != nil && respond(w, r) {
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
		c.t.Errorf("the collector is asked %s %s with %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	traces, failed := new(ptrace.JSONUnmarshaler).UnmarshalTraces(body)
	if err != nil || failed != nil {
		c.t.Errorf("the collector cannot read %s: %v, %v", body, err, failed)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.add(body, traces)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

func (c *Collector) add(body []byte, traces ptrace.Traces) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, body...)
	for _, resource := range traces.ResourceSpans().All() {
		is := resource.Resource().Attributes().AsRaw()
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				instance, _ := is["service.instance.id"].(string)
				service, _ := is["service.name"].(string)
				c.spans = append(c.spans, Span{
					Trace: s.TraceID().String(), ID: s.SpanID().String(), Parent: s.ParentSpanID().String(),
					Name: s.Name(), Kind: s.Kind().String(), Instance: instance, Service: service,
					Start: s.StartTimestamp().AsTime(), End: s.EndTimestamp().AsTime(),
					Failed: s.Status().Code() == ptrace.StatusCodeError, Attributes: s.Attributes().AsRaw(),
				})
			}
		}
	}
}

// Spans returns what arrived, in the order in which it began.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.spans)
	slices.SortStableFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all
}

// Bodies returns every body that arrived, one after the other.
func (c *Collector) Bodies() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bodies)
}

// Requests returns the headers of all requests.
func (c *Collector) Requests() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}
