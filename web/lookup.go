package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/optin/optin/store"
)

// apiKey is the sum of a key, and the one site it opens.
type apiKey struct {
	sum  [sha256.Size]byte
	site string
}

// lookup answers the question before every mailing: what is known of this address at this site?
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) error {
	if err := s.authorize(w, r); err != nil {
		return err
	}
	in, _, err := schema{"email": text}.decode(r, mediaJSON)
	if err != nil {
		return err
	}
	a, c := readEmail(in)
	if c != "" {
		return refuseFields([]fieldError{wrongField("email", c)})
	}
	st, err := s.opt.Desk.Lookup(r.Context(), r.PathValue("site"), a)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(codeSubscription)
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, mediaJSON, st)
	return nil
}

// authorize lets a key act for its own site: 401 without a key that is known, 403 for any site but its own, known or not. Every key
// is compared, in constant time.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	said := r.Header.Values("Authorization")
	var key string
	if len(said) == 1 {
		scheme, rest, _ := strings.Cut(said[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			key = strings.TrimSpace(rest)
		}
	}
	sum := sha256.Sum256([]byte(key))
	valid, fits := 0, 0
	for _, k := range s.keys {
		same := subtle.ConstantTimeCompare(sum[:], k.sum[:])
		valid |= same
		if k.site == r.PathValue("site") {
			fits |= same
		}
	}
	switch {
	case key == "":
		w.Header().Set("WWW-Authenticate", `Bearer realm="optin"`)
		return refuse(codeKeyRequired)
	case valid == 0:
		w.Header().Set("WWW-Authenticate", `Bearer realm="optin", error="invalid_token"`)
		return refuse(codeKeyRequired)
	case fits == 0:
		return refuse(codeKeyForeign)
	}
	return nil
}
