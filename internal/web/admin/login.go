package admin

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// TrustedIPFor is how long an IP from which somebody logged in is known.
const TrustedIPFor = 30 * 24 * time.Hour

// The attempts to log in: of one IP, and of all IPs that are not known together. Those are blocked as long as the
// second limit is used up; on a known IP both limits count its own attempts only, so a stranger cannot lock out an
// operator who logs in from there.
func loginsPerIP() store.Limit { return store.Limit{N: 3, Per: time.Minute} }
func loginsOfAll() store.Limit { return store.Limit{N: 10, Per: 10 * time.Minute} }

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
	right, err := d.checkPassword(c.Request().Context(), request.Client(c), in.One("password"))
	exceeded := new(ratelimit.Exceeded)
	switch {
	case errors.As(err, &exceeded):
		respond.RetryAfter(c.Response().Header(), exceeded.Wait())
		return d.page(c, http.StatusTooManyRequests, templates.AdminLogin{Wait: exceeded.Wait()})
	case err != nil:
		return d.fail(c, err, false)
	case !right:
		return d.page(c, http.StatusForbidden, templates.AdminLogin{WrongPassword: true})
	}
	d.openSession(c)
	return respond.SeeOther(c, Path)
}

// checkPassword counts an attempt, and only then looks at the password: however many come at once, no more passwords
// are looked at than the limits allow. The right one makes the IP known, and resets its count. Without room in the
// limits the error is a *ratelimit.Exceeded.
func (d *Dashboard) checkPassword(ctx context.Context, from netip.Addr, password string) (right bool, err error) {
	ip := d.Keyring.MACs("admin login", ratelimit.Client(from))[0]
	cell := "admin/known/" + base64.RawURLEncoding.EncodeToString(ip)
	lastLogin, err := d.Store.Get(ctx, cell) // a random value; nil if the IP is not known
	if err != nil {
		return false, err
	}
	if lastLogin != nil {
		err = d.limits.Acquire(ctx, "",
			d.limits.LoginsPerIP(from, string(lastLogin), []store.Limit{loginsPerIP(), loginsOfAll()}))
	} else {
		err = d.limits.Acquire(ctx, "",
			d.limits.LoginsPerIP(from, "", []store.Limit{loginsPerIP()}),
			d.limits.Logins([]store.Limit{loginsOfAll()}))
	}
	if err != nil || !d.isPassword(password) {
		return false, err
	}
	if login := d.Random(16); lastLogin == nil {
		_, err = d.Store.SetNX(ctx, cell, login, TrustedIPFor)
	} else {
		err = d.Store.CompareAndSwap(ctx, cell, lastLogin, login, TrustedIPFor)
	}
	if errors.Is(err, store.ErrChanged) {
		err = nil // somebody else has just logged in from there
	}
	return err == nil, err
}

// isPassword compares keyed hashes, so that its time tells nothing, not even a length.
func (d *Dashboard) isPassword(given string) bool {
	sum := func(p string) []byte { return d.Keyring.MACs("admin password", p)[0] }
	return hmac.Equal(sum(given), sum(string(d.Password)))
}
