package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
)

// This file is what echo lacks: a path has one spelling, each parameter is one segment, GET has HEAD, and a body is
// read whole and within its limit before anything looks at it. 405 with Allow (RFC 9110, section 10.2.1) is echo's, as
// long as no group has middleware: that would make echo register catch-all routes, which turn 405 into 404. So
// middleware stands with the routes.

// MaxBody is the size of the largest body that a call takes unless it says otherwise, in bytes.
const MaxBody = 16 << 10

// routes is what echo and its groups have in common.
type routes interface {
	Match(methods []string, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) []*echo.Route
}

// get adds a route for GET and for HEAD, which scanners of mail send.
func get(to routes, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	to.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}

// exactPath lets a path reach its handler only as it is: no percent-encoding, dot segment, double or trailing slash. It
// also undoes what echo does with the last parameter of a route, which would take all the rest of the path.
func exactPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !plainPath(r) || strings.Count(c.Path(), "/") != strings.Count(r.URL.Path, "/") {
			c.SetPath("") // it is no route's
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

// readBody reads the whole body into the request's state, or refuses it: 413 over most bytes, by Content-Length or by
// what arrives; 415 in any coding, for what unpacks has no size; 408 when it does not arrive.
func readBody(most int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			body, err := bodyOf(c, most)
			if err != nil {
				c.Response().Header().Set(echo.HeaderConnection, "close") // nobody waits for the rest
				return err
			}
			request.StateOf(c).Body = body
			return next(c)
		}
	}
}

func bodyOf(c echo.Context, most int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > most {
		return nil, problem.New(problem.TooLarge)
	}
	codings := strings.Join(r.Header.Values(echo.HeaderContentEncoding), ",")
	if codings != "" && !strings.EqualFold(codings, "identity") {
		return nil, problem.New(problem.MediaTypeNotSupported)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, most))
	tooLarge := new(http.MaxBytesError)
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.TooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.New(problem.TooSlow)
	}
	return nil, problem.New(problem.Unreadable)
}
