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

// readyFor is how long an answer of the store is repeated: to ask it costs the store a write, and anybody may ask us.
const readyFor = time.Second

// health tells operators' programs whether the process runs, and whether requests may come.
type health struct {
	ask func(ctx context.Context) error // the store's Ready
	now func() time.Time

	mu  sync.Mutex
	at  time.Time // when the store was asked last
	err error     // and what it said
}

// status is what operators' programs are told.
type status struct {
	Status  string `json:"status"`
	Setting string `json:"setting,omitempty"`
	Have    string `json:"have,omitempty"`
	Want    string `json:"want,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// ready asks the store, once for all who ask within readyFor.
func (h *health) ready(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.now(); h.at.IsZero() || now.Sub(h.at).Abs() >= readyFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		h.err = h.ask(ctx)
		h.at = now
	}
	return h.err
}

// healthz says that the process answers.
func (h *health) healthz(c echo.Context) error {
	return writeStatus(c, http.StatusOK, "ok", status{Status: "ok"})
}

// readyz says whether requests may come: whether what is acknowledged now will last. If not, it names the store's
// setting that is at fault, and what corrects it.
func (h *health) readyz(c echo.Context) error {
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
