package tracing_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/tracing"
	"github.com/optin/optin/internal/tracing/otlptest"
)

// env is an exporter that runs, with its collector.
type env struct {
	*tracing.Exporter
	t         *testing.T
	collector *otlptest.Collector
	log       childtest.Buffer
	mu        sync.Mutex
	counts    map[tracing.Outcome]int
	stop      func()
}

func newEnv(t *testing.T, change func(*tracing.Options)) *env {
	t.Helper()
	e := &env{t: t, collector: otlptest.New(t), counts: map[tracing.Outcome]int{}}
	to, err := url.Parse(e.collector.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := tracing.Options{
		URL: to, Sample: 1, Version: "1.2.3", Every: time.Millisecond, Log: slog.New(slog.NewTextHandler(&e.log, nil)),
		Count: func(outcome tracing.Outcome, n int) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.counts[outcome] += n
		},
	}
	if change != nil {
		change(&o)
	}
	e.Exporter = tracing.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx) }()
	e.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(e.stop)
	return e
}

func (e *env) count(of tracing.Outcome) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts[of]
}

func (e *env) eventually(what string, is func() bool) {
	e.t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			e.t.Fatalf("not in time: %s", what)
		}
	}
}

// traceID returns the n-th of some ids.
func traceID(n int) (id tracing.TraceID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)*0x9e3779b97f4a7c15)
	id[0] = 1
	return id
}

func span(n int) tracing.Span {
	now := time.Now()
	return tracing.Span{Trace: traceID(n), Name: "email", Kind: tracing.Client, Start: now.Add(-time.Second), End: now}
}

func TestTheCollectorReadsWhatWasAdded(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(o *tracing.Options) { o.Headers = map[string]string{"Authorization": "Bearer k"} })
	begun := time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.UTC)
	e.Add(tracing.Span{
		Trace: tracing.TraceID{1, 15: 2}, ID: tracing.SpanID{3, 7: 4}, Parent: tracing.SpanID{5, 7: 6},
		Name: "POST /c/{token}", Kind: tracing.Server, Start: begun, End: begun.Add(time.Second), Failed: true,
		Attributes: []tracing.Attribute{
			tracing.Text("http.route", "/c/{token}"), tracing.Number("http.response.status_code", 503),
			tracing.Text("error.type", ""),
		},
	})
	e.eventually("it arrives", func() bool { return len(e.collector.Spans()) == 1 })
	got := e.collector.Spans()[0]
	if len(got.Instance) != 16 {
		t.Errorf("the process is called %q", got.Instance)
	}
	got.Instance = ""
	want := otlptest.Span{
		Trace: "01000000000000000000000000000002", ID: "0300000000000004", Parent: "0500000000000006",
		Name: "POST /c/{token}", Kind: "Server", Service: "optin", Start: begun, End: begun.Add(time.Second),
		Failed:     true,
		Attributes: map[string]any{"http.route": "/c/{token}", "http.response.status_code": int64(503)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h := e.collector.Requests()[0]
	if h.Get("Authorization") != "Bearer k" || h.Get("User-Agent") != "optin/1.2.3" {
		t.Errorf("the request has the headers %v", h)
	}
	e.Add(span(1))
	e.eventually("another", func() bool { return len(e.collector.Spans()) == 2 && e.count(tracing.Sent) == 2 })
	if id := e.collector.Spans()[1].ID; len(id) != 16 || e.collector.Spans()[1].Parent != "" {
		t.Errorf("a span without an id got %q", id)
	}
}

func TestEveryProcessKeepsTheSameTracesWhole(t *testing.T) {
	t.Parallel()
	to, _ := url.Parse("http://collector.example/v1/traces")
	one := tracing.New(tracing.Options{URL: to, Sample: .25})
	other := tracing.New(tracing.Options{URL: to, Sample: .25})
	all := tracing.New(tracing.Options{URL: to, Sample: 1})
	const n = 10_000
	kept := 0
	for i := range n {
		id := traceID(i + 1)
		if one.Sampled(id) != other.Sampled(id) || !all.Sampled(id) {
			t.Fatalf("trace %x is sampled: %t, %t, %t", id, one.Sampled(id), other.Sampled(id), all.Sampled(id))
		}
		if one.Sampled(id) {
			kept++
		}
	}
	if kept < n/4-n/50 || kept > n/4+n/50 {
		t.Errorf("%d of %d are sampled, not a quarter", kept, n)
	}
	// As TraceIDRatioBased: by the 63 high bits of the second half.
	under, over := tracing.TraceID{8: 0x3f, 9: 0xff}, tracing.TraceID{8: 0x40}
	if !one.Sampled(under) || one.Sampled(over) {
		t.Error("the bound of a quarter is not 0x40…")
	}
	if all.Sampled(tracing.TraceID{}) || (*tracing.Exporter)(nil).Sampled(traceID(1)) {
		t.Error("what is no trace is sampled")
	}
	(*tracing.Exporter)(nil).Add(span(1)) // and does nothing
}

func TestACollectorThatHangsDelaysNobody(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	e.collector.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	const n = 3 * tracing.QueueSize
	begun := time.Now()
	for i := range n {
		e.Add(span(i + 1))
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("adding %d spans took %v", n, took)
	}
	if dropped := e.count(tracing.Dropped); dropped < n-tracing.QueueSize-2*tracing.BatchSize {
		t.Errorf("%d of %d spans were dropped", dropped, n)
	}
	begun = time.Now()
	e.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if dropped := e.count(tracing.Dropped); dropped != n {
		t.Errorf("%d spans are counted as dropped, of %d", dropped, n)
	}
	e.Add(span(1))
	if dropped := e.count(tracing.Dropped); dropped != n+1 {
		t.Error("a span that is added after the end is not counted")
	}
}

func TestWhatTheCollectorDoesNotTakeForNowIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, nil)
			var calls atomic.Int32
			e.collector.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
				if calls.Add(1) > 1 {
					return false
				}
				w.Header().Set("Retry-After", "2")
				http.Error(w, "ada@example.org cannot be served", status)
				return true
			})
			begun := time.Now()
			e.Add(span(1))
			e.eventually("it is sent", func() bool { return e.count(tracing.Sent) == 1 })
			if took := time.Since(begun); took < 2*time.Second {
				t.Errorf("it is sent again after %v", took)
			}
			e.stop()
			if n := len(e.collector.Spans()); n != 1 || e.count(tracing.Dropped) != 0 {
				t.Errorf("%d arrived, and %d are counted as dropped", n, e.count(tracing.Dropped))
			}
			log := e.log.String()
			if strings.Count(log, "does not take spans") != 1 || strings.Count(log, "takes spans again") != 1 ||
				strings.Contains(log, "ada@") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

func TestWhatTheCollectorRefusesIsDropped(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]func(http.ResponseWriter, *http.Request){
		"refused": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, nil)
			e.collector.Respond(func(w http.ResponseWriter, r *http.Request) bool { respond(w, r); return true })
			e.Add(span(1))
			e.eventually("it is dropped", func() bool { return e.count(tracing.Dropped) == 1 })
			e.stop()
			if n := len(e.collector.Requests()); n != 1 {
				t.Errorf("the collector was asked %d times", n)
			}
		})
	}
}

func TestWhatTheCollectorRejectsOfABatchIsCounted(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(o *tracing.Options) { o.Every = 200 * time.Millisecond })
	e.collector.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = w.Write([]byte(`{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}`))
		return true
	})
	for i := range 5 {
		e.Add(span(i + 1))
	}
	e.eventually("it is counted", func() bool { return e.count(tracing.Sent)+e.count(tracing.Rejected) >= 5 })
	if e.count(tracing.Sent) != 3 || e.count(tracing.Rejected) != 2 {
		t.Errorf("counted are %v", e.counts)
	}
}

func TestAStopSendsWhatIsLeft(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(o *tracing.Options) { o.Every = time.Hour })
	const n = tracing.BatchSize + 1
	for i := range n {
		e.Add(span(i + 1))
	}
	e.stop()
	if got := len(e.collector.Spans()); got != n || e.count(tracing.Sent) != n || len(e.collector.Requests()) != 2 {
		t.Errorf("%d of %d arrived in %d requests", got, n, len(e.collector.Requests()))
	}
}

// A stop breaks off the call that is under way, and makes it once more.
func TestAStopDoesNotLoseWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	asked := make(chan struct{}, 8)
	e.collector.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		if len(e.collector.Requests()) > 1 {
			return false
		}
		asked <- struct{}{}
		<-r.Context().Done()
		return true
	})
	e.Add(span(1))
	<-asked
	e.stop()
	if len(e.collector.Spans()) != 1 || e.count(tracing.Sent) != 1 || e.count(tracing.Dropped) != 0 {
		t.Errorf("counted are %v", e.counts)
	}
}

func TestTheLogSaysNothingOfTheCollectorsURLButItsHost(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(o *tracing.Options) {
		o.URL = &url.URL{Scheme: "http", Host: childtest.FreeAddr(t), Path: "/v1/traces", RawQuery: "key=hunter2"}
		o.Headers = map[string]string{"Api-Key": "hunter3"}
	})
	e.Add(span(1))
	e.eventually("the log says so", func() bool { return strings.Contains(e.log.String(), "does not take spans") })
	if bytes.Contains([]byte(e.log.String()), []byte("hunter")) {
		t.Errorf("the log says\n%s", e.log.String())
	}
}
