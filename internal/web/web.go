// Package web is what browsers and programs see of optin: the signup call, the hosted signup page, the pages behind the
// links of letters, the lookup of a website's servers, and the two questions of operators.
//
//	POST      /v1/sites/{site}/subscriptions  a signup; CORS for the site's origins
//	GET HEAD  /v1/sites/{site}/challenge      a proof of work for one, to be done beforehand; CORS as well
//	GET HEAD  /s/{site}  /s/{site}/sent       hosted signup page; "look in your inbox"
//	GET HEAD  /c/{token}                      the page behind a letter's link; changes nothing
//	POST      /c/{token}  and its /decline /lift /renew
//	GET HEAD  /u/{token}                      what an address agreed to; changes nothing
//	POST      /u/{token}                      takes back (also RFC 8058)
//	GET HEAD  /embed.js  /embed.{hash}.js     the script for a website's own form
//	GET HEAD  /challenge.js                   the script that it loads where a proof of work is asked for
//	GET HEAD  /assets/{name}  /healthz  /readyz
//	GET HEAD  /openapi.yaml  /docs            all this, for programs and to be read (package openapi)
//
// For a site's servers, with an API key:
//
//	POST      /v1/sites/{site}/lookup              the state of one address, or of many, now or as of a date
//	GET HEAD  /v1/sites/{site}/subscriptions       list, newest first, by cursors
//	GET HEAD  /v1/sites/{site}/subscriptions/{id}  one; DELETE erases it; POST its /resend and /withdraw
//	GET HEAD  /v1/sites/{site}/export  /stats      everything, streamed; what was counted by day
//	GET HEAD  /v1/sites/{site}/webhooks/parked     what endpoints were not told; POST …/webhooks/replay
//
// For the operator's programs, with an operator's key:
//
//	POST      /v1/bounces  what mail systems say of letters (package bounce)
//
// For operators, with the admin password: their dashboard under /admin (see Admin).
//
// What always holds:
//
//   - A safe method changes nothing (RFC 9110 9.2.1), whatever stands in the query, a header or a cookie.
//   - Every body is read whole, once, and at most MaxBody bytes of it (a lookup: 320 KiB, a bounce: 1 MiB), before anything looks at it. Only the body fills fields.
//   - A call for servers reads no body before its key was found right.
//   - An act by POST of the API with an Idempotency-Key is carried out once, and answered the same for a day (once.go).
//   - A signup by our own page counts only where a field that nobody sees stayed empty, and filling it in took a moment (person.go).
//   - While a site is not calm, every signup but a server's brings a proof of work, or a captcha's token, whichever way it comes in. A proof
//     of work counts once, over all replicas; where the captcha's service is away, one of work does (proof.go, captcha.go).
//   - A path is taken as it was sent: no percent-encoding, dot segment, double or trailing slash reaches a handler.
//   - Links and redirects are built from Options.PublicURL and configured prefixes, never from a request's Host.
//   - A signup that is well formed gets one answer, whatever is known of the address.
//   - Errors are a page or an RFC 9457 problem, as the Accept header asks; neither repeats what was sent.
//   - One log line for each request, with the route's pattern; never a URI, an address, an IP or a token.
//
// Only router.go knows which framework finds a route's handler.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// MaxBody is the greatest body that any call takes, in bytes.
const MaxBody = 16 << 10

// patience is how long one request may take after its headers are read; every call to a store is bound by it.
const patience = 5 * time.Second

// Options are what a Server needs. Service, Webhooks, Store, Keyring, Pages, Sites and PublicURL are required.
type Options struct {
	Service        *confirm.Service
	Webhooks       *webhook.Endpoints
	Store          store.Store // its Ready and Take, and Reserve and Replace for idempotency keys
	Keyring        *keyring.Keyring
	Pages          *templates.Set
	Sites          map[string]Site // by id; each known to Desk
	PublicURL      *url.URL        // scheme and host; https unless loopback
	TrustedProxies []netip.Prefix  // whose X-Forwarded-For is believed
	// Undeliverable tells whether a domain (A-labels) publishes a null MX (RFC 7505). It answers false when it does not know, and
	// gives up when its context does. Nil: nobody is asked.
	Undeliverable func(ctx context.Context, domain string) bool
	// Fill is the least time between the making of our own signup page and its post: whoever is quicker gets the page again. 1 s if 0;
	// negative: neither that nor the page's age counts.
	Fill time.Duration
	// Work is the proof of work that is asked for while a site is not calm. Its key must be the same on all replicas. Nil: nobody is asked
	// for anything.
	Work *challenge.Work
	// Bounces takes what OperatorKeys hand in; nil: there is no such call.
	Bounces      *bounce.Receiver
	OperatorKeys []APIKey // of the operator's programs, good for all sites; their scopes are not asked
	Admin        Admin    // the dashboard; with the zero one there is none

	Now  func() time.Time // time.Now if nil
	Rand io.Reader        // crypto/rand.Reader if nil; read by many goroutines
	Log  *slog.Logger     // slog.Default() if nil
	// Observe is told of every request: the route's pattern ("unmatched" if there is none), the method ("OTHER" if it is not one of
	// RFC 9110 or PATCH), the status and how long it took. May be nil.
	Observe func(route, method string, status int, d time.Duration)
}

// Site is what the web knows of a website beside the rules' confirm.Site.
type Site struct {
	Show      templates.Site
	Locales   []string // BCP 47; the first is the default; every purpose has its text in each
	Origins   []string // who may call from a browser: scheme://host[:port]
	Redirects []string // where a person may be sent afterwards: prefixes, absolute URLs
	APIKeys   []APIKey // of the site's servers
	Limits    Limits
	Captcha   *challenge.Captcha // asked for in the place of a proof of work; needs Options.Work for when its service is away

	After          After            // where a person is sent, under Redirects
	AfterPurpose   map[string]After // the same by purpose; goes before After
	FrameAncestors []string         // origins whose pages may frame the hosted pages
	Theme          *theme.Theme     // nil: the pages' own looks
}

// Limits are a site's limits on who asks for letters; none: no limit. Those on letters are the rules' own.
type Limits struct {
	SignupsPerIP      []store.Limit // an IPv6 network of 64 bits counts as one IP
	SignupsPerNetwork []store.Limit // the network of an IPv4 address has 24 bits, that of an IPv6 address 48
}

// Server answers requests. It is made once, and safe for concurrent use.
type Server struct {
	opt     Options
	sites   map[string]*site
	keys    []siteKey
	own     string // our own origin, as browsers send it
	handler http.Handler
	said    readiness
	files   map[string]file     // served under /assets/, by name
	docs    []byte              // the page of the API's description
	admin   *templates.AdminSet // nil: there is no dashboard
}

// New makes a Server, or says everything that is wrong with its options.
func New(o Options) (*Server, error) {
	if o.Service == nil || o.Webhooks == nil || o.Store == nil || o.Keyring == nil || o.Pages == nil || o.PublicURL == nil || len(o.Sites) == 0 {
		return nil, errors.New("web: a service, its webhooks, a store, a keyring, pages, sites and a public URL are required")
	}
	o.complete()
	own, err := origin(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("web: the public URL: %w", err)
	}
	s := &Server{opt: o, sites: map[string]*site{}, own: own, files: map[string]file{}}
	var wrong []error
	for id, w := range o.Sites {
		st, err := newSite(id, w, o.Service)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("web: site %s: %w", id, err))
			continue
		}
		if w.Captcha != nil && o.Work == nil {
			wrong = append(wrong, fmt.Errorf("web: site %s: a captcha needs Options.Work, for when its service is away", id))
		}
		s.dress(st, w.Theme)
		s.sites[id] = st
		for _, k := range w.APIKeys {
			s.keys = append(s.keys, siteKey{APIKey: k, site: id})
		}
	}
	for _, known := range o.Service.Sites {
		if _, ok := o.Sites[known.ID]; !ok {
			wrong = append(wrong, fmt.Errorf("web: site %s: the rules know it, the web does not", known.ID))
		}
	}
	if err := s.describe(); err != nil {
		wrong = append(wrong, fmt.Errorf("web: the description of the API: %w", err))
	}
	if err := s.openAdmin(); err != nil {
		wrong = append(wrong, fmt.Errorf("web: the dashboard: %w", err))
	}
	s.handler = s.chain(newRouter(s.routes(), s.serve, s.miss))
	return s, errors.Join(wrong...)
}

// complete puts in the defaults.
func (o *Options) complete() {
	if o.Fill == 0 {
		o.Fill = defaultFill
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Observe == nil {
		o.Observe = func(string, string, int, time.Duration) {}
	}
}

// Handler answers every request.
func (s *Server) Handler() http.Handler { return s.handler }
