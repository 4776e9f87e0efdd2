// Package request reads requests: bodies, queries and headers, as strictly as the API promises, and the state that
// middleware attaches to them.
package request

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// State is what middleware and handlers know of one request beside what echo.Context has.
type State struct {
	ID          string // of the request, as its X-Request-Id says
	Body        []byte // read whole
	PrefersHTML bool   // the route responds with a page unless the Accept header prefers JSON
	Frameable   bool   // pages may be framed by the site's FrameAncestors
	Site        string // id of the site it is about; empty while none is known
	APIKey      string // SHA-256 of the key it was authorized by; empty: none

	Reference string // at the foot of the page, by which a person can be found; empty: none

	// For the log and metrics:

	Subscription string // id of the one that it is about; empty: none, or none is known

	Trace confirm.Trace // that it belongs to; zero: to none

	Code    string // of the problem by which it was refused; empty: it was not
	Cause   error  // of a status of 500 or more
	Stack   string // of a panic
	Origin  string // that was refused; empty: none was
	Dropped string // why a signup got the usual response without being carried out; empty: it was carried out

	// NothingDone tells the idempotency middleware that nothing was carried out, whatever the status.
	NothingDone bool
}

const stateKey = "optin.request"

// Attach gives a request its state.
func Attach(c echo.Context, s *State) { c.Set(stateKey, s) }

type idKey struct{}

// WithID returns the context of a request in which IDOf finds its id, for metrics of what the request leads to.
func WithID(c echo.Context) context.Context {
	return context.WithValue(c.Request().Context(), idKey{}, StateOf(c))
}

// IDOf returns the id of the request that a context is of; empty: none is known.
func IDOf(ctx context.Context) string {
	if s, ok := ctx.Value(idKey{}).(*State); ok {
		return s.ID
	}
	return ""
}

// StateOf returns the state of a request. Every request has one.
func StateOf(c echo.Context) *State { return c.Get(stateKey).(*State) }

// Evidence returns the evidence of an action: what is known of the request that caused it.
func Evidence(c echo.Context, how consent.Method) consent.Evidence {
	r := c.Request()
	return consent.Evidence{IP: c.RealIP(), UserAgent: r.UserAgent(), Origin: r.Header.Get(echo.HeaderOrigin), How: how}
}
