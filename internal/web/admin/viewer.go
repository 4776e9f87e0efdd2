package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/templates/dashboard"
)

const sessionKey = "optin.admin.session"

// sessionOf returns the session of a request that Sessions has let in; nil of any other.
func sessionOf(c echo.Context) *session {
	in, _ := c.Get(sessionKey).(*session)
	return in
}

// sessionName names the operator and the session of a request for the audit log: the name, and the beginning of the
// session's random id.
func sessionName(c echo.Context) string {
	switch in := sessionOf(c); {
	case in == nil:
		return ""
	case in.id == "": // a proxy has it
		return in.operator.Name
	default:
		return in.operator.Name + ", session " + in.id[:min(8, len(in.id))]
	}
}

// viewerOf returns who looks at the page that a request asks for.
func viewerOf(c echo.Context) (v dashboard.Viewer) {
	if in := sessionOf(c); in != nil {
		v.Name, v.Proxied = in.operator.Name, in.id == ""
		v.Acts, v.Rules = mayDo(c, operator.Act), mayDo(c, operator.Admin)
	}
	return v
}

// Needs returns middleware that refuses operators whose role does not allow what another role may do.
func (d *Dashboard) Needs(role operator.Role) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !mayDo(c, role) {
				return d.refuse(c)
			}
			return next(c)
		}
	}
}

// refuse says that an operator may not do that.
func (d *Dashboard) refuse(c echo.Context) error {
	return d.page(c, http.StatusForbidden, dashboard.Failure{Status: http.StatusForbidden})
}

// mayDo reports whether the operator of a request may do what a role may.
func mayDo(c echo.Context, role operator.Role) bool {
	in := sessionOf(c)
	return in != nil && in.operator.Role.Allows(role)
}

// maySee reports whether the operator of a request may see a site.
func maySee(c echo.Context, site string) bool {
	in := sessionOf(c)
	return in != nil && in.operator.MaySee(site)
}

// as returns the dashboard as the operator of a request may see it: with their sites alone.
func (d *Dashboard) as(c echo.Context) *Dashboard {
	view := *d
	view.Sites = slices.DeleteFunc(slices.Clone(d.Sites), func(s Site) bool { return !maySee(c, s.ID) })
	view.limited = isLimited(c)
	return &view
}

// isLimited reports whether the operator of a request may see some sites only.
func isLimited(c echo.Context) bool { return len(sessionOf(c).operator.Sites) > 0 }

// sees reports whether a site is one of the dashboard's.
func (d *Dashboard) sees(site string) bool { return slices.Contains(d.siteIDs(), site) }

// seesAll reports whether the dashboard has all sites that a filter is about.
func (d *Dashboard) seesAll(f filter) bool {
	of := f.sites()
	return !d.limited || len(of) > 0 && !slices.ContainsFunc(of, func(id string) bool { return !d.sees(id) })
}

// siteIDs lists the ids of the dashboard's sites.
func (d *Dashboard) siteIDs() (all []string) {
	for _, s := range d.Sites {
		all = append(all, s.ID)
	}
	return all
}

// cacheKey names the sites of the dashboard: what was read for some operators is not for those who see other sites.
func (d *Dashboard) cacheKey() string { return strings.Join(d.siteIDs(), " ") + "?" }
