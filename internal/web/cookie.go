package web

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/optin/optin/confirm"
)

// browserBytes is how much randomness knows a browser again: 128 bits.
const browserBytes = 16

// cookieName is bound to this very host by its prefix (RFC 6265bis 4.1.3), save where there is no https.
func (s *Server) cookieName() string {
	if s.opt.PublicURL.Scheme == "https" {
		return "__Host-optin"
	}
	return "optin"
}

// browser is the cookie of a browser that posted our own form before; empty if there is none.
func (s *Server) browser(r *http.Request) string {
	for _, c := range r.CookiesNamed(s.cookieName()) {
		if b, err := base64.RawURLEncoding.Strict().DecodeString(c.Value); err == nil && len(b) == browserBytes {
			return c.Value
		}
	}
	return ""
}

// knownBrowser is the cookie of a browser that posts our own form: the one it has, or a new one.
func (s *Server) knownBrowser(r *http.Request) string {
	if value := s.browser(r); value != "" {
		return value
	}
	return base64.RawURLEncoding.EncodeToString(s.random(browserBytes))
}

// markBrowser gives a browser its cookie, whatever became of the signup; it lives as long as the letter's link. Empty: none.
func (s *Server) markBrowser(w http.ResponseWriter, value string, ttl time.Duration) {
	if value == "" {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: seconds(ttl),
		Secure: s.opt.PublicURL.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// sameBrowser tells whether the browser that asks is the one in which this request was signed up on our own page: a scanner of
// mail cannot be.
func (s *Server) sameBrowser(r *http.Request, v confirm.View) bool {
	hash := confirm.BrowserHash(s.browser(r))
	return hash != "" && subtle.ConstantTimeCompare([]byte(hash), []byte(v.Browser)) == 1
}
