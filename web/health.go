package web

import (
	"errors"
	"net/http"
	"strconv"

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
	err := s.opt.Store.Ready(r.Context())
	if err == nil {
		tellHealth(w, r, http.StatusOK, "ready", health{Status: "ready"})
		return nil
	}
	exchangeOf(r).cause = err
	w.Header().Set("Retry-After", strconv.Itoa(seconds(retryAway)))
	h, line := health{Status: "unavailable"}, "unavailable: the store cannot be reached"
	if u := new(store.Unfit); errors.As(err, &u) {
		h, line = health{Status: "unfit", Setting: u.Setting, Have: u.Have, Want: u.Want, Fix: u.Fix}, "unfit: "+u.Error()
	}
	tellHealth(w, r, http.StatusServiceUnavailable, line, h)
	return nil
}

func tellHealth(w http.ResponseWriter, r *http.Request, status int, line string, h health) {
	if _, json := asksFor(r); json {
		writeJSON(w, status, mediaJSON, h)
		return
	}
	vary(w.Header(), "Accept")
	write(w, status, "text/plain; charset=utf-8", []byte(line+"\n"))
}
