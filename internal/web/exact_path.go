package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/internal/web/respond"
)

// This file and body.go are what echo lacks: a path has one spelling, each parameter is one segment, and GET has HEAD.
// 405 with Allow (RFC 9110, section 10.2.1) is echo's, as long as no group has middleware: that would make echo
// register catch-all routes, which turn 405 into 404. So middleware stands with the routes.

// routes is implemented by *echo.Echo and *echo.Group.
type routes interface {
	Match(methods []string, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) []*echo.Route
}

// get adds a route for GET and for HEAD, which mail scanners send.
func get(to routes, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	to.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}

// exactPath is middleware that responds with 404 to a path that is not spelt exactly as its route: with
// percent-encoding, dot segments, double slashes, or more segments, which echo would put into the last parameter. Who
// ends the path of a page with a slash, as hands do, is sent on to it.
func exactPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if isExact(c) {
			return next(c)
		}
		c.SetPath("") // the log says: unmatched
		page := strings.TrimSuffix(r.URL.Path, "/")
		if (r.Method != http.MethodGet && r.Method != http.MethodHead) || page == r.URL.Path || page == "/" ||
			strings.HasPrefix(page, "/v1/") {
			return echo.ErrNotFound
		}
		there := *r.URL
		there.Path = page
		at := c.Echo().NewContext(&http.Request{Method: r.Method, URL: &there}, nil)
		if c.Echo().Router().Find(r.Method, page, at); !isExact(at) {
			return echo.ErrNotFound
		}
		return respond.SeeOther(c, there.RequestURI())
	}
}

// isExact reports whether the path of a request is spelt as the route that the router has found for it.
func isExact(c echo.Context) bool {
	r := c.Request()
	several := c.Path() == tilePath // whose last parameter is several segments
	return plainPath(r) && (several || strings.Count(c.Path(), "/") == strings.Count(r.URL.Path, "/"))
}

// plainPath reports whether a path is spelt the one way in which it can reach a handler: unreserved characters of RFC
// 3986, single slashes, no dot segments, no slash at the end.
func plainPath(r *http.Request) bool {
	path := r.URL.Path
	if r.URL.RawPath != "" || !strings.HasPrefix(path, "/") {
		return false
	}
	if path == "/" {
		return true
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return strings.IndexFunc(path, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("-._~/", r)
	}) < 0
}

// linkPages are the paths under which the pages of links are, and what their links may be for.
var linkPages = map[string][]token.Use{
	"/c/": {token.UseConfirm, token.UseDecline, token.UseUnblock},
	"/u/": {token.UseUnsubscribe},
	"/r/": {token.UseCopy, token.UseErase},
}

// mendLinks is middleware for links that mail programs and hands have damaged while their token is whole (package
// token). A GET is sent on to the page of the link. A POST takes consent back, because a mail program that presses the
// one-click button does not follow redirects; no other button is pressed at an address that is not ours to the letter.
func (a *app) mendLinks(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		path := r.URL.Path
		if len(path) <= len("/c/") {
			return next(c)
		}
		page, rest := path[:len("/c/")], path[len("/c/"):]
		uses, ok := linkPages[page]
		if !ok || token.IsWhole(c.Param("token")) && plainPath(r) {
			return next(c)
		}
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !get && (r.Method != http.MethodPost || page != "/u/") {
			return next(c)
		}
		found, err := a.Service.Person.FindLink(rest, uses...)
		if err != nil {
			return next(c) // which finds nothing, either
		}
		c.SetPath(page + ":token") // for the log
		if get {
			return respond.SeeOther(c, page+found)
		}
		r.URL.Path, r.URL.RawPath = page+found, ""
		c.Echo().Router().Find(r.Method, r.URL.Path, c)
		return c.Handler()(c)
	}
}
