package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/optin/optin/internal/bounce"
)

// Media types of reports about letters, besides JSON.
const (
	mediaMessage = "message/rfc822"
	mediaText    = "text/plain" // how Amazon SNS sends its JSON
)

// authorizeOperator lets a key of the operator's act for all sites: 401 without one that is known. A site's key is none. Every key is
// compared, in constant time; their scopes are not asked, for there is one call.
func (s *Server) authorizeOperator(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Bounces == nil {
		return refuse(codeNotFound)
	}
	sum, given := operatorKey(r)
	valid := 0
	for _, k := range s.opt.OperatorKeys {
		valid |= subtle.ConstantTimeCompare(sum[:], k.Sum[:])
	}
	if given && valid == 1 {
		exchangeOf(r).key = string(sum[:])
		return nil
	}
	w.Header().Add("WWW-Authenticate", `Bearer realm="optin"`)
	w.Header().Add("WWW-Authenticate", `Basic realm="optin", charset="UTF-8"`) // SNS sends no key before it is asked for one
	return refuse(codeOperatorKey)
}

// operatorKey is the sum of the one key that a request carries: as RFC 6750 2.1 has it, or as the password of RFC 7617, for there are
// services that only take a URL.
func operatorKey(r *http.Request) (sum [sha256.Size]byte, given bool) {
	if len(r.Header.Values("Authorization")) == 1 {
		if _, password, ok := r.BasicAuth(); ok {
			return sha256.Sum256([]byte(password)), password != ""
		}
	}
	return bearer(r)
}

// bounces takes what mail systems and services say of letters. Handed in again, it changes nothing.
func (s *Server) bounces(w http.ResponseWriter, r *http.Request) error {
	var got bounce.Result
	var err error
	body := exchangeOf(r).body
	switch media, _ := mediaOf(r); media {
	case mediaMessage:
		got, err = s.opt.Bounces.Message(r.Context(), bytes.NewReader(body))
	case mediaJSON, mediaText:
		got, err = s.opt.Bounces.Notification(r.Context(), body)
	default:
		return refuse(codeMedia)
	}
	if errors.Is(err, bounce.ErrUnreadable) {
		return refuse(codeReport)
	}
	if err != nil {
		return err
	}
	if ofAmazon(got.Confirm) {
		s.opt.Log.WarnContext(r.Context(), "Amazon SNS is to tell of letters here: open this address to let it", slog.String("open", got.Confirm))
	}
	writeJSON(w, http.StatusOK, mediaJSON, struct {
		Reports int `json:"reports"`
		Ours    int `json:"ours"`
	}{got.Reports, got.Ours})
	return nil
}

// ofAmazon tells whether an address is one that an operator may be told to open.
func ofAmazon(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.User == nil && u.Port() == "" && strings.HasSuffix(strings.ToLower(u.Host), ".amazonaws.com")
}
