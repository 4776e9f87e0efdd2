package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// newRouter finds the route of a request with echo, and is all that knows of echo. It hands a route's parameters over as
// path values, each one segment; where there is no route it calls miss with 404, or with 405 after setting Allow (RFC 9110
// 10.2.1). OPTIONS that no route takes is answered 204 with Allow. Anything else of echo (binding, its idea of the client's
// IP, its error pages) is not used.
func newRouter(routes []route, serve func(route) http.HandlerFunc, miss func(w http.ResponseWriter, r *http.Request, pattern string, status int)) http.Handler {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect() // its default believes anybody's X-Forwarded-For
	e.Use(oneSegment)
	patterns := map[string]string{} // echo's spelling to ours
	spell := strings.NewReplacer("{", ":", "}", "")
	for _, rt := range routes {
		h := serve(rt)
		patterns[spell.Replace(rt.pattern)] = rt.pattern
		e.Add(rt.method, spell.Replace(rt.pattern), func(c echo.Context) error {
			r := c.Request()
			for _, name := range c.ParamNames() {
				r.SetPathValue(name, c.Param(name))
			}
			h(c.Response().Writer, r)
			return nil
		})
	}
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if he := new(echo.HTTPError); errors.As(err, &he) && he.Code == http.StatusMethodNotAllowed {
			miss(c.Response().Writer, c.Request(), patterns[c.Path()], he.Code)
			return
		}
		miss(c.Response().Writer, c.Request(), "", http.StatusNotFound)
	}
	return e
}

// oneSegment undoes what echo does with the last parameter of a pattern: it would take all the rest of the path.
func oneSegment(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if strings.Count(c.Path(), "/") != strings.Count(c.Request().URL.Path, "/") {
			return echo.ErrNotFound
		}
		return next(c)
	}
}
