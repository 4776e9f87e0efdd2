package web

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/respond"
)

// browserBytes is how much randomness tells a browser from any other: 128 bits.
const browserBytes = 16

// browsers tells by a cookie whether a link was opened in the browser that signed up. A scanner of mail cannot be that.
type browsers struct {
	secure bool // the public URL is https
	random func(n int) []byte
}

// cookieName is bound to this very host by its prefix (RFC 6265bis, section 4.1.3), except where there is no https.
func (b *browsers) cookieName() string {
	if b.secure {
		return "__Host-optin"
	}
	return "optin"
}

// of returns the cookie of a browser that posted our own form before; empty if there is none.
func (b *browsers) of(c echo.Context) string {
	for _, cookie := range c.Request().CookiesNamed(b.cookieName()) {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
		if err == nil && len(raw) == browserBytes {
			return cookie.Value
		}
	}
	return ""
}

// ofOrNew returns the cookie of a browser that posts our own form: the one it has, or a new one.
func (b *browsers) ofOrNew(c echo.Context) string {
	if value := b.of(c); value != "" {
		return value
	}
	return base64.RawURLEncoding.EncodeToString(b.random(browserBytes))
}

// remember gives a browser its cookie, whatever became of the signup; it lives as long as the email's link. Empty:
// none.
func (b *browsers) remember(c echo.Context, value string, ttl time.Duration) {
	if value == "" {
		return
	}
	c.SetCookie(&http.Cookie{
		Name: b.cookieName(), Value: value, Path: "/", MaxAge: respond.Seconds(ttl),
		Secure: b.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// same reports whether the browser that asks is the one in which this request was signed up on our own page.
func (b *browsers) same(c echo.Context, v confirm.View) bool {
	hash := confirm.BrowserHash(b.of(c))
	return hash != "" && subtle.ConstantTimeCompare([]byte(hash), []byte(v.Browser)) == 1
}
