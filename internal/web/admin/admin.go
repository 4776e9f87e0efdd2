// Package admin is the dashboard of operators: pages in English, which are not part of openapi.yaml. Addresses are
// masked, but for one on the page of its person, to an operator of the roles act and admin; for others that page has no
// browsers either, and networks instead of IPs.
//
//	GET HEAD       /admin                        store, relays, sites
//	GET HEAD POST  /admin/login                  the password, for a session
//	GET            /admin/login/oidc             leads to a provider of OpenID Connect
//	GET            /admin/login/oidc/return      is where that leads back to
//	POST           /admin/logout                 ends it
//	GET HEAD       /admin/trends                 what was counted over some time; /admin/trends.csv one of its tables
//	GET HEAD       /admin/sites/{site}/texts     statements and emails, in each language
//	GET HEAD       /admin/sites/{site}/email     one of these emails itself
//	GET HEAD POST  /admin/sites/{site}/webhooks  failed events, and trying them again
//	GET HEAD       /admin/pending                who is pending
//	GET HEAD       /admin/emails                 emails that wait or cannot be delivered
//	GET HEAD       /admin/webhooks               endpoints of all sites
//	POST           /admin/webhooks/test          sends a sample to one of them
//	POST           /admin/act, /admin/act/stop   acts on people, each asked once more, on one, some or all that match
//
// What always holds:
//
//   - Nobody without a session sees or does anything but log in: a GET is sent to the login page, a POST is refused
//     with 403.
//   - Before a password is looked at, the attempt is counted against limits that all replicas share (login.go). The
//     right password resets the count of its IP.
//   - A session ends after SessionLife, by logging out, and with the operator, the password or the secret that it was
//     made with. What its operator may do is what the configuration says now.
//   - Nobody does, or sees of a site, what their role and their sites do not allow.
//   - Nobody is let in while the store cannot be reached.
package admin

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of the dashboard.
const (
	Path         = "/admin"
	LoginPath    = "/admin/login"
	LogoutPath   = "/admin/logout"
	TextsPath    = "/admin/sites/:site/texts"
	SamplePath   = "/admin/sites/:site/email"
	WebhooksPath = "/admin/sites/:site/webhooks"
)

// Options are what a Dashboard needs. All but Relays and Endpoints are required, and who logs in: with a Password,
// as one of Operators, or by the Roles of OIDC.
type Options struct {
	// Password is that of operator.Own, in UTF-8; space around it does not count, as browsers and files add some.
	Password  []byte
	Operators []operator.Operator
	// ProxyHeader is where a proxy of TrustedProxies says which operator is logged in; empty: none does.
	ProxyHeader    string
	TrustedProxies []netip.Prefix
	OIDC           *OIDC                // nil: nobody logs in at a provider
	Relays         func() []RelayStatus // may be nil; called by many goroutines
	// Endpoints are the hosts of webhooks' endpoints by their queue; an endpoint without one is shown by the end of its
	// queue's name.
	Endpoints map[store.QueueName]string

	Service  *confirm.Service
	Pages    *templates.Set // of the emails
	Webhooks *webhook.Endpoints
	Audit    *audit.Log
	Bulk     *Bulk
	Refusals *Refusals // what signups were refused for; may be nil
	Dossiers *dossier.Maker
	Sites    []Site // in the order in which they are shown
	Store    Store
	Keyring  *keyring.Keyring
	Ready    func() error // nil: the store keeps what is acknowledged now
	Secure   bool         // the public URL is https
	// Recent is how long what was read of a store is shown to all viewers; 1 s if 0, negative: it is read each time.
	Recent time.Duration
	// RetryWaits are the waits between tries of an email, give or take a fifth; the last one repeats.
	RetryWaits []time.Duration
	// ConsentLog is where the consent log stands; nil: there is none.
	ConsentLog func() consentlog.Status
	// EmailSum returns the SHA-256 of what a message's email has in common with others of its kind; may be nil.
	EmailSum func(*confirm.Message) (string, error)
	// Surging reports whether a site has so many signups that they need a challenge; may be nil.
	Surging func(ctx context.Context, site string) (bool, error)
	Now     func() time.Time
	Random  func(n int) []byte
}

// Site is a site as it is listed, and as its emails show it.
type Site struct {
	ID, Name     string
	HasEndpoints bool
	Show         templates.Site
	Locales      []string
	Purposes     []confirm.Purpose
}

// Store is what the dashboard needs of a store.
type Store interface {
	store.Limits
	store.Cells
	List(ctx context.Context, q store.Query) (store.Page, error)
	Backlogs(ctx context.Context, queues ...store.QueueName) ([]store.Backlog, error)
}

// Dashboard has what the views and the Sessions have in common: these are types of their own, which embed it. It is
// safe for concurrent use.
type Dashboard struct {
	Options
	limited bool // Sites are those that one operator may see, and not all
}

// New returns a Dashboard; nil if nobody could log in.
func New(o Options) *Dashboard {
	o.Password = bytes.Trim(o.Password, " \t\r\n")
	if len(o.Password) == 0 && len(o.Operators) == 0 && (o.OIDC == nil || len(o.OIDC.Roles) == 0) {
		return nil
	}
	return &Dashboard{Options: o}
}

// page renders a page.
func (d *Dashboard) page(c echo.Context, status int, p dashboard.Page) error {
	var b bytes.Buffer
	if err := dashboard.Render(&b, viewerOf(c), p); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderReferrerPolicy, "same-origin") // with no-referrer, older browsers post with "Origin: null"
	h.Set("Content-Language", "en")
	respond.Vary(h, echo.HeaderAccept, echo.HeaderCookie)
	return respond.HTML(c, status, b.Bytes())
}

// fail responds to an error, if there is one, with a page of the dashboard. For a program it returns the error.
func (d *Dashboard) fail(c echo.Context, err error) error {
	if err == nil || !request.WantsPage(c) {
		return err
	}
	p := respond.ProblemOf(err)
	status := p.Code.Status()
	if status >= http.StatusInternalServerError {
		request.StateOf(c).Cause = err
	}
	respond.RetryAfter(c.Response().Header(), p.RetryAfter)
	return d.page(c, status, dashboard.Failure{Status: status})
}

// site returns the site that a request's path names, if its operator may see it.
func (d *Dashboard) site(c echo.Context) (Site, error) {
	for _, s := range d.Sites {
		if s.ID == c.Param("site") && maySee(c, s.ID) {
			return s, nil
		}
	}
	return Site{}, problem.New(problem.SiteUnknown)
}
