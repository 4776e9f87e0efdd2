// Package tracing sends spans to an OpenTelemetry collector: OTLP 1.x over HTTP, as JSON.
//
// A span is added when it is over, by who knows when it began; nothing is carried along while something runs. What
// belongs to one trace, and which of its spans began it, is derived by package confirm, so that processes and days need
// not pass it on. docs/decisions/tracing.md says why this is not OpenTelemetry's SDK.
//
// Nothing waits for the collector. Spans are put into a queue of QueueSize, and one that finds it full is dropped. A
// goroutine (Run) sends what is there, at most BatchSize at a time and once in Options.Every. What the collector does
// not take for now (429, 502, 503, 504, or no answer) is tried again, for as long as retryFor; meanwhile the queue
// fills. What it refuses is dropped. Every span is counted once: sent, dropped, or rejected by the collector.
//
// Whether a trace is sampled is read off its id, as OpenTelemetry's TraceIDRatioBased does: so all processes keep the
// same traces, whole.
package tracing

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// The sizes of the queue and of what is sent at once: the defaults of OpenTelemetry's SDKs.
const (
	QueueSize = 2048
	BatchSize = 512
)

const (
	retryFor     = time.Minute      // from the first attempt at a batch
	firstWait    = time.Second      // until the second, and then twice as long each time
	callTimeout  = 10 * time.Second // of one attempt
	flushTimeout = 3 * time.Second  // for what is left when Run is to end
	maxAnswer    = 64 << 10
)

// Outcome is what became of a span.
type Outcome string

// The outcomes.
const (
	Sent     Outcome = "sent"
	Dropped  Outcome = "dropped"  // the queue was full, or the collector took nothing
	Rejected Outcome = "rejected" // the collector took others of its batch, and not this one
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{Sent, Dropped, Rejected} }

// Options are what an Exporter needs. URL is required.
type Options struct {
	URL     *url.URL          // of the collector, with its path: https://collector.example/v1/traces
	Headers map[string]string // of each request, such as Authorization
	Sample  float64           // of all traces: 0 to 1
	Version string            // of this program
	Every   time.Duration     // how often spans are sent; a second if zero
	Log     *slog.Logger      // slog.Default() if nil
	// Count is called with how many spans had an outcome. It must return at once, and may be nil.
	Count func(Outcome, int)
}

// Exporter sends spans. Its methods may be called from any goroutine. A nil Exporter drops all spans.
type Exporter struct {
	Options
	client   http.Client
	instance string // of this process
	bound    uint64 // of sampled traces
	queue    chan Span
	ended    atomic.Bool

	// Of Run alone:
	failing bool   // the last attempt failed
	kept    []Span // a batch that Run was sending when it was told to end
}

// New makes an Exporter. It sends nothing before Run.
func New(o Options) *Exporter {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Count == nil {
		o.Count = func(Outcome, int) {}
	}
	return &Exporter{
		Options: o, queue: make(chan Span, QueueSize), instance: fmt.Sprintf("%016x", rand.Uint64()),
		bound: uint64(o.Sample * (1 << 63)),
		client: http.Client{
			// As for webhooks: no proxy of the environment, and no redirect is followed.
			Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Sampled reports whether the spans of a trace are sent.
func (e *Exporter) Sampled(trace TraceID) bool {
	return e != nil && trace != TraceID{} && binary.BigEndian.Uint64(trace[8:])>>1 < e.bound
}

// Add adds a span of a trace that is sampled; any other is none. It never waits.
func (e *Exporter) Add(s Span) {
	if !e.Sampled(s.Trace) {
		return
	}
	for s.ID == (SpanID{}) {
		binary.BigEndian.PutUint64(s.ID[:], rand.Uint64())
	}
	if e.ended.Load() {
		e.Count(Dropped, 1)
		return
	}
	select {
	case e.queue <- s:
	default:
		e.Count(Dropped, 1)
	}
}

// Run sends spans until ctx ends, and then those that are left, for at most flushTimeout.
func (e *Exporter) Run(ctx context.Context) {
	defer e.client.CloseIdleConnections()
	tick := time.NewTicker(e.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			e.flush(ctx)
			return
		case <-tick.C:
			for batch := e.batch(); len(batch) > 0; batch = e.batch() {
				if !e.send(ctx, batch) {
					e.kept = batch
					break
				}
			}
		}
	}
}

// flush sends what is left, and counts what cannot be sent any more.
func (e *Exporter) flush(ctx context.Context) {
	e.ended.Store(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	for batch := e.batch(); len(batch) > 0; batch = e.batch() {
		if !e.send(ctx, batch) {
			e.Count(Dropped, len(batch))
		}
	}
}

// batch takes what is kept, and what is in the queue.
func (e *Exporter) batch() []Span {
	all := e.kept
	e.kept = nil
	for len(all) < BatchSize {
		select {
		case s := <-e.queue:
			all = append(all, s)
		default:
			return all
		}
	}
	return all
}

// send sends a batch, again and again while the collector takes nothing for now. It returns false if ctx ends before
// that is decided.
func (e *Exporter) send(ctx context.Context, batch []Span) bool {
	body, err := json.Marshal(e.message(batch))
	if err != nil {
		e.Log.Error("tracing: spans cannot be written as JSON", "error", err)
		e.Count(Dropped, len(batch))
		return true
	}
	limited, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for wait := firstWait; ; wait *= 2 {
		a := e.call(limited, body)
		if a.err == nil {
			rejected := min(a.rejected, len(batch))
			e.Count(Rejected, rejected)
			e.Count(Sent, len(batch)-rejected)
			e.say(nil)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if e.say(a.err); a.again {
			select {
			case <-limited.Done():
			case <-time.After(max(wait, a.after)):
			}
		}
		if ctx.Err() != nil {
			return false
		}
		if !a.again || limited.Err() != nil {
			e.Count(Dropped, len(batch))
			return true
		}
	}
}

// say logs that the collector no longer takes spans, or takes them again: once.
func (e *Exporter) say(err error) {
	switch {
	case err != nil && !e.failing:
		e.Log.Warn("tracing: the collector does not take spans; those that find no room are dropped, and nothing else "+
			"waits for it", "host", e.URL.Host, "error", err)
	case err == nil && e.failing:
		e.Log.Info("tracing: the collector takes spans again", "host", e.URL.Host)
	}
	e.failing = err != nil
}

// answer is what became of one attempt at a batch.
type answer struct {
	err      error         // that it was not taken, without words of the collector
	again    bool          // it may be taken later,
	after    time.Duration // and not before
	rejected int           // of a batch that was taken
}

// call makes one attempt at a batch.
func (e *Exporter) call(ctx context.Context, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL.String(), bytes.NewReader(body))
	if err != nil {
		return answer{err: errors.New("the URL cannot be called")}
	}
	for name, v := range e.Headers {
		req.Header.Set(name, v)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "optin/"+e.Version)
	res, err := e.client.Do(req)
	if err != nil {
		return answer{err: withoutURL(err), again: true}
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // without the rest, the status is enough
	switch {
	case res.StatusCode >= 200 && res.StatusCode <= 299:
		return answer{rejected: rejected(said)}
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusBadGateway,
		res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusGatewayTimeout:
		seconds, _ := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16)
		return answer{
			err: fmt.Errorf("it answers %d", res.StatusCode), again: true, after: time.Duration(seconds) * time.Second,
		}
	}
	return answer{err: fmt.Errorf("it answers %d", res.StatusCode)}
}

// withoutURL returns the error of a call without the URL, whose query may be secret.
func withoutURL(err error) error {
	if of, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client returns it unwrapped
		return of.Err
	}
	return err
}

// rejected reads how many spans of a batch a collector says that it rejected (ExportTracePartialSuccess).
func rejected(said []byte) int {
	var a struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"` // in quotes, as JSON of Protocol Buffers has 64 bits
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(said, &a) != nil {
		return 0
	}
	n, _ := strconv.Atoi(a.PartialSuccess.RejectedSpans.String())
	return max(0, n)
}
