package admin

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates/dashboard"
)

// SessionLife is how long an operator stays logged in, used or not.
const SessionLife = 12 * time.Hour

// clockSlack is by how much the clocks of replicas and store may differ.
const clockSlack = 5 * time.Minute

// Sessions lets operators in, each with a session: by their password (login.go), at a provider of OpenID
// Connect (oidc.go), or as a trusted proxy says.
type Sessions struct {
	*Dashboard
	limits    *ratelimit.Limiter
	operators *operator.All
	ended     recent[bool] // by session; of those that look, and not of those that act
}

// NewSessions returns the sessions of a dashboard.
func NewSessions(d *Dashboard) *Sessions {
	return &Sessions{
		Dashboard: d, limits: ratelimit.New(d.Store, d.Keyring), operators: operator.New(d.Operators...),
	}
}

// Require is middleware that lets only operators who have logged in reach a page.
func (s *Sessions) Require(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := s.session(c)
		switch method := c.Request().Method; {
		case err != nil:
			return s.fail(c, err)
		case in != nil:
			c.Set(sessionKey, in)
			return s.fail(c, next(c))
		case s.proxied(c):
			return s.page(c, http.StatusForbidden, dashboard.Failure{Status: http.StatusForbidden})
		case method == http.MethodGet || method == http.MethodHead:
			return respond.SeeOther(c, LoginPath)
		}
		return s.askPassword(c, http.StatusForbidden, dashboard.Login{SessionEnded: true})
	}
}

// session is what the cookie of an operator who has logged in says. The keyed hash is under our secret and the
// operator's password: when either changes, all sessions end. The id is random.
//
//	id (16 bytes, base64url) . end (Unix seconds) . name (base64url) [. role by a group] . HMAC-SHA256 (base64url)
type session struct {
	id       string // empty: a proxy has the session
	ends     time.Time
	operator *operator.Operator
}

// proxied reports whether a trusted proxy says who is logged in, or that nobody is.
func (s *Sessions) proxied(c echo.Context) bool {
	if s.ProxyHeader == "" || len(c.Request().Header.Values(s.ProxyHeader)) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(c.Request().RemoteAddr)
	return err == nil && slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool {
		return p.Contains(peer.Addr().Unmap())
	})
}

// cookie returns the cookie of a session without its value. The prefix of its name binds it to this host (RFC 6265bis,
// section 4.1.3.2), except where there is no https.
func (s *Sessions) cookie() *http.Cookie {
	c := &http.Cookie{Name: "optin-admin", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if s.Secure {
		c.Name, c.Secure = "__Host-optin-admin", true
	}
	return c
}

// openSession sets the cookie of a new session, with a new id whatever cookie the request had.
func (s *Sessions) openSession(c echo.Context, who *operator.Operator) {
	content := base64.RawURLEncoding.EncodeToString(s.Random(16)) + "." +
		strconv.FormatInt(s.Now().Add(SessionLife).Unix(), 10) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(who.Name))
	if who.ByGroup {
		content += "." + string(who.Role)
	}
	cookie := s.cookie()
	cookie.Value, cookie.MaxAge = content+"."+s.sessionSums(who, content)[0], respond.Seconds(SessionLife)
	c.SetCookie(cookie)
}

// session returns the session of a request; nil if there is none, or if it has ended.
func (s *Sessions) session(c echo.Context) (*session, error) {
	if s.proxied(c) {
		all := c.Request().Header.Values(s.ProxyHeader)
		if who := s.operatorNamed(all[0]); who != nil && len(all) == 1 {
			return &session{operator: who}, nil
		}
		return nil, nil
	}
	for _, cookie := range c.Request().CookiesNamed(s.cookie().Name) {
		in := s.readSession(cookie.Value)
		if in == nil {
			continue
		}
		switch ended, err := s.hasEnded(c, in); {
		case err != nil:
			return nil, err
		case !ended:
			return in, nil
		}
	}
	return nil, nil
}

// hasEnded reports whether the operator has logged out. The pages of one who has on another replica may still be seen
// there for a second, but nothing can be done.
func (s *Sessions) hasEnded(c echo.Context, in *session) (bool, error) {
	read := func() (bool, error) {
		ended, err := s.Store.Get(c.Request().Context(), in.endedCell())
		return ended != nil, err
	}
	if method := c.Request().Method; method != http.MethodGet && method != http.MethodHead {
		return read()
	}
	return s.ended.get(in.id, read)
}

// readSession returns the session that a cookie says; nil if the cookie is not ours or has expired.
func (s *Sessions) readSession(cookie string) *session {
	at := strings.LastIndexByte(cookie, '.')
	if at < 0 {
		return nil
	}
	content, sum := cookie[:at], []byte(cookie[at+1:])
	parts := strings.Split(content, ".")
	if len(parts) < 3 || len(parts) > 4 {
		return nil
	}
	name, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil
	}
	who := s.operatorNamed(string(name))
	if len(parts) == 4 && who == nil { // else they have an entry now, which says more than a group
		who = &operator.Operator{Name: string(name), Role: operator.Role(parts[3]), ByGroup: true}
	}
	if who == nil || !slices.ContainsFunc(s.sessionSums(who, content),
		func(want string) bool { return hmac.Equal(sum, []byte(want)) }) {
		return nil
	}
	unix, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || !s.Now().Before(time.Unix(unix, 0)) {
		return nil
	}
	return &session{id: parts[0], ends: time.Unix(unix, 0), operator: who}
}

// sessionSums returns the keyed hashes of a cookie's content, under the newest secret first.
func (s *Sessions) sessionSums(who *operator.Operator, content string) (all []string) {
	password := who.Password.Text()
	switch {
	case who.ByGroup, password == "" && who.Name != operator.Own:
		password = "oidc " + s.oidcProof()
	case who.Name == operator.Own && password == "":
		password = string(s.Password)
	}
	for _, sum := range s.Keyring.MACs("admin session", password, content) {
		all = append(all, base64.RawURLEncoding.EncodeToString(sum))
	}
	return all
}

// endedCell returns the name of the store's cell that is set when a session was ended by logging out.
func (in *session) endedCell() string { return "admin/ended/" + in.id }

// Logout ends the session on all replicas. The store remembers that until the cookie expires.
func (s *Sessions) Logout(c echo.Context) error {
	in, err := s.session(c)
	if err != nil {
		return err
	}
	if in != nil && in.id != "" {
		remaining := in.ends.Sub(s.Now()) + clockSlack
		if _, err := s.Store.SetNX(c.Request().Context(), in.endedCell(), []byte("ended"), remaining); err != nil {
			return err
		}
		s.ended.forget()
	}
	cookie := s.cookie()
	cookie.MaxAge = -1
	c.SetCookie(cookie)
	return respond.SeeOther(c, LoginPath+"?left=1")
}
