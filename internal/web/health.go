package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
)

// readyFor is how long the store's answer is reused: each check costs the store a write, and anybody may cause one.
const readyFor = time.Second

// health handles /healthz and /readyz.
type health struct {
	storeReady func(ctx context.Context) error // the store's Ready
	stopping   <-chan struct{}                 // closed when the process is about to stop
	now        func() time.Time

	mu  sync.Mutex
	at  time.Time // of the last check
	err error     // its result
}

// status is the body of both responses.
type status struct {
	Status  string `json:"status"`
	Setting string `json:"setting,omitempty"`
	Have    string `json:"have,omitempty"`
	Want    string `json:"want,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// ready returns nil if the store is ready, or its error. It checks the store once for all calls within readyFor.
func (h *health) ready(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.now(); h.at.IsZero() || now.Sub(h.at).Abs() >= readyFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		h.err = h.storeReady(ctx)
		h.at = now
	}
	return h.err
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
	err := h.ready(c.Request().Context())
	if err == nil {
		return writeStatus(c, http.StatusOK, "ready", status{Status: "ready"})
	}
	request.StateOf(c).Cause = err
	respond.RetryAfter(c.Response().Header(), respond.RetryStore)
	s, line := status{Status: "unavailable"}, "unavailable: the store cannot be reached"
	if u := new(store.UnsafeError); errors.As(err, &u) {
		s, line = status{Status: "unsafe", Setting: u.Setting, Have: u.Have, Want: u.Want, Fix: u.Fix},
			"unsafe: "+u.Error()
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
