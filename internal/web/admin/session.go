package admin

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// SessionLife is how long an operator stays logged in, used or not.
const SessionLife = 12 * time.Hour

// KnownFor is how long an IP from which somebody logged in is known.
const KnownFor = 30 * 24 * time.Hour

// clockSlack is by how much the clocks of replicas and store may differ.
const clockSlack = 5 * time.Minute

// The attempts to log in. The global limit blocks every operator except on IPs that logged in within KnownFor: those
// have a limit of their own.
func attemptsOfAll() store.Limit   { return store.Limit{N: 10, Per: 10 * time.Minute} }
func attemptsOfOneIP() store.Limit { return store.Limit{N: 3, Per: time.Minute} }

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

// ShowLogin asks for the password.
func (d *Dashboard) ShowLogin(c echo.Context) error {
	return d.page(c, http.StatusOK, templates.AdminLogin{LoggedOut: c.Request().URL.RawQuery == "left=1"})
}

// Login opens a session for the right password.
func (d *Dashboard) Login(c echo.Context) error {
	in, _, err := request.Schema{"password": request.Text}.Decode(c, request.MediaForm)
	if err != nil {
		return d.fail(c, err, false)
	}
	right, wait, err := d.attempt(c.Request().Context(), request.Client(c), in.One("password"))
	switch {
	case err != nil:
		return d.fail(c, err, false)
	case wait > 0:
		respond.RetryAfter(c.Response().Header(), wait)
		return d.page(c, http.StatusTooManyRequests, templates.AdminLogin{Wait: wait})
	case !right:
		return d.page(c, http.StatusForbidden, templates.AdminLogin{WrongPassword: true})
	}
	d.openSession(c)
	return respond.SeeOther(c, Path)
}

// attempt takes an attempt, and only then looks at the password: of any number that come at once no more are looked at
// than the limits allow. After the right one, what is counted of its IP starts anew. With a wait, no password was
// looked at.
func (d *Dashboard) attempt(ctx context.Context, from netip.Addr, password string) (
	right bool, wait time.Duration, err error,
) {
	ip := base64.RawURLEncoding.EncodeToString(d.Keyring.Sums("admin login", network(from))[0])
	cell, attempts := "admin/known/"+ip, "admin/attempts"
	known, err := d.Store.Get(ctx, cell)
	if err != nil {
		return false, 0, err
	}
	since := base64.RawURLEncoding.EncodeToString(known) // the last login from there
	if known != nil {
		attempts += "/" + ip + "/" + since
	}
	waits, err := d.Store.Acquire(ctx, "",
		store.Bucket{Name: "admin/ip/" + ip + "/" + since, Limits: []store.Limit{attemptsOfOneIP()}},
		store.Bucket{Name: attempts, Limits: []store.Limit{attemptsOfAll()}})
	for _, w := range waits {
		wait = max(wait, w)
	}
	if err != nil || wait > 0 {
		return false, wait, err
	}
	if !d.isPassword(password) {
		return false, 0, nil
	}
	if login := d.Random(16); known == nil {
		_, err = d.Store.SetNX(ctx, cell, login, KnownFor)
	} else if err = d.Store.CompareAndSwap(ctx, cell, known, login, KnownFor); errors.Is(err, store.ErrChanged) {
		err = nil // somebody else has just logged in from there
	}
	return err == nil, 0, err
}

// network is an IPv4 address, or the network of 64 bits of an IPv6 address, which one customer has.
func network(a netip.Addr) string {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// isPassword compares keyed hashes, so that its time tells nothing, not even a length.
func (d *Dashboard) isPassword(given string) bool {
	sum := func(p string) []byte { return d.Keyring.Sums("admin password", p)[0] }
	return hmac.Equal(sum(given), sum(string(d.Password)))
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
