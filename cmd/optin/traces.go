package main

import (
	"net/http"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/metrics"
	"github.com/optin/optin/internal/tracing"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
)

// newExporter starts what sends spans, if that is configured. It stops last, when no more are added.
func (g *generation) newExporter(c config.Tracing) *tracing.Exporter {
	if c.URL == nil {
		return nil
	}
	o := tracing.Options{
		URL: c.URL, Headers: map[string]string{}, Sample: c.Sample, Version: versionText(), Log: g.log,
		Count: func(outcome tracing.Outcome, n int) { g.metrics.Spans(string(outcome), n) },
	}
	for name, text := range c.Headers {
		o.Headers[name] = string(text)
	}
	for _, outcome := range tracing.Outcomes() {
		g.metrics.Spans(string(outcome), 0)
	}
	e := tracing.New(o)
	g.background(e.Run)
	return e
}

// source returns what an observation was of, with its trace if that is sampled.
func (g *generation) source(of metrics.Source, trace confirm.Trace) metrics.Source {
	if g.traces.Sampled(trace.ID) {
		of.Trace = trace.String()
	}
	return of
}

// addSpan adds a span of a trace.
func (g *generation) addSpan(of confirm.Trace, s tracing.Span) {
	s.Trace = of.ID
	if of.Begins {
		s.ID = of.Root
	} else {
		s.Parent = of.Root
	}
	g.traces.Add(s)
}

// observeRequest counts a request, and adds its span if it belongs to a trace. Not one of its attributes comes from
// who made the request: its path is a pattern.
func (g *generation) observeRequest(o web.Observed) {
	g.metrics.Request(o.Route, o.Method, o.Status, o.Took, g.source(metrics.Source{Request: o.ID}, o.Trace))
	if !g.traces.Sampled(o.Trace.ID) {
		return
	}
	g.addSpan(o.Trace, tracing.Span{
		Name: o.Method + " " + o.Route, Kind: tracing.Server, Start: o.Began, End: o.Began.Add(o.Took),
		Failed: o.Status >= http.StatusInternalServerError,
		Attributes: []tracing.Attribute{
			tracing.Text("http.request.method", o.Method), tracing.Text("http.route", o.Route),
			tracing.Number("http.response.status_code", o.Status), tracing.Text("error.type", o.Code),
			tracing.Text("optin.site", o.Site), tracing.Text("optin.request", o.ID),
		},
	})
}

// observeEmail counts an attempt at an email, and adds its span.
func (g *generation) observeEmail(a mailer.Attempt) {
	g.metrics.Email(a.Site, a.Outcome, a.Class, a.Took, g.source(metrics.Source{Job: a.Job}, a.Trace))
	if !g.traces.Sampled(a.Trace.ID) {
		return
	}
	g.addSpan(a.Trace, tracing.Span{
		Name: "email", Kind: tracing.Client, Start: a.Began, End: time.Now(), Failed: a.Failed(),
		Attributes: []tracing.Attribute{
			tracing.Text("optin.site", a.Site), tracing.Text("optin.job", a.Job),
			tracing.Text("optin.email.type", a.Type), tracing.Text("optin.email.outcome", a.Outcome),
			tracing.Text("optin.email.class", a.Class),
		},
	})
}

// observeCall adds the span of a call of an endpoint.
func (g *generation) observeCall(c webhook.Call) {
	if !g.traces.Sampled(c.Trace.ID) {
		return
	}
	s := tracing.Span{
		Name: "webhook", Kind: tracing.Client, Start: c.Began, End: time.Now(), Failed: !c.Delivered,
		Attributes: []tracing.Attribute{
			tracing.Text("optin.site", c.Site), tracing.Text("optin.job", c.Job),
			tracing.Text("optin.event", c.Event), tracing.Text("optin.event.type", string(c.Type)),
			tracing.Text("server.address", c.Host),
		},
	}
	if c.Status != 0 {
		s.Attributes = append(s.Attributes, tracing.Number("http.response.status_code", c.Status))
	}
	g.addSpan(c.Trace, s)
}
