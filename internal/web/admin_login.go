package web

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// The wrong passwords that are looked at. Whoever has used up the first has all operators wait, but those whose IP has logged in within
// knownFor: theirs are counted by themselves.
func triesOfAll() store.Limit   { return store.Limit{N: 10, Per: 10 * time.Minute} }
func triesOfOneIP() store.Limit { return store.Limit{N: 3, Per: time.Minute} }

// knownFor is how long an IP from which somebody logged in is known.
const knownFor = 30 * 24 * time.Hour

// showLogin asks for the password.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) error {
	return s.adminPage(w, http.StatusOK, templates.AdminLogin{LoggedOut: r.URL.RawQuery == "left=1"})
}

// login opens a session for the right password.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	in, _, err := schema{"password": text}.decode(r, mediaForm)
	if err != nil {
		return s.adminFail(w, r, err, false)
	}
	right, wait, err := s.try(r.Context(), s.client(r), in.one("password"))
	switch {
	case err != nil:
		return s.adminFail(w, r, err, false)
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(seconds(wait)))
		return s.adminPage(w, http.StatusTooManyRequests, templates.AdminLogin{Wait: wait})
	case !right:
		return s.adminPage(w, http.StatusForbidden, templates.AdminLogin{WrongPassword: true})
	}
	s.openSession(w)
	seeOther(w, adminPath)
	return nil
}

// try takes a try, and only then looks at the password: of any number that come at once no more are looked at than the limits allow. After the
// right one, what is counted of its IP starts anew. With a wait, no password was looked at.
func (s *Server) try(ctx context.Context, from netip.Addr, password string) (right bool, wait time.Duration, err error) {
	ip, tries := base64.RawURLEncoding.EncodeToString(s.opt.Keyring.Sums("admin login", narrow(from, 32, 64))[0]), "admin/tries"
	known, err := s.opt.Store.Get(ctx, "admin/known/"+ip)
	if err != nil {
		return false, 0, err
	}
	since := base64.RawURLEncoding.EncodeToString(known) // the last login from there
	if known != nil {
		tries += "/" + ip + "/" + since
	}
	waits, err := s.opt.Store.Acquire(ctx, "",
		store.Bucket{Name: "admin/ip/" + ip + "/" + since, Limits: []store.Limit{triesOfOneIP()}},
		store.Bucket{Name: tries, Limits: []store.Limit{triesOfAll()}})
	for _, w := range waits {
		wait = max(wait, w)
	}
	if err != nil || wait > 0 {
		return false, wait, err
	}
	if !s.isPassword(password) {
		return false, 0, nil
	}
	if login := s.random(16); known == nil {
		_, err = s.opt.Store.SetNX(ctx, "admin/known/"+ip, login, knownFor)
	} else if err = s.opt.Store.CompareAndSwap(ctx, "admin/known/"+ip, known, login, knownFor); errors.Is(err, store.ErrChanged) {
		err = nil // somebody else has just logged in from there
	}
	return err == nil, 0, err
}

// isPassword compares keyed hashes, so that its time tells nothing, not even a length.
func (s *Server) isPassword(given string) bool {
	sum := func(p string) []byte { return s.opt.Keyring.Sums("admin password", p)[0] }
	return hmac.Equal(sum(given), sum(string(s.opt.Admin.Password)))
}
