package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
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
// percent-encoding, dot segments, double or trailing slashes, or more segments, which echo would put into the last
// parameter.
func exactPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !plainPath(r) || strings.Count(c.Path(), "/") != strings.Count(r.URL.Path, "/") {
			c.SetPath("") // the log says: unmatched
			return echo.ErrNotFound
		}
		return next(c)
	}
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
