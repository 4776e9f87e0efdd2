package config

import (
	"crypto"
	"net/mail"
	"net/netip"
	"net/url"
	"time"

	"github.com/optin/optin/internal/theme"
)

// Config is the whole configuration, checked.
type Config struct {
	Listen         string   // host:port
	PublicURL      *url.URL // scheme and host only, lower-case; https unless the host is loopback
	Secrets        [][]byte // at least one, each of 32 bytes or more; the first makes, all are accepted
	Store          Store
	TrustedProxies []netip.Prefix // masked; networks whose X-Forwarded-For is believed
	SMTP           SMTP
	Admin          Admin
	Metrics        Metrics
	Limits         ServiceLimits
	Sites          []Site // at least one
}

// ServiceLimits hold over all sites together.
type ServiceLimits struct {
	EmailsPerAddress []Limit // to one mailbox
	Emails           []Limit // of the whole service
}

// Admin is who runs the service.
type Admin struct {
	Password Secret   // of the dashboard; empty: there is none
	APIKeys  []APIKey // of the operator's programs, such as those that hand in bounces; both scopes
}

// Metrics says where /metrics is.
type Metrics struct {
	Listen string // host:port of a listener of its own; empty: the main listener, behind the admin password
}

// DKIM signs letters of one domain (RFC 6376, RFC 8463).
type DKIM struct {
	Domain   string // lower-case
	Selector string
	Key      crypto.Signer // *rsa.PrivateKey of 2048 bits or more, or ed25519.PrivateKey
}

// Site is a website that collects signups: the controller of GDPR article 4(7).
type Site struct {
	ID         string // [a-z0-9-], at most 64, unique
	Name       string
	URL        *url.URL
	From       mail.Address
	ReplyTo    *mail.Address // nil: answers go to From
	Controller Controller
	Locales    []string   // BCP 47 in its usual case; the first is the default
	Origins    []string   // scheme://host[:port], as browsers send it
	Redirects  []*url.URL // prefixes; each has a path that begins with a slash
	APIKeys    []APIKey
	Webhooks   []Webhook
	LinkTTL    time.Duration // 10 minutes to 30 days
	Reminder   time.Duration // after which a pending person is reminded once; shorter than LinkTTL; 0: never
	Purposes   []Purpose     // at least one
	Limits     Limits

	BounceDomain string // of the return path, a signed one for each letter; empty: that of From, the same for all
	Challenge    Challenge

	Theme          *theme.Theme // nil: the pages' own looks
	FrameAncestors []string     // origins whose pages may frame the hosted signup page
	After          After
}

// After says where a person is sent when something is done: nowhere where it is nil. Each is under one of the site's Redirects.
type After struct{ Signup, Confirm, Withdraw *url.URL }

// Controller is who answers for a site's data (GDPR articles 4(7) and 13(1)(a)).
type Controller struct {
	Name       string
	Address    string   // postal, on one line
	Contact    string   // e-mail address
	PrivacyURL *url.URL // nil if not given
	Country    string   // ISO 3166-1 alpha-2, upper-case; empty if not given
}

// Webhook is told what becomes of subscriptions.
type Webhook struct {
	URL     *url.URL // https unless Private
	Secrets []Secret // for v1 signatures, newest first: 24 to 64 bytes each, decoded (Standard Webhooks 1.0.0)
	Keys    []Secret // for v1a signatures, newest first: seeds of Ed25519 keys, 32 bytes each (RFC 8032)
	Private bool     // http and private addresses are allowed
}

// Purpose is one thing a person can agree to.
type Purpose struct {
	ID    string            // [a-z0-9-], at most 64, unique in its site
	Text  map[string]string // by locale; one for each of the site's locales
	After After             // instead of the site's, where it is not nil
}

// Limits of one site; all the limits of a list hold together.
type Limits struct {
	EmailsPerAddress  []Limit
	SignupsPerIP      []Limit
	SignupsPerNetwork []Limit // /24 of IPv4, /48 of IPv6
	EmailsPerSite     []Limit
}

// Limit allows N in any window of Per.
type Limit struct {
	N   int // 1 to 100,000
	Per time.Duration
}

// Challenge is what a site asks of who signs up, where programs may be at work.
type Challenge struct {
	When    When
	Normal  int      // signups in ten minutes that are nothing unusual; 0: what the last week says
	Captcha *Captcha // nil: a proof of work, made and checked here
}

// When says who is asked.
type When string

// The choices.
const (
	WhenBusy   When = "busy"   // past five times the normal rate, and after abuse was noticed
	WhenAlways When = "always" // everybody
	WhenNever  When = "never"  // nobody
)

// Captcha is a service that tells people from programs.
type Captcha struct {
	Kind    string // turnstile, hcaptcha or friendlycaptcha
	SiteKey string
	Secret  Secret
}
