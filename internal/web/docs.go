package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/openapi"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// docs handles the description of the API: /openapi.yaml and /docs.
type docs struct{ page []byte }

// newDocs renders the page of the description once, with the style sheet of all pages.
func newDocs(public *url.URL, a *assets) (*docs, error) {
	const sheet = "optin.css"
	_, _, etag, _ := templates.Asset(sheet)
	own := a.add("docs.css", file{content: openapi.Sheet(), media: "text/css; charset=utf-8"})
	base := strings.TrimSuffix(public.String(), "/")
	page, err := openapi.Page(base, "/assets/"+sheet+"?v="+strings.Trim(etag, `"`), own)
	return &docs{page}, err
}

// yaml serves the description for programs.
func (d *docs) yaml(c echo.Context) error {
	return respond.Bytes(c, http.StatusOK, openapi.MediaType, openapi.YAML())
}

// html serves the description for people.
func (d *docs) html(c echo.Context) error {
	c.Response().Header().Set("Content-Language", "en")
	return respond.HTML(c, http.StatusOK, d.page)
}
