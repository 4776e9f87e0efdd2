package admin

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// SessionLife is how long an operator stays logged in, used or not.
const SessionLife = 12 * time.Hour

// clockSlack is by how much the clocks of replicas and store may differ.
const clockSlack = 5 * time.Minute

// Session is middleware that lets only operators who have logged in reach a page.
func (d *Dashboard) Session(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := d.session(c)
		switch method := c.Request().Method; {
		case err != nil:
			return d.fail(c, err, false)
		case in != nil:
			return d.fail(c, next(c), true)
		case method == http.MethodGet || method == http.MethodHead:
			return respond.SeeOther(c, LoginPath)
		}
		return d.page(c, http.StatusForbidden, templates.AdminLogin{SessionEnded: true})
	}
}

// session is an operator's browser. Its cookie says all of it, and proves that with a keyed hash under the password as
// well as our secret: a session dies with either. Its id is random, and says nothing without the hash.
//
//	id (16 bytes, base64url) . end (Unix seconds) . HMAC-SHA256 (base64url)
type session struct {
	id   string
	ends time.Time
}

// cookie is bound to this very host by its prefix (RFC 6265bis, section 4.1.3.2), except where there is no https.
func (d *Dashboard) cookie() *http.Cookie {
	c := &http.Cookie{Name: "optin-admin", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if d.Secure {
		c.Name, c.Secure = "__Host-optin-admin", true
	}
	return c
}

// openSession gives a browser a session of its own: it gets an id that nobody had before, with whichever cookie it
// came.
func (d *Dashboard) openSession(c echo.Context) {
	content := base64.RawURLEncoding.EncodeToString(d.Random(16)) + "." +
		strconv.FormatInt(d.Now().Add(SessionLife).Unix(), 10)
	cookie := d.cookie()
	cookie.Value, cookie.MaxAge = content+"."+d.sessionSums(content)[0], respond.Seconds(SessionLife)
	c.SetCookie(cookie)
}

// session returns that of a request; nil if there is none, or it has ended.
func (d *Dashboard) session(c echo.Context) (*session, error) {
	for _, cookie := range c.Request().CookiesNamed(d.cookie().Name) {
		in := d.readSession(cookie.Value)
		if in == nil {
			continue
		}
		switch ended, err := d.Store.Get(c.Request().Context(), in.endedCell()); {
		case err != nil:
			return nil, err
		case ended == nil:
			return in, nil
		}
	}
	return nil, nil
}

// readSession reads a cookie, if it is one of ours and has not expired.
func (d *Dashboard) readSession(cookie string) *session {
	at := strings.LastIndexByte(cookie, '.')
	if at < 0 {
		return nil
	}
	content, sum := cookie[:at], []byte(cookie[at+1:])
	if !slices.ContainsFunc(d.sessionSums(content), func(want string) bool { return hmac.Equal(sum, []byte(want)) }) {
		return nil
	}
	id, end, _ := strings.Cut(content, ".")
	unix, err := strconv.ParseInt(end, 10, 64)
	if err != nil || !d.Now().Before(time.Unix(unix, 0)) {
		return nil
	}
	return &session{id: id, ends: time.Unix(unix, 0)}
}

// sessionSums are the keyed hashes of a cookie's content, by the newest secret first.
func (d *Dashboard) sessionSums(content string) (all []string) {
	for _, sum := range d.Keyring.Sums("admin session", string(d.Password), content) {
		all = append(all, base64.RawURLEncoding.EncodeToString(sum))
	}
	return all
}

// endedCell is the name of the store's cell that says that a session has ended.
func (in *session) endedCell() string { return "admin/ended/" + in.id }

// Logout ends the session for all replicas, for as long as its cookie would open anything.
func (d *Dashboard) Logout(c echo.Context) error {
	in, err := d.session(c)
	if err != nil {
		return err
	}
	if in != nil {
		remaining := in.ends.Sub(d.Now()) + clockSlack
		if _, err := d.Store.SetNX(c.Request().Context(), in.endedCell(), []byte("ended"), remaining); err != nil {
			return err
		}
	}
	cookie := d.cookie()
	cookie.MaxAge = -1
	c.SetCookie(cookie)
	return respond.SeeOther(c, LoginPath+"?left=1")
}
