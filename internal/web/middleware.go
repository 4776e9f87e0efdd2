package web

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// requestTimeout is how long one request may take after its headers are read. It bounds every call to a store.
const requestTimeout = 5 * time.Second

// logRequest is middleware that gives a request its state and its id, has the error handler write the response to an
// error, and then writes the request's one log line. The line has the route's pattern, and never a URI, an address, an
// IP or a token. The id is ours: an X-Request-Id of the client's is ignored.
func (a *app) logRequest(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := a.Now()
		st := &request.State{ID: hex.EncodeToString(a.random(16))}
		request.Attach(c, st)
		c.Response().Header().Set(echo.HeaderXRequestID, st.ID)
		defer func() { a.writeLog(c, st, start) }()
		if err := next(c); err != nil {
			c.Error(err)
		}
		return nil
	}
}

// writeLog writes the log line of a request.
func (a *app) writeLog(c echo.Context, st *request.State, began time.Time) {
	took := a.Now().Sub(began)
	status, route, method := 0, a.patternOf(c), knownMethod(c.Request().Method)
	if c.Response().Committed {
		status = c.Response().Status
	}
	a.Observe(Observed{
		ID: st.ID, Route: route, Method: method, Status: status, Site: st.Site, Code: st.Code, Began: began, Took: took,
		Trace: st.Trace,
	})
	if st.Code != "" {
		a.Refused(st.Site, st.Code)
		a.refusals.Add(st.Site, st.Code)
	}
	level := slog.LevelInfo
	if st.Cause != nil {
		level = slog.LevelError
	}
	ctx, to := c.Request().Context(), a.Log.Handler()
	if !to.Enabled(ctx, level) {
		return
	}
	// Without the place in the program, which is this one always and costs as much as the rest of the line.
	line := slog.NewRecord(time.Now(), level, "request", 0)
	line.AddAttrs(slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.String("request", st.ID))
	if st.Site != "" {
		line.AddAttrs(slog.String("site", st.Site))
	}
	if st.Subscription != "" {
		line.AddAttrs(slog.String("subscription", st.Subscription))
	}
	if !st.Trace.IsZero() {
		line.AddAttrs(slog.String("trace_id", st.Trace.String()))
	}
	if st.Code != "" {
		line.AddAttrs(slog.String("code", st.Code))
	}
	if st.Origin != "" {
		line.AddAttrs(slog.String("refused_origin", st.Origin))
	}
	if st.Dropped != "" {
		line.AddAttrs(slog.String("dropped", st.Dropped))
	}
	if st.Cause != nil {
		line.AddAttrs(slog.String("error", st.Cause.Error()))
	}
	if st.Stack != "" {
		line.AddAttrs(slog.String("stack", st.Stack))
	}
	_ = to.Handle(ctx, line) // as slog.Logger: there is nowhere else to report to
}

// patternOf returns the pattern of a request's route, spelt as in openapi.yaml; "unmatched" if there is none.
func (a *app) patternOf(c echo.Context) string {
	if pattern, ok := a.patterns[c.Path()]; ok {
		return pattern
	}
	return "unmatched"
}

// patternsOf returns the patterns of all routes, by echo's spelling of them.
func patternsOf(e *echo.Echo) map[string]string {
	all := map[string]string{}
	for _, r := range e.Routes() {
		segments := strings.Split(r.Path, "/")
		for i, s := range segments {
			if name, param := strings.CutPrefix(s, ":"); param {
				segments[i] = "{" + name + "}"
			} else if s == "*" {
				segments[i] = "{tile}"
			}
		}
		all[r.Path] = strings.Join(segments, "/")
	}
	return all
}

// knownMethod returns a method of RFC 9110, PATCH or "OTHER", so that a client cannot write words of its own into logs
// and metrics.
func knownMethod(m string) string {
	if strings.Contains(" GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE ", " "+m+" ") {
		return m
	}
	return "OTHER"
}

// recoverPanics returns middleware that turns a panic into an error, which is an internal_error, and keeps its stack
// for the log.
func recoverPanics() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		StackSize: 64 << 10, DisableStackAll: true,
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			st := request.StateOf(c)
			st.Cause, st.Stack = fmt.Errorf("panic: %w", err), string(stack)
			return st.Cause
		},
	})
}

// securityHeaders returns middleware that sets the security headers of every response. Pages replace some of them by
// their own. The public URL decides whether we are reached by https, not a header of the request.
func (a *app) securityHeaders() echo.MiddlewareFunc {
	headers := map[string][]string{ // shared by all responses: Set replaces a value, Add copies it
		echo.HeaderXContentTypeOptions:   {"nosniff"},
		echo.HeaderContentSecurityPolicy: {policy("", "'self'", "'none'")},
		echo.HeaderReferrerPolicy:        {"no-referrer"},
		echo.HeaderCacheControl:          {"no-store"},
		"Cross-Origin-Opener-Policy":     {"same-origin"},
		"X-Robots-Tag":                   {"noindex, nofollow"},
	}
	if a.PublicURL.Scheme == "https" {
		headers[echo.HeaderStrictTransportSecurity] = []string{"max-age=31536000"}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			maps.Copy(c.Response().Header(), headers)
			return next(c)
		}
	}
}

// timeout returns middleware that ends the context of a request after requestTimeout, except on the routes unbounded.
func timeout(unbounded ...string) echo.MiddlewareFunc {
	return middleware.ContextTimeoutWithConfig(middleware.ContextTimeoutConfig{
		Timeout: requestTimeout,
		Skipper: func(c echo.Context) bool {
			for _, path := range unbounded {
				if c.Path() == path {
					return true
				}
			}
			return false
		},
		ErrorHandler: func(err error, _ echo.Context) error { return err },
	})
}

// setSite is middleware that notes, for the log and the pages, which site the path names.
func (a *app) setSite(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if id := c.Param("site"); a.sites[id] != nil {
			st := request.StateOf(c)
			st.Site = id
			if of := c.Param("id"); store.IsID(of) { // anything else is the client's own words
				st.Subscription = of
			}
		}
		return next(c)
	}
}

// prefersHTML is middleware for routes that respond with a page unless the Accept header prefers JSON.
func prefersHTML(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request.StateOf(c).PrefersHTML = true
		return next(c)
	}
}

// frameable is middleware for routes whose error pages, too, may be framed by the site's FrameAncestors.
func frameable(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request.StateOf(c).Frameable = true
		return next(c)
	}
}
