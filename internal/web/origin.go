package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
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
// signup from any other page is an error, origin_not_allowed. The opaque origin "null" can be of any page: browsers
// send it from the site's own page too, if that hides its address (Referrer-Policy no-referrer or same-origin). It is
// our page's only if the browser says same-origin.
func (o *origins) fromOwnPage(c echo.Context, st *site) (ours bool, err error) {
	r := c.Request()
	header := r.Header.Values(echo.HeaderOrigin)
	switch {
	case len(header) == 0:
		return false, nil
	case len(header) > 1:
	case o.isOwn(header[0]):
		return true, nil
	case header[0] == "null":
		return fetchSite(r) == "same-origin", nil
	case slices.Contains(st.Origins, origin.Origin(header[0])):
		return false, nil
	}
	request.StateOf(c).Origin = readable(header[0])
	return false, problem.New(problem.OriginNotAllowed)
}

// readable returns an origin for the log, so that the operator can allow it; a header that holds anything else is not
// repeated there.
func readable(header string) string {
	u, err := url.Parse(header)
	if err != nil {
		return "(unreadable)"
	}
	from, err := origin.Of(u)
	if err != nil || len(from) > 128 {
		return "(unreadable)"
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !ip.IsLoopback() && !ip.IsPrivate() {
		return "(an IP)" // no log has one
	}
	return string(from)
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
		h.Set(echo.HeaderAccessControlAllowHeaders, allowedHeaders(c.Request()))
		h.Set(echo.HeaderAccessControlMaxAge, "7200") // seconds; Chrome keeps it no longer
		h.Del(echo.HeaderAccessControlExposeHeaders)
	}
	return c.NoContent(http.StatusNoContent)
}

// allowedHeaders returns the headers that a page may send: those that a signup has, and what frameworks add by
// themselves (X-Requested-With and many others), which nobody reads. An API key is for servers only.
func allowedHeaders(r *http.Request) string {
	allowed := []string{echo.HeaderContentType, "Idempotency-Key"}
	asked := strings.Join(r.Header.Values(echo.HeaderAccessControlRequestHeaders), ",")
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		known := slices.ContainsFunc(allowed, func(other string) bool { return strings.EqualFold(name, other) })
		if name != "" && name != "authorization" && !known && isToken(name) && len(allowed) < maxAllowed {
			allowed = append(allowed, name)
		}
	}
	return strings.Join(allowed, ", ")
}

// maxAllowed is how many headers a page may send.
const maxAllowed = 32

// isToken reports whether a name is one that a header can have (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	return len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") == ""
}
