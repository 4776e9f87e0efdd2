package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/optin/optin/internal/challenge"
)

// exchange is what is known of one request while it is answered.
type exchange struct {
	id     string
	route  string
	person bool // a page is the answer unless a program asks for JSON
	framed bool // pages may be framed where the site allows
	site   *site
	key    string // the sum of the API key it was authorized by; empty: none
	body   []byte
	cause  error // of a status of 500 or more; for the log only
	stack  string

	undone  bool   // nothing was carried out, whatever the status
	dropped string // why a signup was answered and went nowhere; empty: it was not
}

type exchangeKey struct{}

// exchangeOf is there for every request that came through chain.
func exchangeOf(r *http.Request) *exchange { return r.Context().Value(exchangeKey{}).(*exchange) }

// recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// chain is what happens to every request around its route: an id, the headers, the log line, and a page also where something
// panics.
func (s *Server) chain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		start := s.opt.Now()
		x := &exchange{id: hex.EncodeToString(s.random(16)), route: "unmatched"}
		r, w := in.WithContext(context.WithValue(in.Context(), exchangeKey{}, x)), &recorder{ResponseWriter: out}
		defer func() { s.report(r, x, w.status, s.opt.Now().Sub(start)) }()
		defer s.rescue(w, r, x)
		s.secure(w.Header(), x.id)
		if !plainPath(r) {
			s.miss(w, r, "", http.StatusNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// rescue turns a panic into a page.
func (s *Server) rescue(w *recorder, r *http.Request, x *exchange) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	x.cause, x.stack = fmt.Errorf("panic: %v", v), string(debug.Stack())
	if w.status == 0 {
		s.fail(w, r, refuse(codeBroken))
	}
}

// report writes the one line of a request.
func (s *Server) report(r *http.Request, x *exchange, status int, took time.Duration) {
	method := knownMethod(r.Method)
	s.opt.Observe(x.route, method, status, took)
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("method", method), slog.String("route", x.route), slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.String("request", x.id),
	}
	if x.site != nil {
		attrs = append(attrs, slog.String("site", x.site.id))
	}
	if x.dropped != "" {
		attrs = append(attrs, slog.String("dropped", x.dropped))
	}
	if x.cause != nil {
		level, attrs = slog.LevelError, append(attrs, slog.String("error", x.cause.Error()))
	}
	if x.stack != "" {
		attrs = append(attrs, slog.String("stack", x.stack))
	}
	s.opt.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// knownMethod keeps a caller from writing words of their own into logs and metrics.
func knownMethod(m string) string {
	if strings.Contains(" GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE ", " "+m+" ") {
		return m
	}
	return "OTHER"
}

// secure sets what every answer carries; pages may be more exact.
func (s *Server) secure(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy("", "'self'", "'none'"))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if s.opt.PublicURL.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// policy is a Content-Security-Policy; script is empty or a source.
func policy(script, formAction, ancestors string) string {
	return policyWith(challenge.Policy{Script: strings.Fields(script)}, formAction, ancestors)
}

// policyWith is a policy with more sources.
func policyWith(more challenge.Policy, formAction, ancestors string) string {
	p := "default-src 'none'; style-src " + strings.Join(append([]string{"'self'"}, more.Style...), " ") + "; img-src 'self'; form-action " +
		formAction + "; base-uri 'none'; frame-ancestors " + ancestors
	for _, d := range []struct {
		name    string
		sources []string
	}{{"script-src", more.Script}, {"frame-src", more.Frame}, {"connect-src", more.Connect}} {
		if len(d.sources) > 0 {
			p += "; " + d.name + " " + strings.Join(d.sources, " ")
		}
	}
	return p
}

// random is n random bytes.
func (s *Server) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.opt.Rand, b); err != nil {
		panic(err) // without randomness there is no service
	}
	return b
}
