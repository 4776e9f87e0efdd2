package web

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/optin/optin/internal/web/request"
)

// patience is how long one request may take after its headers are read; every call to a store is bound by it.
const patience = 5 * time.Second

// logged gives a request its state and an id, answers its error, and writes its one log line: with the route's pattern,
// and never a URI, an address, an IP or a token. The id is ours: what a client sends as one is ignored.
func (a *app) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := a.Now()
		st := &request.State{ID: hex.EncodeToString(a.random(16))}
		request.Attach(c, st)
		c.Response().Header().Set(echo.HeaderXRequestID, st.ID)
		defer func() { a.report(c, st, a.Now().Sub(start)) }()
		if err := next(c); err != nil {
			c.Error(err)
		}
		return nil
	}
}

// report writes the log line of a request.
func (a *app) report(c echo.Context, st *request.State, took time.Duration) {
	status, route, method := 0, a.patternOf(c), knownMethod(c.Request().Method)
	if c.Response().Committed {
		status = c.Response().Status
	}
	a.Observe(route, method, status, took)
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.String("request", st.ID),
	}
	if st.Site != "" {
		attrs = append(attrs, slog.String("site", st.Site))
	}
	if st.Dropped != "" {
		attrs = append(attrs, slog.String("dropped", st.Dropped))
	}
	if st.Cause != nil {
		level, attrs = slog.LevelError, append(attrs, slog.String("error", st.Cause.Error()))
	}
	if st.Stack != "" {
		attrs = append(attrs, slog.String("stack", st.Stack))
	}
	a.Log.LogAttrs(c.Request().Context(), level, "request", attrs...)
}

// patternOf is the pattern of a request's route, spelt as in the description of the API; "unmatched" if there is none.
func (a *app) patternOf(c echo.Context) string {
	if pattern, ok := a.patterns[c.Path()]; ok {
		return pattern
	}
	return "unmatched"
}

// patternsOf are the patterns of all routes, by echo's spelling of them.
func patternsOf(e *echo.Echo) map[string]string {
	all := map[string]string{}
	for _, r := range e.Routes() {
		segments := strings.Split(r.Path, "/")
		for i, s := range segments {
			if name, param := strings.CutPrefix(s, ":"); param {
				segments[i] = "{" + name + "}"
			}
		}
		all[r.Path] = strings.Join(segments, "/")
	}
	return all
}

// knownMethod keeps a caller from writing words of their own into logs and metrics.
func knownMethod(m string) string {
	if strings.Contains(" GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE ", " "+m+" ") {
		return m
	}
	return "OTHER"
}

// recovered answers a panic as any other error of ours, and keeps its stack for the log.
func recovered() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		StackSize: 64 << 10, DisableStackAll: true,
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			st := request.StateOf(c)
			st.Cause, st.Stack = fmt.Errorf("panic: %w", err), string(stack)
			return st.Cause
		},
	})
}

// secured returns middleware that sets the security headers that every response carries; pages may be more exact.
// Whether we are reached by https our public URL says, and no header of a request.
func (a *app) secured() echo.MiddlewareFunc {
	secure := middleware.SecureWithConfig(middleware.SecureConfig{
		ContentTypeNosniff: "nosniff", ContentSecurityPolicy: policy("", "'self'", "'none'"),
		ReferrerPolicy: "no-referrer",
	})
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return secure(func(c echo.Context) error {
			h := c.Response().Header()
			h.Set(echo.HeaderCacheControl, "no-store")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("X-Robots-Tag", "noindex, nofollow")
			if a.PublicURL.Scheme == "https" {
				h.Set(echo.HeaderStrictTransportSecurity, "max-age=31536000")
			}
			return next(c)
		})
	}
}

// patient ends the context of a request after patience, but for routes that may take as long as they need.
func patient(unbounded ...string) echo.MiddlewareFunc {
	return middleware.ContextTimeoutWithConfig(middleware.ContextTimeoutConfig{
		Timeout: patience,
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

// ofSite notes which site a request is about.
func (a *app) ofSite(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if id := c.Param("site"); a.sites[id] != nil {
			request.StateOf(c).Site = id
		}
		return next(c)
	}
}

// forPeople marks a route whose answers are pages unless a program asks for JSON.
func forPeople(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request.StateOf(c).ForPeople = true
		return next(c)
	}
}

// framed marks a route whose pages may be framed by pages that the site names.
func framed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request.StateOf(c).Framed = true
		return next(c)
	}
}
