package web

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/openapi"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// docs handles the description of the API: /openapi.yaml and /docs.
type docs struct {
	sites sites
	base  string
	look  openapi.Look
	pages sync.Map // by site: the page with its examples, made when it is first asked for
}

// newDocs makes the pages of the description, with the style sheet of all pages, and the page of no site.
func newDocs(public *url.URL, a *assets, all sites) (*docs, error) {
	own := a.add("docs.css", file{content: openapi.Sheet(), media: "text/css; charset=utf-8"})
	d := &docs{
		sites: all, base: strings.TrimSuffix(public.String(), "/"),
		look: openapi.Look{
			Icon: templates.AssetPath("favicon.svg"), Sheets: []string{templates.AssetPath("optin.css"), own},
		},
	}
	_, err := d.page("")
	return d, err
}

// page returns the page with the examples of a site; of none with those of the description.
func (d *docs) page(id string) ([]byte, error) {
	if page, ok := d.pages.Load(id); ok {
		return page.([]byte), nil
	}
	var at openapi.Site
	if st := d.sites[id]; st != nil {
		p := st.rules.Purposes[0]
		at = openapi.Site{
			ID: id, URL: st.Show.URL, Purpose: p.ID, Text: p.Text[st.Locales[0]], Several: len(st.rules.Purposes) > 1,
		}
	}
	page, err := openapi.Page(d.base, at, d.look)
	if err == nil {
		d.pages.Store(id, page)
	}
	return page, err
}

// yaml serves the description for programs.
func (d *docs) yaml(c echo.Context) error {
	return respond.Bytes(c, http.StatusOK, openapi.MediaType, openapi.YAML())
}

// html serves the description for people, with the examples of the site that the query names, or of the only site.
func (d *docs) html(c echo.Context) error {
	id := c.QueryParam("site")
	if id == "" && len(d.sites) == 1 {
		for only := range d.sites {
			id = only
		}
	}
	if id != "" && d.sites[id] == nil {
		return problem.New(problem.SiteUnknown)
	}
	page, err := d.page(id)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Language", "en")
	return respond.HTML(c, http.StatusOK, page)
}
