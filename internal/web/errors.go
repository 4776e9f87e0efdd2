package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// errorHandler turns errors into responses. respond.ProblemOf finds the problem of an error, and package problem has
// the table of all problems.
type errorHandler struct {
	pages *pages
	docs  *url.URL // the page that says what each code means
}

// handle is echo's HTTPErrorHandler. It writes a page for people, or an RFC 9457 problem for programs. Neither repeats
// what was sent.
func (h *errorHandler) handle(err error, c echo.Context) {
	st, p := request.StateOf(c), respond.ProblemOf(err)
	st.Code = string(p.Code)
	status := p.Code.Status()
	if status >= http.StatusInternalServerError && st.Cause == nil {
		st.Cause = err
	}
	if c.Response().Committed {
		return
	}
	path := c.Request().URL.Path
	if p.Code == problem.NotFound && len(path) > 3 && linkPages[path[:3]] != nil {
		st.PrefersHTML, p = true, problem.New(problem.LinkUnknown) // a link that a mail program or a hand has damaged
		st.Code = string(p.Code)
	}
	respond.RetryAfter(c.Response().Header(), p.RetryAfter)
	if request.WantsPage(c) {
		err := h.page(c, p)
		if err == nil {
			return
		}
		st.Cause = errors.Join(st.Cause, err)
	}
	h.problem(c, p)
}

// page writes the page of a problem.
func (h *errorHandler) page(c echo.Context, p *problem.Error) error {
	if p.Code == problem.LinkUnknown {
		return h.pages.unknownLink(c)
	}
	st := request.StateOf(c)
	site := h.pages.sites[st.Site]
	page := templates.Failure{Status: p.Code.Status(), Code: string(p.Code), RetryAfter: p.RetryAfter,
		Errors: fieldErrors(p.Fields)}
	if site != nil {
		page.Site = site.Show
		if st.Frameable { // or the frame would stay empty
			c.Response().Header().Set(echo.HeaderContentSecurityPolicy, policy("", "'self'", site.ancestors))
		}
	}
	return h.pages.render(c, page.Status, h.pages.language(c, site), page)
}

// problem writes a problem as JSON. Its type is the address of the code in the documentation of the API.
func (h *errorHandler) problem(c echo.Context, p *problem.Error) {
	about := *h.docs
	about.Fragment = "code-" + string(p.Code)
	body, err := p.Document(about.String())
	if err != nil {
		panic(err) // our own types
	}
	respond.Vary(c.Response().Header(), echo.HeaderAccept)
	_ = respond.Bytes(c, p.Code.Status(), "application/problem+json", append(body, '\n'))
}
