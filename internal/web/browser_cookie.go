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

// browserBytes is the size of a cookie's random value: 128 bits.
const browserBytes = 16

// browserCookies recognises by a cookie whether a link was opened in the browser that signed up. A mail scanner is
// another one.
type browserCookies struct {
	secure bool // the public URL is https
	random func(n int) []byte
}

// cookieName returns the name of the cookie. Its prefix binds it to this host (RFC 6265bis, section 4.1.3), except
// where there is no https.
func (b *browserCookies) cookieName() string {
	if b.secure {
		return "__Host-optin"
	}
	return "optin"
}

// of returns the cookie of a browser that posted our own form before; empty if there is none.
func (b *browserCookies) of(c echo.Context) string {
	for _, cookie := range c.Request().CookiesNamed(b.cookieName()) {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
		if err == nil && len(raw) == browserBytes {
			return cookie.Value
		}
	}
	return ""
}

// ofOrNew returns the cookie of a browser that posts our own form: the one it has, or a new one.
func (b *browserCookies) ofOrNew(c echo.Context) string {
	if value := b.of(c); value != "" {
		return value
	}
	return base64.RawURLEncoding.EncodeToString(b.random(browserBytes))
}

// remember sets the cookie, for as long as the email's link is valid, whatever became of the signup. An empty value
// sets none.
func (b *browserCookies) remember(c echo.Context, value string, ttl time.Duration) {
	if value == "" {
		return
	}
	c.SetCookie(&http.Cookie{
		Name: b.cookieName(), Value: value, Path: "/", MaxAge: respond.Seconds(ttl),
		Secure: b.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// isSame reports whether the request comes from the browser that sent the signup from our own page.
func (b *browserCookies) isSame(c echo.Context, v confirm.View) bool {
	hash := confirm.BrowserHash(b.of(c))
	return hash != "" && subtle.ConstantTimeCompare([]byte(hash), []byte(v.Browser)) == 1
}
