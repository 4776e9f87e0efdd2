package admin

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// TrustedIPFor is how long an IP from which somebody logged in is known.
const TrustedIPFor = 30 * 24 * time.Hour

// The attempts to log in: of one IP, and of all IPs that are not known together. Those are blocked as long as the
// second limit is used up; on a known IP both limits count its own attempts only, so a stranger cannot lock out an
// operator who logs in from there.
func loginsPerIP() store.Limit { return store.Limit{N: 3, Per: time.Minute} }
func loginsOfAll() store.Limit { return store.Limit{N: 10, Per: 10 * time.Minute} }

// ShowLogin asks for the password.
func (s *Sessions) ShowLogin(c echo.Context) error {
	return s.askPassword(c, http.StatusOK, dashboard.Login{LoggedOut: c.Request().URL.RawQuery == "left=1"})
}

// Login opens a session for the right password.
func (s *Sessions) Login(c echo.Context) error {
	in, _, err := request.Schema{"name": request.Text, "password": request.Text}.Decode(c, request.MediaForm)
	if err != nil {
		return s.fail(c, err)
	}
	name := in.One("name")
	who, err := s.attempt(c.Request().Context(), request.Client(c), func() (*operator.Operator, error) {
		return s.operatorWith(name, in.One("password")), nil
	})
	switch exceeded := new(ratelimit.Exceeded); {
	case errors.As(err, &exceeded):
		return s.askToWait(c, exceeded.Wait())
	case err != nil:
		return s.fail(c, err)
	case who == nil:
		return s.askPassword(c, http.StatusForbidden, dashboard.Login{WrongPassword: true, Name: name})
	}
	s.openSession(c, who)
	return respond.SeeOther(c, Path)
}

// askPassword shows the form, with a field for the name where there are names.
func (s *Sessions) askPassword(c echo.Context, status int, page dashboard.Login) error {
	page.Names, page.Provider = !s.operators.Empty(), s.OIDC != nil
	page.NoPasswords = len(s.Password) == 0 && !slices.ContainsFunc(s.Operators,
		func(o operator.Operator) bool { return !o.Password.IsZero() })
	return s.page(c, status, page)
}

// askToWait says that no attempt is accepted for now.
func (s *Sessions) askToWait(c echo.Context, wait time.Duration) error {
	respond.RetryAfter(c.Response().Header(), wait)
	return s.askPassword(c, http.StatusTooManyRequests, dashboard.Login{Wait: wait})
}

// attempt counts an attempt to log in, and only then has it checked: however many come at once, no more are checked
// than the limits allow. One that succeeds makes the IP known, and resets its count. It returns nil if check finds no
// operator. Without room in the limits the error is a *ratelimit.Exceeded.
func (s *Sessions) attempt(
	ctx context.Context, from netip.Addr, check func() (*operator.Operator, error),
) (who *operator.Operator, err error) {
	ip := s.Keyring.MACs("admin login", ratelimit.Client(from))[0]
	cell := "admin/known/" + base64.RawURLEncoding.EncodeToString(ip)
	lastLogin, err := s.Store.Get(ctx, cell) // a random value; nil if the IP is not known
	if err != nil {
		return nil, err
	}
	if lastLogin != nil {
		err = s.limits.Acquire(ctx, "",
			s.limits.LoginsPerIP(from, string(lastLogin), []store.Limit{loginsPerIP(), loginsOfAll()}))
	} else {
		err = s.limits.Acquire(ctx, "",
			s.limits.LoginsPerIP(from, "", []store.Limit{loginsPerIP()}),
			s.limits.Logins([]store.Limit{loginsOfAll()}))
	}
	if err != nil {
		return nil, err
	}
	if who, err = check(); who == nil || err != nil {
		return nil, err
	}
	if login := s.Random(16); lastLogin == nil {
		_, err = s.Store.SetNX(ctx, cell, login, TrustedIPFor)
	} else {
		err = s.Store.CompareAndSwap(ctx, cell, lastLogin, login, TrustedIPFor)
	}
	if errors.Is(err, store.ErrChanged) {
		err = nil // somebody else has just logged in from there
	}
	return who, err
}

// operatorWith returns the operator with a name and a password; nil if there is none.
func (s *Sessions) operatorWith(name, password string) *operator.Operator {
	if own := s.ownOperator(); own != nil && (name == own.Name || name == "" || s.operators.Empty()) {
		// Keyed hashes are compared, so that the time tells nothing, not even a length.
		sum := func(p string) []byte { return s.Keyring.MACs("admin password", p)[0] }
		if !hmac.Equal(sum(password), sum(string(s.Password))) {
			return nil
		}
		return own
	}
	return s.operators.Check(name, password)
}

// ownOperator returns the operator whose password is Options.Password; nil if there is none.
func (s *Sessions) ownOperator() *operator.Operator {
	if len(s.Password) == 0 {
		return nil
	}
	return &operator.Operator{Name: operator.Own, Role: operator.Admin}
}

// operatorNamed returns an operator; nil if there is none of that name.
func (s *Sessions) operatorNamed(name string) *operator.Operator {
	if own := s.ownOperator(); own != nil && name == own.Name {
		return own
	}
	return s.operators.Find(name)
}
