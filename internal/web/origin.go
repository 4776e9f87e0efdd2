package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/respond"
)

// origins tells our own pages, those of sites, and strangers' apart.
type origins struct {
	own   origin.Origin
	sites sites
}

// sender reports whether our own page sent a signup; a page of the site's, or a program, may have sent it otherwise.
// Any other is refused. An opaque origin ("null") is believed to be ours only where the browser itself says so.
func (o *origins) sender(r *http.Request, st *site) (ours bool, err error) {
	header := r.Header.Values(echo.HeaderOrigin)
	switch {
	case len(header) == 0:
		return false, nil
	case len(header) > 1:
		return false, problem.New(problem.OriginNotAllowed)
	case header[0] == string(o.own), header[0] == "null" && fetchSite(r) == "same-origin":
		return true, nil
	case slices.Contains(st.Origins, origin.Origin(header[0])):
		return false, nil
	}
	return false, problem.New(problem.OriginNotAllowed)
}

// protect refuses posts that a foreign page made a browser send. Programs and mail providers (RFC 8058) send neither
// header.
//
// http.CrossOriginProtection does not do here: it compares Origin with the Host header, which behind a proxy need not
// be ours; it looks at the first of several Sec-Fetch-Site headers; and it refuses "Origin: null", which browsers
// without Sec-Fetch-Site send from our pages, since those send no referrer.
func (o *origins) protect(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if site := fetchSite(r); site != "" {
			if site == "same-origin" || site == "none" {
				return next(c)
			}
			return problem.New(problem.CrossSite)
		}
		for _, from := range r.Header.Values(echo.HeaderOrigin) {
			if from != string(o.own) && from != "null" {
				return problem.New(problem.CrossSite)
			}
		}
		return next(c)
	}
}

// protectCookie is stricter than protect, for pages where a cookie counts: where a browser does not say which site it
// posts from, it must say which origin. A program says neither.
func (o *origins) protectCookie(next echo.HandlerFunc) echo.HandlerFunc {
	return o.protect(func(c echo.Context) error {
		r := c.Request()
		for _, from := range r.Header.Values(echo.HeaderOrigin) {
			if fetchSite(r) == "" && from != string(o.own) {
				return problem.New(problem.CrossSite)
			}
		}
		return next(c)
	})
}

// fetchSite is what a browser says of where a request comes from. No browser sends it twice, so several make none that
// is known.
func fetchSite(r *http.Request) string { return strings.Join(r.Header.Values("Sec-Fetch-Site"), ",") }

// cors lets pages of the site's origins read the response. Cookies are never sent along.
func (o *origins) cors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		respond.Vary(h, echo.HeaderOrigin)
		st, from := o.sites[c.Param("site")], c.Request().Header.Values(echo.HeaderOrigin)
		if st != nil && len(from) == 1 && slices.Contains(st.Origins, origin.Origin(from[0])) {
			h.Set(echo.HeaderAccessControlAllowOrigin, from[0])
			h.Set(echo.HeaderAccessControlExposeHeaders,
				"Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Idempotency-Replayed")
		}
		return next(c)
	}
}

// preflight answers a browser that asks whether a page may sign up.
func (o *origins) preflight(c echo.Context) error {
	if _, err := o.sites.of(c); err != nil {
		return err
	}
	h := c.Response().Header()
	respond.Vary(h, echo.HeaderAccessControlRequestMethod, echo.HeaderAccessControlRequestHeaders)
	h.Set(echo.HeaderAllow, "GET, HEAD, OPTIONS, POST")
	if h.Get(echo.HeaderAccessControlAllowOrigin) != "" &&
		c.Request().Header.Get(echo.HeaderAccessControlRequestMethod) != "" {
		h.Set(echo.HeaderAccessControlAllowMethods, http.MethodPost)
		h.Set(echo.HeaderAccessControlAllowHeaders, "Content-Type, Idempotency-Key")
		h.Set(echo.HeaderAccessControlMaxAge, "7200") // seconds; Chrome keeps it no longer
		h.Del(echo.HeaderAccessControlExposeHeaders)
	}
	return c.NoContent(http.StatusNoContent)
}
