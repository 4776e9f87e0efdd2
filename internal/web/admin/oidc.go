package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/oidc"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of a login at a provider of OpenID Connect: StartPath leads there, and it leads back to ReturnPath.
const (
	StartPath  = "/admin/login/oidc"
	ReturnPath = "/admin/login/oidc/return"
)

// OIDC logs operators in at a provider.
type OIDC struct {
	*oidc.Provider
	Roles map[string]operator.Role // of groups, for who is none of Options.Operators
}

// flowLife is how long a login at a provider may take.
const flowLife = 10 * time.Minute

// flowContext is what the cookie of a flow is sealed for.
const flowContext = "admin/oidc"

// errNoFlow says that a browser comes back from a login that it did not begin, or has ended already.
var errNoFlow = errors.New("admin: no login was begun")

// flowCookie returns the cookie of a login at a provider without its value. The way back is a navigation from another
// site, with which a browser sends no cookie that is Strict.
func (s *Sessions) flowCookie() *http.Cookie {
	c := s.cookie()
	c.Name, c.SameSite = c.Name+"-oidc", http.SameSiteLaxMode
	return c
}

// Start leads to the provider.
func (s *Sessions) Start(c echo.Context) error {
	to, flow, err := s.OIDC.Start(c.Request().Context(), s.Random)
	if err != nil {
		return s.noProvider(c, err)
	}
	plain, err := json.Marshal(sealedFlow{flow, s.Now().Add(flowLife)})
	if err != nil {
		return err
	}
	cookie := s.flowCookie()
	cookie.Value = base64.RawURLEncoding.EncodeToString(s.Keyring.Seal(flowContext, plain))
	cookie.MaxAge = respond.Seconds(flowLife)
	c.SetCookie(cookie)
	return respond.SeeOther(c, to)
}

type sealedFlow struct {
	oidc.Flow
	Ends time.Time
}

// Return opens a session for the operator who comes back from the provider.
func (s *Sessions) Return(c echo.Context) error {
	cookie := s.flowCookie()
	cookie.MaxAge = -1
	c.SetCookie(cookie)
	who, err := s.fromProvider(c)
	switch exceeded := new(ratelimit.Exceeded); {
	case errors.As(err, &exceeded):
		return s.askToWait(c, exceeded.Wait())
	case errors.Is(err, errNoFlow), errors.Is(err, oidc.ErrRefused):
		request.StateOf(c).Cause = err
		return s.askPassword(c, http.StatusForbidden, dashboard.Login{Refused: true})
	case err != nil:
		return s.noProvider(c, err)
	case who == nil:
		return s.askPassword(c, http.StatusForbidden, dashboard.Login{NoOperator: true})
	}
	s.openSession(c, who)
	// A redirect would still be a part of the navigation from the provider's site, which has no Strict cookie.
	c.Response().Header().Set("Refresh", "0; url="+Path)
	return s.askPassword(c, http.StatusOK, dashboard.Login{Welcome: who.Name})
}

// noProvider says that the provider cannot be asked now.
func (s *Sessions) noProvider(c echo.Context, err error) error {
	request.StateOf(c).Cause = err
	return s.askPassword(c, http.StatusBadGateway, dashboard.Login{NoProvider: true})
}

// fromProvider returns the operator who comes back from the provider; nil if it is none of ours.
func (s *Sessions) fromProvider(c echo.Context) (*operator.Operator, error) {
	flow, err := s.flow(c)
	if err != nil {
		return nil, err
	}
	ctx := c.Request().Context()
	done, err := s.Store.SetNX(ctx, flowContext+"/"+hashed(flow.State), s.Random(16), flowLife+clockSlack)
	if err != nil {
		return nil, err
	}
	if done != nil {
		return nil, errNoFlow // the state was used before
	}
	return s.attempt(ctx, request.Client(c), func() (*operator.Operator, error) {
		who, err := s.OIDC.Finish(ctx, flow.Flow, c.QueryParam("code"))
		if err != nil {
			return nil, err
		}
		return s.operatorOf(who), nil
	})
}

// flow returns the login that a browser has begun, if it comes back from that one.
func (s *Sessions) flow(c echo.Context) (f sealedFlow, err error) {
	cookie, err := c.Cookie(s.flowCookie().Name)
	if err != nil {
		return f, errNoFlow
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return f, errNoFlow
	}
	plain, err := s.Keyring.Open(flowContext, sealed)
	if err != nil || json.Unmarshal(plain, &f) != nil || !s.Now().Before(f.Ends) ||
		!hmac.Equal([]byte(c.QueryParam("state")), []byte(f.State)) {
		return f, errNoFlow
	}
	return f, nil
}

// operatorOf returns the operator whom a provider names: the one with that address as their name, or else anybody with
// a group that has a role; nil if there is none.
func (s *Sessions) operatorOf(who oidc.Person) *operator.Operator {
	// Only ASCII is a name, so that no other letter counts as one that it folds to: U+212A (Kelvin) as a k.
	if _, err := operator.ParseName(who.Email); err != nil {
		return nil
	}
	for i := range s.Operators {
		if strings.EqualFold(s.Operators[i].Name, who.Email) {
			return &s.Operators[i]
		}
	}
	var best operator.Role
	for _, group := range who.Groups {
		if role, ok := s.OIDC.Roles[group]; ok && (best == "" || role.Allows(best)) {
			best = role
		}
	}
	if best == "" {
		return nil
	}
	return &operator.Operator{Name: strings.ToLower(who.Email), Role: best, ByGroup: true}
}

// oidcProof is what the sessions of those without a password are made with: when anything of it changes, they end.
func (s *Sessions) oidcProof() string {
	if s.OIDC == nil {
		return ""
	}
	all := s.OIDC.Issuer + "\n" + s.OIDC.ClientID + "\n" + s.OIDC.ClientSecret
	for _, group := range slices.Sorted(maps.Keys(s.OIDC.Roles)) {
		all += "\n" + group + "\n" + string(s.OIDC.Roles[group])
	}
	return hashed(all)
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
