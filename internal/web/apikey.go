package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
)

// APIKey is a key of a site's servers, or of the operator's programs.
type APIKey struct {
	Sum   [sha256.Size]byte // SHA-256 of the key
	Scope Scope
}

// Scope is what an API key allows; scopes add up.
type Scope int

// The scopes.
const (
	ScopeRead  Scope = 1 << iota // look up, list, export
	ScopeWrite                   // sign up for a person, resend, withdraw, erase

	ScopeBoth = ScopeRead | ScopeWrite
)

// apiKeys are the known keys.
type apiKeys struct {
	sites    []siteKey
	operator []APIKey // of the operator's programs: good for all sites, and for calls that no site's key opens
}

// siteKey is a key, and the one site it opens.
type siteKey struct {
	APIKey
	site string
}

// require returns middleware that lets a request pass only if its API key is of the site in the path and has the scope.
func (k *apiKeys) require(scope Scope) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := k.authorize(c, scope); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// authorize checks the API key of a request: 401 without a known key, 403 for any site but its own, known or not, and
// for a scope that the key does not have. Every key is compared, in constant time.
func (k *apiKeys) authorize(c echo.Context, needs Scope) error {
	sum, given := bearer(c)
	valid, fits, scope := 0, 0, Scope(0)
	for _, key := range k.sites {
		same := subtle.ConstantTimeCompare(sum[:], key.Sum[:])
		valid |= same
		if key.site == c.Param("site") {
			fits |= same
			scope |= Scope(same) * key.Scope
		}
	}
	h := c.Response().Header()
	switch {
	case !given:
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="optin"`)
		return problem.New(problem.APIKeyRequired)
	case valid == 0:
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="optin", error="invalid_token"`)
		return problem.New(problem.APIKeyRequired)
	case fits == 0:
		return problem.New(problem.APIKeyOfAnotherSite)
	case scope&needs != needs:
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="optin", error="insufficient_scope"`)
		return problem.New(problem.APIKeyScope)
	}
	request.StateOf(c).APIKey = string(sum[:])
	return nil
}

// requireOperator is middleware that lets only requests pass with a key of the operator's: 401 without one. A site's
// key is not one. Every key is compared, in constant time. The scopes are not checked, since there is one call.
func (k *apiKeys) requireOperator(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		sum, given := bearerOrPassword(c)
		valid := 0
		for _, key := range k.operator {
			valid |= subtle.ConstantTimeCompare(sum[:], key.Sum[:])
		}
		if given && valid == 1 {
			request.StateOf(c).APIKey = string(sum[:])
			return next(c)
		}
		h := c.Response().Header()
		h.Add(echo.HeaderWWWAuthenticate, `Bearer realm="optin"`)
		// Amazon SNS sends no password before it gets this challenge.
		h.Add(echo.HeaderWWWAuthenticate, `Basic realm="optin", charset="UTF-8"`)
		return problem.New(problem.OperatorKeyRequired)
	}
}

// bearer returns the SHA-256 of a request's bearer token (RFC 6750, section 2.1).
func bearer(c echo.Context) (sum [sha256.Size]byte, given bool) {
	header := c.Request().Header.Values(echo.HeaderAuthorization)
	if len(header) != 1 {
		return sum, false
	}
	scheme, key, _ := strings.Cut(header[0], " ")
	key = strings.TrimSpace(key)
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return sum, false
	}
	return sha256.Sum256([]byte(key)), true
}

// bearerOrPassword also takes a key as the password of Basic authentication (RFC 7617), since some services can only be
// given a URL.
func bearerOrPassword(c echo.Context) (sum [sha256.Size]byte, given bool) {
	if len(c.Request().Header.Values(echo.HeaderAuthorization)) == 1 {
		if _, password, ok := c.Request().BasicAuth(); ok {
			return sha256.Sum256([]byte(password)), password != ""
		}
	}
	return bearer(c)
}
