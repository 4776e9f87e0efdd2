package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// health handles /healthz and /readyz, and holds back what must be kept while the store would not keep it.
type health struct {
	ready    func() error         // nil: the store keeps what is acknowledged now
	stopping <-chan struct{}      // closed when the process is about to stop
	log      *consentlog.Appender // nil: there is no consent log
}

// required is middleware for calls whose acknowledgement is a promise: signups and confirmations, and what leads to
// one. While the store is not ready they are refused, whatever stands behind this: a limit, an Idempotency-Key. What
// takes a consent back is not refused here; it is taken where the store can keep it.
func (h *health) required(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := h.ready(); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return next(c)
	}
}

// evenIfIncomplete is middleware for what takes a consent back, and for the pages where people do that: of a store that
// may have lost a part of what was acknowledged, all else is refused that would not be sure.
func evenIfIncomplete(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		c.SetRequest(r.WithContext(store.EvenIfIncomplete(r.Context())))
		return next(c)
	}
}

// status is the body of both responses.
type status struct {
	Status  string `json:"status"`
	Setting string `json:"setting,omitempty"`
	Have    string `json:"have,omitempty"`
	Want    string `json:"want,omitempty"`
	Words   string `json:"words,omitempty"`
	Fix     string `json:"fix,omitempty"`

	Log *logStatus `json:"log,omitempty"`
}

// logStatus is where the consent log stands.
type logStatus struct {
	Leaves  int64   `json:"leaves"`
	Appends bool    `json:"appends"`     // this process does
	Lag     float64 `json:"lag_seconds"` // since the oldest change without a leaf
	Other   bool    `json:"other_log"`   // it is not the one that the store knows
}

// healthz responds with 200 as long as the process runs.
func (h *health) healthz(c echo.Context) error {
	return writeStatus(c, http.StatusOK, "ok", status{Status: "ok"})
}

// readyz responds with 200 if the process may take requests: if it is not about to stop, and the store can be reached,
// and will keep what is acknowledged. Otherwise it names the setting of the store that is wrong, and the fix.
func (h *health) readyz(c echo.Context) error {
	select {
	case <-h.stopping:
		respond.RetryAfter(c.Response().Header(), respond.RetryStore)
		return writeStatus(c, http.StatusServiceUnavailable, "stopping", status{Status: "stopping"})
	default:
	}
	err := h.ready()
	if err == nil {
		s, line := status{Status: "ready"}, "ready"
		if h.log != nil {
			is := h.log.Status()
			s.Log = &logStatus{is.Size, is.Appends, is.Lag.Seconds(), is.Other}
			line += fmt.Sprintf("; consent log: %d leaves, %.1f s behind", is.Size, is.Lag.Seconds())
			if is.Other {
				line = "ready; consent log: not the one that the store knows"
			}
		}
		return writeStatus(c, http.StatusOK, line, s)
	}
	request.StateOf(c).Cause = err
	respond.RetryAfter(c.Response().Header(), respond.RetryStore)
	s, line := status{Status: "unavailable"}, "unavailable: the store cannot be reached"
	if u := new(store.UnsafeError); errors.As(err, &u) {
		line = "unsafe: " + u.Error()
		s = status{Status: "unsafe", Setting: u.Setting, Have: u.Have, Want: u.Want, Words: u.Words, Fix: u.Fix}
	}
	return writeStatus(c, http.StatusServiceUnavailable, line, s)
}

func writeStatus(c echo.Context, code int, line string, s status) error {
	if _, json := request.Accepts(c.Request()); json {
		return respond.JSON(c, code, s)
	}
	respond.Vary(c.Response().Header(), echo.HeaderAccept)
	return respond.Bytes(c, code, "text/plain; charset=utf-8", []byte(line+"\n"))
}
