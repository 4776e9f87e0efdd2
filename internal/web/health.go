package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/optin/optin/store"
)

// health is what operators' programs are told.
type health struct {
	Status  string `json:"status"`
	Setting string `json:"setting,omitempty"`
	Have    string `json:"have,omitempty"`
	Want    string `json:"want,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) error {
	tellHealth(w, r, http.StatusOK, "ok", health{Status: "ok"})
	return nil
}

// readyz says whether requests may come: whether what is acknowledged now will last. If not, it names the store's setting that is in
// the way, and what mends it.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	err := s.ready(r.Context())
	if err == nil {
		tellHealth(w, r, http.StatusOK, "ready", health{Status: "ready"})
		return nil
	}
	exchangeOf(r).cause = err
	w.Header().Set("Retry-After", strconv.Itoa(seconds(retryAway)))
	h, line := health{Status: "unavailable"}, "unavailable: the store cannot be reached"
	if u := new(store.UnsafeError); errors.As(err, &u) {
		h, line = health{Status: "unfit", Setting: u.Setting, Have: u.Have, Want: u.Want, Fix: u.Fix}, "unfit: "+u.Error()
	}
	tellHealth(w, r, http.StatusServiceUnavailable, line, h)
	return nil
}

// readyFor is how long an answer of the store is told again: to ask it costs the store a write, and anybody may ask us.
const readyFor = time.Second

// readiness is what the store said last.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// ready asks the store, once for all who ask within readyFor.
func (s *Server) ready(ctx context.Context) error {
	s.said.mu.Lock()
	defer s.said.mu.Unlock()
	if now := s.opt.Now(); s.said.at.IsZero() || now.Sub(s.said.at).Abs() >= readyFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		s.said.err = s.opt.Store.Ready(ctx)
		s.said.at = now
	}
	return s.said.err
}

func tellHealth(w http.ResponseWriter, r *http.Request, status int, line string, h health) {
	if _, json := asksFor(r); json {
		writeJSON(w, status, mediaJSON, h)
		return
	}
	vary(w.Header(), "Accept")
	write(w, status, "text/plain; charset=utf-8", []byte(line+"\n"))
}
