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
			c.Set(sessionKey, in)
			return d.fail(c, next(c), true)
		case method == http.MethodGet || method == http.MethodHead:
			return respond.SeeOther(c, LoginPath)
		}
		return d.page(c, http.StatusForbidden, templates.AdminLogin{SessionEnded: true})
	}
}

const sessionKey = "optin.admin.session"

// sessionName names the session of a request for the audit log: the beginning of its random id.
func sessionName(c echo.Context) string {
	if in, ok := c.Get(sessionKey).(*session); ok {
		return "session " + in.id[:min(8, len(in.id))]
	}
	return ""
}

// session is what the cookie of an operator who has logged in says. The keyed hash is under our secret and the
// password: when either changes, all sessions end. The id is random.
//
//	id (16 bytes, base64url) . end (Unix seconds) . HMAC-SHA256 (base64url)
type session struct {
	id   string
	ends time.Time
}

// cookie returns the cookie of a session without its value. The prefix of its name binds it to this host (RFC 6265bis,
// section 4.1.3.2), except where there is no https.
func (d *Dashboard) cookie() *http.Cookie {
	c := &http.Cookie{Name: "optin-admin", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if d.Secure {
		c.Name, c.Secure = "__Host-optin-admin", true
	}
	return c
}

// openSession sets the cookie of a new session, with a new id whatever cookie the request had.
func (d *Dashboard) openSession(c echo.Context) {
	content := base64.RawURLEncoding.EncodeToString(d.Random(16)) + "." +
		strconv.FormatInt(d.Now().Add(SessionLife).Unix(), 10)
	cookie := d.cookie()
	cookie.Value, cookie.MaxAge = content+"."+d.sessionSums(content)[0], respond.Seconds(SessionLife)
	c.SetCookie(cookie)
}

// session returns the session of a request; nil if there is none, or if it has ended.
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

// readSession returns the session that a cookie says; nil if the cookie is not ours or has expired.
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

// sessionSums returns the keyed hashes of a cookie's content, under the newest secret first.
func (d *Dashboard) sessionSums(content string) (all []string) {
	for _, sum := range d.Keyring.MACs("admin session", string(d.Password), content) {
		all = append(all, base64.RawURLEncoding.EncodeToString(sum))
	}
	return all
}

// endedCell returns the name of the store's cell that is set when a session was ended by logging out.
func (in *session) endedCell() string { return "admin/ended/" + in.id }

// Logout ends the session on all replicas. The store remembers that until the cookie expires.
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
