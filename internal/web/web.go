// Package web is what browsers and programs see of optin: the signup call, the hosted signup page, the pages behind the
// links of emails, the API for a website's servers (package api), the dashboard (package admin), and the health checks.
// routes.go lists every route.
//
// What always holds:
//
//   - A safe method changes nothing (RFC 9110, section 9.2.1), whatever its query, headers and cookies say.
//   - A body is read whole, once, before a handler runs, and has at most MaxBody bytes (a lookup: 320 KiB, a bounce:
//     1 MiB; body.go). Fields come from the body only.
//   - A call for servers checks the API key before it reads the body.
//   - A POST of the API with an Idempotency-Key is carried out once, and gets the same response for a day
//     (idempotency.go).
//   - A signup from our own page counts only if a field that nobody sees is empty, and if filling the page in took a
//     moment (signup_page.go).
//   - Where a site asks for a challenge (package surge says when), every signup but a server's needs a proof of
//     work or a captcha's token, whichever way it comes in (challenge.Gate).
//   - A path has one spelling: no percent-encoding, dot segment, double or trailing slash reaches a handler. The GET of
//     a damaged link is sent on to the right spelling (exact_path.go).
//   - Links and redirects are built from Options.PublicURL and configured prefixes, never from a request's Host.
//   - Every well-formed signup gets the same response, whatever is known of the address.
//   - Errors are a page or an RFC 9457 problem, as the Accept header asks; neither repeats what was sent (errors.go).
//   - There is one log line for each request, with the route's pattern; never a URI, an address, an IP or a token.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/idempotency"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// Options are what the web needs. Service, Surge, Webhooks, Audit, Store, Ready, Keyring, Pages, Sites and PublicURL
// are required.
type Options struct {
	Service        *confirm.Service
	Surge          *surge.Surge // knows the same sites as Service
	Webhooks       *webhook.Endpoints
	Audit          *audit.Log // of the acts of operators and API keys
	Store          Store
	Ready          func() error // nil: the store keeps what is acknowledged now; called for every request
	Keyring        *keyring.Keyring
	Pages          *templates.Set
	Sites          map[string]Site // by id; each known to Service
	PublicURL      *url.URL        // scheme and host; https unless loopback
	FormerURLs     []*url.URL      // earlier public URLs, alike: our pages are still there, too
	TrustedProxies []netip.Prefix  // whose ClientIPHeader is believed
	ClientIPHeader string          // X-Forwarded-For (the default) or Forwarded
	// Undeliverable reports whether a domain (A-labels) publishes a null MX (RFC 7505). It returns false when it does
	// not know, and gives up when its context ends. Nil: domains are not checked.
	Undeliverable func(ctx context.Context, domain string) bool
	// TakesNoMail reports whether a domain (A-labels) has no mail server that DNS knows of, or says that it takes no
	// mail. It is asked only about near misses of well-known domains; nil: nobody is asked whether they mistyped one.
	TakesNoMail func(ctx context.Context, domain string) bool
	// Fill is the shortest time in which a person can fill in our own signup page: a quicker post gets the page again.
	// 1 s if 0; negative: neither that nor the page's age is checked.
	Fill time.Duration
	// Work is the proof of work that is required during a surge. Its key must be the same on all replicas. Nil: no
	// proof is ever required.
	Work *challenge.Work
	// Bounces takes the reports that come with one of OperatorKeys; nil: there is no such call.
	Bounces      *bounce.Receiver
	OperatorKeys []APIKey             // of the operator's programs, good for all sites; their scopes do not count
	Admin        Admin                // the dashboard; with the zero one there is none
	ConsentLog   *consentlog.Appender // nil: there is no consent log

	// Stopping is closed when the process is about to stop: from then on it is not ready. Nil: never.
	Stopping <-chan struct{}

	Now  func() time.Time // time.Now if nil
	Rand io.Reader        // crypto/rand.Reader if nil; read by many goroutines
	Log  *slog.Logger     // slog.Default() if nil
	// Observe is called after every request. May be nil.
	Observe func(Observed)
	// Refused is called after every request that was refused, with its site (empty: none is known) and the code of the
	// problem (package problem). May be nil.
	Refused func(site, code string)
}

// Observed is a request that was answered. It names nobody.
type Observed struct {
	ID     string // as X-Request-Id says
	Route  string // its pattern; "unmatched" if there is none
	Method string // "OTHER" if it is not one of RFC 9110 or PATCH
	Status int
	Site   string // empty: none is known
	Code   string // of the problem by which it was refused; empty: it was not
	Began  time.Time
	Took   time.Duration
	Trace  confirm.Trace // that it belongs to; zero: to none
}

// Admin is the operator's dashboard under /admin; see package admin.
type Admin struct {
	Password  []byte // of operator.Own, in UTF-8; empty: only Operators log in
	Operators []operator.Operator
	// ProxyHeader is where one of TrustedProxies says which operator is logged in; empty: none does.
	ProxyHeader string
	OIDC        *admin.OIDC                // where operators log in; nil: nowhere else
	Relays      func() []admin.RelayStatus // may be nil; called by many goroutines
	// Endpoints are the hosts of webhooks' endpoints by their queue; an endpoint without one is shown by the end of its
	// queue's name.
	Endpoints map[store.QueueName]string
	// SendTest sends a sample to the endpoint of a queue; nil: nothing can be tested.
	SendTest func(context.Context, store.QueueName, confirm.Event) (webhook.Answer, error)
	// Bulk carries out acts on all that match. Somebody else runs it.
	Bulk *admin.Bulk
	// RetryWaits are the waits between tries of an email; the last one repeats.
	RetryWaits []time.Duration
	// Recent is how long what was read of a store is shown to all viewers; 1 s if 0, negative: it is read each time.
	Recent time.Duration
	// EmailSum returns the SHA-256 of what a message's email has in common with others of its kind; may be nil.
	EmailSum func(*confirm.Message) (string, error)
}

// Store is what the web needs of a store: it limits signups, and holds the cells of idempotency keys, proofs and
// sessions. The dashboard lists records to count those that are pending.
type Store interface {
	store.Limits
	store.Cells
	List(ctx context.Context, q store.Query) (store.Page, error)
	Backlogs(ctx context.Context, queues ...store.QueueName) ([]store.Backlog, error)
}

// New returns the router, which is an http.Handler, or an error that lists everything that is wrong with the options.
func New(o Options) (*echo.Echo, error) {
	a, err := newApp(o)
	if err != nil {
		return nil, err
	}
	return a.echo, nil
}

// app is all parts of the web. Each is made once, and safe for concurrent use.
type app struct {
	Options
	sites      sites
	pages      *pages
	keys       *apiKeys
	refusals   *admin.Refusals
	origins    *origins
	gate       *challenge.Gate
	limits     *signupLimits
	idempotent *idempotent
	stamps     *stamps
	form       *signupPage
	assets     *assets
	docs       *docs
	health     *health
	admin      *admin.Dashboard // nil: there is no dashboard
	echo       *echo.Echo
	patterns   map[string]string // of the routes, for the log, by echo's spelling
}

// newApp makes the parts and the router.
func newApp(o Options) (*app, error) {
	if o.Service == nil || o.Surge == nil || o.Webhooks == nil || o.Audit == nil || o.Store == nil || o.Ready == nil ||
		o.Keyring == nil || o.Pages == nil || o.PublicURL == nil || len(o.Sites) == 0 {
		return nil, errors.New(
			"web: a service, its surge and webhooks, an audit log, a store and whether it is ready, a keyring, " +
				"pages, sites and a public URL are required",
		)
	}
	o.complete()
	own, err := ownOrigins(o)
	if err != nil {
		return nil, err
	}
	a := &app{
		Options: o, sites: sites{}, assets: &assets{files: map[string]file{}}, keys: &apiKeys{operator: o.OperatorKeys},
		refusals: &admin.Refusals{Now: o.Now},
	}
	wrong := a.readSites()
	a.pages = &pages{o.Pages, a.sites}
	a.origins = &origins{own, a.sites}
	a.gate = a.newGate()
	a.limits = &signupLimits{Limiter: ratelimit.New(o.Store, o.Keyring), now: a.Now}
	a.idempotent = &idempotent{idempotency.New(o.Store, o.Keyring)}
	a.stamps = &stamps{o.Keyring, o.Now}
	a.form = &signupPage{
		service: a.Service, sites: a.sites, pages: a.pages, gate: a.gate, stamps: a.stamps, fill: o.Fill, now: o.Now,
		suggests: o.TakesNoMail != nil,
	}
	a.health = &health{ready: o.Ready, stopping: o.Stopping, log: o.ConsentLog}
	if a.docs, err = newDocs(o.PublicURL, a.assets, a.sites); err != nil {
		wrong = errors.Join(wrong, fmt.Errorf("web: the description of the API: %w", err))
	}
	a.admin = a.newAdmin()
	if wrong != nil {
		return nil, wrong
	}
	a.echo = a.newEcho()
	a.patterns = patternsOf(a.echo)
	return a, nil
}

func (a *app) newGate() *challenge.Gate {
	at := map[string]challenge.Site{}
	for id, st := range a.sites {
		at[id] = challenge.Site{
			Never:   st.challenge == surge.ChallengeNever,
			Always:  st.challenge == surge.ChallengeAlways,
			Captcha: st.Captcha,
		}
	}
	return challenge.NewGate(challenge.GateOptions{
		Work: a.Work, Sites: at, Keyring: a.Keyring, SetNX: a.Store.SetNX, Admit: a.Surge.Admit,
		Random: a.random, Now: a.Now, Log: a.Log,
	})
}

// newAdmin returns the dashboard; nil if nobody logs in.
func (a *app) newAdmin() *admin.Dashboard {
	var listed []admin.Site
	for _, id := range slices.Sorted(maps.Keys(a.sites)) {
		st := a.sites[id]
		listed = append(listed, admin.Site{
			ID: id, Name: st.Show.Name, HasEndpoints: len(st.rules.EventQueues) > 0, Show: st.Show, Locales: st.Locales,
			Purposes: st.rules.Purposes,
		})
	}
	o := admin.Options{
		Password:    a.Options.Admin.Password,
		Operators:   a.Options.Admin.Operators,
		ProxyHeader: a.Options.Admin.ProxyHeader, TrustedProxies: a.TrustedProxies, OIDC: a.Options.Admin.OIDC,
		Relays:     a.Options.Admin.Relays,
		Endpoints:  a.Options.Admin.Endpoints,
		Service:    a.Service,
		Pages:      a.Pages,
		Webhooks:   a.Webhooks,
		Audit:      a.Audit,
		Bulk:       a.Options.Admin.Bulk,
		Refusals:   a.refusals,
		Dossiers:   a.dossiers(),
		Sites:      listed,
		Store:      a.Store,
		Keyring:    a.Keyring,
		Ready:      a.Ready,
		Secure:     a.PublicURL.Scheme == "https",
		Now:        a.Now,
		Random:     a.random,
		Recent:     a.Options.Admin.Recent,
		RetryWaits: a.Options.Admin.RetryWaits,
		EmailSum:   a.Options.Admin.EmailSum,
		Surging:    a.Surge.Surging,
	}
	if a.ConsentLog != nil {
		o.ConsentLog = a.ConsentLog.Status
	}
	return admin.New(o)
}

// complete sets the defaults.
func (o *Options) complete() {
	if o.Fill == 0 {
		o.Fill = defaultFill
	}
	if o.ClientIPHeader == "" {
		o.ClientIPHeader = echo.HeaderXForwardedFor
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
		o.Observe = func(Observed) {}
	}
	if o.Refused == nil {
		o.Refused = func(string, string) {}
	}
}

// readSites sets the sites and their API keys, and returns everything that is wrong with them.
func (a *app) readSites() error {
	var wrong []error
	for id, w := range a.Options.Sites {
		st, err := newSite(id, w, a.Service, a.Surge)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("web: site %s: %w", id, err))
			continue
		}
		if w.Captcha != nil && a.Work == nil {
			wrong = append(wrong,
				fmt.Errorf("web: site %s: a captcha needs Options.Work, for when its service is unavailable", id))
		}
		a.assets.addTheme(st, w.Theme)
		a.sites[id] = st
		for _, k := range w.APIKeys {
			a.keys.sites = append(a.keys.sites, siteKey{APIKey: k, site: id})
		}
	}
	for _, known := range a.Service.Sites() {
		if _, ok := a.Options.Sites[known.ID]; !ok {
			wrong = append(wrong, fmt.Errorf("web: site %s: the service knows it, the web does not", known.ID))
		}
	}
	return errors.Join(wrong...)
}

// random returns n random bytes.
func (a *app) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.Rand, b); err != nil {
		panic(err) // without randomness there is no service
	}
	return b
}
