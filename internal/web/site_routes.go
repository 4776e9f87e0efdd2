package web

import "net/http"

// siteRoutes is everything for a site's servers.
func (s *Server) siteRoutes() []route {
	const all, post = "/v1/sites/{site}/subscriptions", http.MethodPost
	routes := []route{
		{method: post, pattern: "/v1/sites/{site}/lookup", handle: s.lookup, needs: ScopeRead, body: maxLookup},
		{method: post, pattern: all + "/{id}/resend", handle: s.resend, needs: ScopeWrite, once: true},
		{method: post, pattern: all + "/{id}/withdraw", handle: s.withdrawFor, needs: ScopeWrite, once: true, again: s.tellOne},
		{method: http.MethodDelete, pattern: all + "/{id}", handle: s.erase, needs: ScopeWrite},
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		routes = append(routes,
			route{method: method, pattern: all, handle: s.list, needs: ScopeRead},
			route{method: method, pattern: all + "/{id}", handle: s.one, needs: ScopeRead},
			route{method: method, pattern: "/v1/sites/{site}/stats", handle: s.stats, needs: ScopeRead},
			route{method: method, pattern: "/v1/sites/{site}/export", handle: s.export, needs: ScopeRead, long: true},
		)
	}
	return routes
}
