package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/tracing/otlptest"
)

// traced has an env send its spans to a collector.
func (e *env) traced() *otlptest.Collector {
	c := otlptest.New(e.t)
	e.topYAML += fmt.Sprintf("tracing: {otlp: %q}\n", c.URL)
	return c
}

// traceOf returns the spans of the trace that a request belongs to, by its X-Request-Id, in the order in which they
// began.
func traceOf(c *otlptest.Collector, request string) (all []otlptest.Span) {
	spans := c.Spans()
	i := slices.IndexFunc(spans, func(s otlptest.Span) bool { return s.Attributes["optin.request"] == request })
	for _, s := range spans {
		if i >= 0 && s.Trace == spans[i].Trace {
			all = append(all, s)
		}
	}
	return all
}

func namesOf(spans []otlptest.Span) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return all
}

// signUpAs signs up as a website's script does, and returns the id of the request.
func (a *actor) signUpAs(email string) (request string) {
	a.t.Helper()
	resp := a.post(signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"locale":"en"}`, email),
		http.Header{"Content-Type": {mediaJSON}})
	if resp.StatusCode != http.StatusAccepted {
		a.t.Fatalf("a signup returns %s", resp.Status)
	}
	return resp.Header.Get("X-Request-Id")
}

// checkTree checks that spans are one trace, which the first of them began.
func checkTree(t *testing.T, spans []otlptest.Span) {
	t.Helper()
	ids := map[string]bool{}
	for i, s := range spans {
		ids[s.ID] = true
		if s.Trace != spans[0].Trace || s.Service != "optin" || s.End.Before(s.Start) {
			t.Errorf("%s is of trace %s", s.Name, s.Trace)
		}
		if i == 0 && s.Parent != "" || i > 0 && s.Parent != spans[0].ID {
			t.Errorf("%s, the %d. span, has the parent %q", s.Name, i, s.Parent)
		}
	}
	if len(ids) != len(spans) {
		t.Errorf("%d spans have %d ids", len(spans), len(ids))
	}
}

const (
	spanSignup  = "POST /v1/sites/{site}/subscriptions"
	spanPage    = "GET /c/{token}"
	spanConfirm = "POST /c/{token}"
)

func TestOneTraceLeadsFromTheSignupToTheWebsite(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook, collector, metrics := newEndpoint(t), e.traced(), childtest.FreeAddr(t)
		e.siteYAML, e.topYAML = hook.yaml(), e.topYAML+fmt.Sprintf("metrics: {listen: %q}\n", metrics)
		log := &childtest.Buffer{}
		a := e.startLogging(log)
		request := a.signUpAs("ada@example.org")
		other := a.signUpAs("bob@example.org")
		link := confirmLink(a.Email("ada@example.org"))
		if code := a.status(path(link)); code != http.StatusOK {
			t.Fatalf("the link's page returns %d", code)
		}
		a.Confirm(link)
		var spans []otlptest.Span
		a.eventually("the whole trace arrives", func() bool {
			spans = traceOf(collector, request)
			return len(spans) == 5 && len(traceOf(collector, other)) == 2
		})
		checkTree(t, spans)
		checkTree(t, traceOf(collector, other))
		want := []string{spanSignup, "email", spanPage, spanConfirm, "webhook"}
		if got := namesOf(spans); !slices.Equal(got, want) {
			t.Errorf("the spans are %q, want %q", got, want)
		}
		for i, want := range []map[string]any{
			{"http.response.status_code": int64(202), "http.request.method": "POST", "optin.site": "gazette"},
			{"optin.email.outcome": "delivered", "optin.email.type": "confirm", "optin.email.class": "2.0"},
			{"http.route": "/c/{token}", "http.response.status_code": int64(200)},
			{"http.route": "/c/{token}", "http.response.status_code": int64(200)},
			{"optin.event.type": "subscription.confirmed", "http.response.status_code": int64(200)},
		} {
			for key, value := range want {
				if got := spans[i].Attributes[key]; got != value {
					t.Errorf("%s has %s %v, want %v", spans[i].Name, key, got, value)
				}
			}
			if spans[i].Failed {
				t.Errorf("%s has failed", spans[i].Name)
			}
		}
		if spans[0].Trace == traceOf(collector, other)[0].Trace {
			t.Error("two people share a trace")
		}
		if n := strings.Count(log.String(), `"trace_id":"`+spans[0].Trace+`"`); n != 5 {
			t.Errorf("%d lines of the log name the trace", n)
		}
		a.eventually("spans are counted, and the trace is in the metrics", func() bool {
			text := a.openMetrics(metrics)
			exemplar := fmt.Sprintf(`\{route="/c/\{token\}",le="[^"]+"\} \d+ # \{request="\w+",trace_id="%s"\} `,
				spans[0].Trace)
			return strings.Contains(text, "optin_spans_total{outcome=\"sent\"} 7\n") &&
				strings.Contains(text, "optin_spans_total{outcome=\"dropped\"} 0\n") &&
				regexp.MustCompile(`optin_http_request_seconds_bucket`+exemplar).MatchString(text)
		})
	})
}

// openMetrics returns the metrics with their exemplars.
func (a *actor) openMetrics(addr string) string {
	a.t.Helper()
	resp, body := (&actor{t: a.t, base: "http://" + addr}).ask(http.MethodGet, "/metrics", "",
		http.Header{"Accept": {"application/openmetrics-text"}})
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("/metrics returns %s", resp.Status)
	}
	return string(body)
}

// Each process works out by itself which trace a request has, so it does not matter which one does what.
func TestATraceGoesOnInOtherProcesses(t *testing.T) {
	t.Parallel()
	e := newEnv(t, redisServer(t).url())
	hook, collector, relay := newEndpoint(t), e.traced(), newSMTPServer(t, nil)
	// So slow that the other process, which looks once in a second, finds emails left.
	relay.forward, relay.onData = e.mail.Addr(), func(bool) { time.Sleep(100 * time.Millisecond) }
	e.siteYAML, e.relayAddr, e.connections = hook.yaml(), relay.addr, 1
	_, one := e.spawn(e.listen)
	_, two := e.spawn(childtest.FreeAddr(t))
	const people = 24
	requests := map[string]string{}
	for i := range people {
		requests[addressOf(i)] = one.signUpAs(addressOf(i))
	}
	for email := range requests {
		two.Confirm(confirmLink(two.Email(email)))
	}
	two.eventually("all traces arrive", func() bool { return len(collector.Spans()) >= 4*people })
	elsewhere := 0
	for email, request := range requests {
		spans := traceOf(collector, request)
		if got := namesOf(spans); !slices.Equal(got, []string{spanSignup, "email", spanConfirm, "webhook"}) {
			t.Fatalf("the spans of %s are %q", email, got)
		}
		checkTree(t, spans)
		if spans[0].Instance == spans[2].Instance {
			t.Error("the process that was asked to confirm is the one that took the signup")
		}
		if spans[1].Instance != spans[0].Instance {
			elsewhere++
		}
	}
	if elsewhere == 0 {
		t.Errorf("no email was sent by another process than the one that took its signup")
	}
}

func TestATraceGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	collector := e.traced()
	p, a := e.spawn(e.listen)
	request := a.signUpAs("ada@example.org")
	link := confirmLink(a.Email("ada@example.org"))
	if code := p.stop(); code != exitOK {
		t.Fatalf("it exits with %d", code)
	}
	if got := namesOf(traceOf(collector, request)); !slices.Equal(got, []string{spanSignup, "email"}) {
		t.Errorf("after its stop, the collector has the spans %q", got)
	}
	_, a = e.spawn(e.listen)
	a.Confirm(link)
	a.eventually("the confirmation is of the same trace", func() bool { return len(traceOf(collector, request)) == 3 })
	checkTree(t, traceOf(collector, request))
}

// A right that the person claims on the page of what they agreed to is a trace of its own.
func TestWhatIsAskedForAnewBeginsATrace(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	collector := e.traced()
	e.perAddress = "9/1h"
	a := e.start()
	first := a.signUpAs("ada@example.org")
	a.Confirm(confirmLink(a.Email("ada@example.org")))
	resp := a.post(path(a.Lookup("ada@example.org").UnsubscribeURL)+"/copy", "", http.Header{"Accept": {mediaJSON}})
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("asking for a copy returns %s", resp.Status)
	}
	claim := resp.Header.Get("X-Request-Id")
	a.eventually("its email is sent", func() bool { return len(traceOf(collector, claim)) == 2 })
	spans := traceOf(collector, claim)
	checkTree(t, spans)
	if spans[1].Attributes["optin.email.type"] != "copy" || spans[0].Trace == traceOf(collector, first)[0].Trace {
		t.Errorf("the spans are %+v", spans)
	}
}

func TestACollectorThatIsAwayDelaysNobody(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	collector := e.traced()
	collector.Respond(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	p, a := e.spawn(e.listen)
	a.SignUp("ada@example.org")
	a.Confirm(confirmLink(a.Email("ada@example.org")))
	if state := a.Lookup("ada@example.org").State; state != "confirmed" {
		t.Errorf("she is %q", state)
	}
	begun := time.Now()
	if code := p.stop(); code != exitOK || time.Since(begun) > 10*time.Second {
		t.Errorf("it exits with %d after %v", code, time.Since(begun))
	}
}
