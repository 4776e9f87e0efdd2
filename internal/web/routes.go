package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/optin/optin/internal/bounce"
)

// handler answers a request, or returns what went wrong before it wrote anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one method of one path.
type route struct {
	method  string
	pattern string
	handle  handler
	person  bool // made for people: a page unless a program asks for JSON
	guarded bool // takes posts of our own pages, and of programs, only
	shared  bool // may be called from pages of the site's origins
	framed  bool // its pages may be framed by pages that the site names

	needs    Scope // of the API key; 0: none is needed
	body     int64 // bytes that it takes at most; 0: MaxBody
	operator bool  // the key is the operator's
	once     bool  // an Idempotency-Key counts
	long     bool  // may take longer than patience

	again handler // with once: answers for what was done before, where that answer named a person
}

// routes is everything that is public.
func (s *Server) routes() []route {
	const post = http.MethodPost
	routes := []route{
		{method: post, pattern: "/v1/sites/{site}/subscriptions", handle: s.signup, shared: true, framed: true},
		{method: http.MethodOptions, pattern: "/v1/sites/{site}/subscriptions", handle: s.preflight, shared: true},
		{method: post, pattern: "/c/{token}", handle: s.press, person: true, guarded: true},
		{method: post, pattern: "/c/{token}/decline", handle: s.decline, person: true, guarded: true},
		{method: post, pattern: "/c/{token}/lift", handle: s.lift, person: true, guarded: true},
		{method: post, pattern: "/c/{token}/renew", handle: s.renew, person: true, guarded: true},
		{method: post, pattern: "/u/{token}", handle: s.withdraw, person: true, guarded: true},
		// Guarded, for a browser that was once given the key as a password would send it along.
		{method: post, pattern: "/v1/bounces", handle: s.bounces, needs: ScopeWrite, operator: true, guarded: true, body: bounce.MaxMessage},
	}
	look := func(pattern string, h handler, person bool) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			framed := strings.HasPrefix(pattern, "/s/")
			routes = append(routes, route{method: method, pattern: pattern, handle: h, person: person, framed: framed})
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		routes = append(routes, route{method: method, pattern: "/v1/sites/{site}/challenge", handle: s.challenge, shared: true})
	}
	look("/s/{site}", s.hosted, true)
	look("/s/{site}/sent", s.sent, true)
	look("/c/{token}", s.showLink, true)
	look("/c/{token}/decline", s.backToLink, true)
	look("/c/{token}/lift", s.backToLink, true)
	look("/c/{token}/renew", s.backToLink, true)
	look("/u/{token}", s.showAgreements, true)
	look("/assets/{name}", s.asset, false)
	look(embedPath, s.embed, false)
	look(embedVersioned(), s.embed, false)
	look(challengePath, s.embed, false)
	look("/healthz", s.healthz, false)
	look("/readyz", s.readyz, false)
	look("/openapi.yaml", s.document, false)
	look("/docs", s.showDocs, false)
	return slices.Concat(routes, s.siteRoutes(), s.hookRoutes(), s.adminRoutes())
}

// serve does for a route what it needs before its handler: it notes the route and its site, gives it its time, lets the site's origins
// read the answer, asks for the API key, reads the body, and turns away posts from foreign pages.
func (s *Server) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r)
		x.route, x.person, x.framed = rt.pattern, rt.person, rt.framed
		x.site = s.sites[r.PathValue("site")]
		if rt.shared {
			s.share(w, r, x.site)
		}
		if !rt.long {
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if err := s.admit(w, r, rt); err != nil {
			s.fail(w, r, err)
		}
	}
}

// admit hands a request to its handler, if it may come that far.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, rt route) error {
	switch {
	case rt.operator:
		if err := s.authorizeOperator(w, r); err != nil {
			return err
		}
	case rt.needs != 0:
		if err := s.authorize(w, r, rt.needs); err != nil {
			return err
		}
	}
	if err := readBody(w, r, cmp.Or(rt.body, MaxBody)); err != nil {
		return err
	}
	if rt.guarded {
		if err := s.guard(r); err != nil {
			return err
		}
	}
	if rt.once {
		return s.once(w, r, rt)
	}
	return rt.handle(w, r)
}

// miss answers what no route takes.
func (s *Server) miss(w http.ResponseWriter, r *http.Request, pattern string, status int) {
	x := exchangeOf(r)
	if pattern != "" {
		x.route = pattern
	}
	switch {
	case status == http.StatusMethodNotAllowed:
		s.fail(w, r, refuse(codeMethod))
	case strings.HasPrefix(r.URL.Path, "/c/"), strings.HasPrefix(r.URL.Path, "/u/"):
		x.person = true
		s.unknownLink(w, r) // a link that a mail program or a hand has damaged
	default:
		s.fail(w, r, refuse(codeNotFound))
	}
}

// plainPath tells whether a path is spelled the one way in which it can reach a handler: unreserved characters of RFC 3986,
// single slashes, no dot segments, none at the end.
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
