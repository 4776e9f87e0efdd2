package web

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sessionLife is how long an operator stays logged in, used or not.
const sessionLife = 12 * time.Hour

// clockSlack is by how much the clocks of replicas and store may differ.
const clockSlack = 5 * time.Minute

// session is an operator's browser. Its cookie says all of it, and proves that with a keyed hash under the password as well as our
// secret: a session dies with either. Its id is random, and says nothing without the hash.
//
//	id (16 bytes, base64url) . end (Unix seconds) . HMAC-SHA256 (base64url)
type session struct {
	id   string
	ends time.Time
}

// sessionCookie is bound to this very host by its prefix (RFC 6265bis 4.1.3.2), save where there is no https.
func (s *Server) sessionCookie() *http.Cookie {
	c := &http.Cookie{Name: "optin-admin", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if s.opt.PublicURL.Scheme == "https" {
		c.Name, c.Secure = "__Host-optin-admin", true
	}
	return c
}

// openSession gives a browser a session of its own: whatever cookie it came with, it leaves with an id that nobody had before.
func (s *Server) openSession(w http.ResponseWriter) {
	says := base64.RawURLEncoding.EncodeToString(s.random(16)) + "." + strconv.FormatInt(s.opt.Now().Add(sessionLife).Unix(), 10)
	c := s.sessionCookie()
	c.Value, c.MaxAge = says+"."+s.sessionSums(says)[0], seconds(sessionLife)
	http.SetCookie(w, c)
}

// session is that of a request; nil if there is none, or it has ended.
func (s *Server) session(r *http.Request) (*session, error) {
	for _, c := range r.CookiesNamed(s.sessionCookie().Name) {
		in := s.readSession(c.Value)
		if in == nil {
			continue
		}
		switch ended, err := s.opt.Store.Get(r.Context(), in.ended()); {
		case err != nil:
			return nil, err
		case ended == nil:
			return in, nil
		}
	}
	return nil, nil
}

// readSession reads what a cookie says, if we have said it and its time has not come.
func (s *Server) readSession(cookie string) *session {
	at := strings.LastIndexByte(cookie, '.')
	if at < 0 {
		return nil
	}
	says, sum := cookie[:at], []byte(cookie[at+1:])
	if !slices.ContainsFunc(s.sessionSums(says), func(want string) bool { return hmac.Equal(sum, []byte(want)) }) {
		return nil
	}
	id, end, _ := strings.Cut(says, ".")
	unix, err := strconv.ParseInt(end, 10, 64)
	if err != nil || !s.opt.Now().Before(time.Unix(unix, 0)) {
		return nil
	}
	return &session{id: id, ends: time.Unix(unix, 0)}
}

// sessionSums are the keyed hashes of what a cookie says, by the newest secret first.
func (s *Server) sessionSums(says string) (all []string) {
	for _, sum := range s.opt.Keyring.Sums("admin session", string(s.opt.Admin.Password), says) {
		all = append(all, base64.RawURLEncoding.EncodeToString(sum))
	}
	return all
}

// ended is the name under which the store keeps that a session has ended.
func (in *session) ended() string { return "admin/ended/" + in.id }

// logout ends the session for all replicas, for as long as its cookie would open anything.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	in, err := s.session(r)
	if err != nil {
		return err
	}
	if in != nil {
		if _, err := s.opt.Store.SetNX(r.Context(), in.ended(), []byte("ended"), in.ends.Sub(s.opt.Now())+clockSlack); err != nil {
			return err
		}
	}
	c := s.sessionCookie()
	c.MaxAge = -1
	http.SetCookie(w, c)
	seeOther(w, loginPath+"?left=1")
	return nil
}
