package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/respond"
)

// origins knows which web pages may send what: our own, those of each site, and no others.
type origins struct {
	own   []origin.Origin // the public URL's, and those of former ones, whose pages are ours as well
	sites sites
}

// ownOrigins returns the origins that are our own.
func ownOrigins(o Options) (all []origin.Origin, err error) {
	for _, u := range append([]*url.URL{o.PublicURL}, o.FormerURLs...) {
		own, err := origin.Of(u)
		if err != nil {
			return nil, fmt.Errorf("web: the public URL %s: %w", u.Redacted(), err)
		}
		all = append(all, own)
	}
	return all, nil
}

// isOwn reports whether a header Origin is one of ours.
func (o *origins) isOwn(header string) bool { return slices.Contains(o.own, origin.Origin(header)) }

// fromOwnPage reports whether a signup was sent by our own page, and not by a page of the site's or by a program. A
// signup from any other page is an error, origin_not_allowed. The opaque origin "null" is our page's only if the
// browser says same-origin.
func (o *origins) fromOwnPage(r *http.Request, st *site) (ours bool, err error) {
	header := r.Header.Values(echo.HeaderOrigin)
	switch {
	case len(header) == 0:
		return false, nil
	case len(header) > 1:
		return false, problem.New(problem.OriginNotAllowed)
	case o.isOwn(header[0]), header[0] == "null" && fetchSite(r) == "same-origin":
		return true, nil
	case slices.Contains(st.Origins, origin.Origin(header[0])):
		return false, nil
	}
	return false, problem.New(problem.OriginNotAllowed)
}

// refuseCrossSite is middleware that refuses a post which a page of another site made a browser send (CSRF). Programs
// and mail providers (RFC 8058) send neither header, and pass.
func (o *origins) refuseCrossSite(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if site := fetchSite(r); site != "" {
			if site == "same-origin" || site == "none" {
				return next(c)
			}
			return problem.New(problem.CrossSite)
		}
		for _, from := range r.Header.Values(echo.HeaderOrigin) {
			if !o.isOwn(from) && from != "null" {
				return problem.New(problem.CrossSite)
			}
		}
		return next(c)
	}
}

// refuseCrossSiteStrictly is middleware for pages with a session cookie: a browser that sends no Sec-Fetch-Site must
// send our own Origin, so "null" is refused, too. A program sends neither.
func (o *origins) refuseCrossSiteStrictly(next echo.HandlerFunc) echo.HandlerFunc {
	return o.refuseCrossSite(func(c echo.Context) error {
		r := c.Request()
		for _, from := range r.Header.Values(echo.HeaderOrigin) {
			if fetchSite(r) == "" && !o.isOwn(from) {
				return problem.New(problem.CrossSite)
			}
		}
		return next(c)
	})
}

// fetchSite returns the header Sec-Fetch-Site. Several headers, which no browser sends, make a value that is not known.
func fetchSite(r *http.Request) string { return strings.Join(r.Header.Values("Sec-Fetch-Site"), ",") }

// cors is middleware that lets pages of the site's origins read the response. It never allows credentials.
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

// preflight handles OPTIONS, by which a browser asks whether a page may send a signup.
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
