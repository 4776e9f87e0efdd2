// Package config reads the program's configuration: one YAML file, turned into types that cannot be wrong.
//
// For every file:
//
//   - All problems are reported together, sorted by line. Each is one line that says where it is, what is wrong and
//     what to write instead: "optin.yaml:12: sites[0].link_ttl must be 10m to 30d, in s, m, h or d, such as 48h".
//   - An unknown key is a problem, and so is a key that is given twice. Keys that are left out have the values of
//     defaults.go.
//   - ${NAME} inside a value is replaced by an environment variable; one that is not set is a problem. $${ is a literal
//     ${. The content of a variable is never read as YAML, so it can neither add a key nor break the file. ${NAME} may
//     stand unquoted inside [ ] and { }, where plain YAML would take its brace for the closing one.
//   - A secret can be read from a file, by its key with _file appended: secret, store, smtp.url, admin.password,
//     operators[].password, oidc.client_secret, admin.api_keys and sites[].api_keys (one per line), tracing.headers
//     (one per line, as Name: value), sites[].webhooks[].secret and sites[].challenge.captcha.secret. One newline at
//     the end of the file is dropped. File names are relative to the folder of the configuration.
//   - No problem repeats a value of the file, of a variable or of a secret's file. It names the place, because the
//     value may be secret.
//   - A Config and all its parts print without their secrets: with every verb of fmt, with slog and as JSON.
//   - A file is refused as a whole if it is larger than 1 MiB, has several documents, uses YAML's anchors, aliases or
//     tags, or is not UTF-8.
//
// The package reads files and the environment only through the functions it is given.
//
// A new key goes into its type below, into the group call and the reader of its section (load.go, site.go, smtp.go, …),
// into defaults.go if it may be left out, and into optin.sample.yaml.
package config

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/receipt"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/store"
)

// Config is the whole configuration, checked.
type Config struct {
	Listen     string     // host:port
	PublicURL  *url.URL   // scheme and host only, lower-case; https unless the host is loopback
	FormerURLs []*url.URL // earlier ones, alike, whose links stay good
	// at least one, each of 32 bytes or more; the first is used for new values, all are accepted
	Secrets        [][]byte
	Store          store.Location
	KnownStore     string         // file that says which store was met; empty: none is written
	Drain          time.Duration  // from announcing a stop to accepting no more connections; 0 to 1 minute
	TrustedProxies []netip.Prefix // masked; networks whose ClientIPHeader is trusted
	ClientIPHeader string         // X-Forwarded-For or Forwarded
	SMTP           SMTP
	Admin          Admin
	Operators      []operator.Operator
	OIDC           *OIDC // nil: operators log in at no provider
	Metrics        Metrics
	Tracing        Tracing
	Receipts       Receipts
	Log            ConsentLog
	Retention      Retention
	Limits         ServiceLimits
	Sites          []Site // at least one
}

// ServiceLimits apply to all sites together.
type ServiceLimits struct {
	EmailsPerAddress []Limit // to one mailbox
	EmailsPerDomain  []Limit // to a domain that is not a large provider's
	Emails           []Limit // of the whole service
}

// Admin holds the operators' credentials.
type Admin struct {
	Password Secret // of operator.Own, for the dashboard; empty: only Operators log in
	// ProxyHeader is the header by which a trusted proxy says which operator is logged in; empty: none does.
	ProxyHeader string
	APIKeys     []APIKey // of the operator's programs, such as those that report bounces; both scopes
	// AuditKept is how long an entry of the audit log is kept: 30 to 3660 days.
	AuditKept time.Duration
}

// Receipts say how consent receipts are signed.
type Receipts struct {
	Keys   receipt.Keys // the first signs, all are published; none: no receipts are made
	Schema string       // the profile of ISO/IEC TS 27560 that they name
}

// ConsentLog says where the consent log is.
type ConsentLog struct {
	Path string             // of its folder, absolute; empty: there is none
	Key  ed25519.PrivateKey // signs checkpoints; nil: one that is made in the folder
}

// Retention says how long what proves something is kept.
type Retention struct {
	IP       time.Duration // the exact IPs; then their networks are
	Evidence time.Duration // of a consent, from when it ended or was last used
	Receipt  time.Duration // of a person who was erased; 0: none is
}

// Metrics says where /metrics is served.
type Metrics struct {
	Listen string // host:port of its own listener; empty: metrics are off
}

// SMTP says how emails are sent.
type SMTP struct {
	Relays      []relay.Address // at least one, tried in this order
	Connections int             // to each relay, 1 to 64
	// MaxConnections is the limit while a relay is slow: from Connections to 64.
	MaxConnections int
	DKIM           []DKIM
	CA             []*x509.Certificate // trusted to certify a relay, beside the system's authorities
}

// DKIM signs the emails of one domain (RFC 6376, RFC 8463).
type DKIM struct {
	Domain   string // lower-case
	Selector string
	Key      crypto.Signer // *rsa.PrivateKey of keyring.MinRSABits or more, or ed25519.PrivateKey
}

// Site is a website that collects signups: the controller of GDPR article 4(7).
type Site struct {
	ID         string // [a-z0-9-], at most 64, unique
	Name       string
	URL        *url.URL
	From       mail.Address
	ReplyTo    *mail.Address // nil: replies go to From
	Controller Controller
	Locales    []string // BCP 47 in canonical case; the first is the default
	Origins    []origin.Origin
	Redirects  []*url.URL // prefixes; each has a path that begins with a slash
	APIKeys    []APIKey
	Webhooks   []Webhook
	LinkTTL    time.Duration // 10 minutes to 30 days
	Reminder   time.Duration // when a pending person is reminded, once; shorter than LinkTTL; 0: never
	Validity   Validity
	Purposes   []Purpose // at least one
	Forms      []Form
	Limits     Limits

	BounceDomain string // of the return path, which is signed for each email; empty: the domain of From, unsigned
	Challenge    Challenge

	TimeZone   *time.Location       // of the moments that people read; nil: UTC
	OwnLocales map[string]OwnLocale // translations of the site's own, by locale
	FromNames  map[string]string    // the sender's name in some of the locales
	Wording    map[string]Wording   // the site's own words in some of the locales

	Theme          *theme.Theme    // nil: the default looks
	FrameAncestors []origin.Origin // origins whose pages may frame the hosted signup page
	After          RedirectAfter
}

// Validity is how long a consent holds, and how long before its end the person is asked whether to renew it. Zero: it
// holds until it is taken back.
type Validity struct {
	For         time.Duration // 2 months to 10 years
	RenewBefore time.Duration // 1 day or more, and shorter than For
}

// RedirectAfter says where a person is sent after an action. A nil URL is our own page. Each URL is under one of the
// site's Redirects.
type RedirectAfter struct{ Signup, Confirm, Withdraw *url.URL }

// OwnLocale is a translation in the format of optin's own, from locales_dir. It is read, but not checked here.
type OwnLocale struct {
	File    string
	Content []byte
}

// Wording is a site's own words in one language: plain text on one line, without links; those left out are optin's.
type Wording struct {
	Subject, Greeting, Lead, Button          string // of the email that asks to confirm
	AfterSignup, AfterConfirm, AfterWithdraw string // on pages
}

// Controller is responsible for a site's data (GDPR articles 4(7) and 13(1)(a)).
type Controller struct {
	Name          string
	Address       string // postal, on one line
	Contact       string // e-mail address
	PrivacyURL    *url.URL
	PrivacySHA256 string // of the privacy notice's file, in lower-case hex; empty if no file is given
	Country       string // ISO 3166-1 alpha-2, upper-case
	DPO           string // how the data protection officer is reached, on one line; empty if not given
}

// Webhook is an endpoint that is called with the events of a site's subscriptions.
type Webhook struct {
	URL     *url.URL // https unless Private
	Secrets []Secret // for v1 signatures, newest first: 24 to 64 bytes each, decoded (Standard Webhooks 1.0.0)
	Keys    []Secret // for v1a signatures, newest first: seeds of Ed25519 keys, 32 bytes each (RFC 8032)
	Private bool     // http and private addresses are allowed
}

// Purpose is one thing a person can agree to, and what they are told with it. Maps are by locale, and have one entry
// for each of the site's locales; those but Text are nil if not given.
type Purpose struct {
	ID         string            // [a-z0-9-], at most 64, unique in its site
	Revision   int               // 1 or more; raising it asks again
	Text       map[string]string // the words beside the box
	TextChild  map[string]string // the same in words for children
	Recipients []string          // who receives the data, beside the controller
	Retention  map[string]string // how long the data are kept
	Objective  map[string]string // what they are used for
	Audience   map[string]string // who it is meant for
	Frequency  map[string]string // how often the person hears
	After      RedirectAfter     // overrides the site's where it is not nil
}

// Form is one of a website's own forms, as its signups name it.
type Form struct {
	ID     string   // [a-z0-9-], at most 64, unique in its site
	URL    *url.URL // of the page that it is on; nil if not given
	Strict bool     // what it says it showed must be the words of the purpose
}

// Limits of one site. All limits of a list apply together.
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

// Challenge says when a signup must come with a proof that a program did not make it.
type Challenge struct {
	When    ChallengePolicy
	Normal  int      // usual number of signups in ten minutes; 0: measured over the last week
	Captcha *Captcha // nil: a proof of work, made and checked by optin
}

// ChallengePolicy says which signups are challenged.
type ChallengePolicy string

// The values of sites[].challenge.when.
const (
	ChallengeOnSurge ChallengePolicy = "busy"   // past five times the normal rate, and after abuse was noticed
	ChallengeAlways  ChallengePolicy = "always" // every signup
	ChallengeNever   ChallengePolicy = "never"  // no signup
)

// Captcha is a third-party service that distinguishes people from programs.
type Captcha struct {
	Kind    string // turnstile, hcaptcha or friendlycaptcha
	SiteKey string
	Secret  Secret
}

// String returns what is configured, on one line and without any secret.
func (c Config) String() string {
	sites := make([]string, len(c.Sites))
	for i, s := range c.Sites {
		sites[i] = s.ID
	}
	relays := make([]string, len(c.SMTP.Relays))
	for i, r := range c.SMTP.Relays {
		relays[i] = r.HostPort()
	}
	public := ""
	if c.PublicURL != nil {
		public = c.PublicURL.Redacted()
	}
	collector := ""
	if c.Tracing.URL != nil {
		collector = c.Tracing.URL.Host
	}
	return fmt.Sprintf("listen=%s public_url=%s secrets=%d store=%s smtp=%s connections=%d-%d dkim=%d admin=%t "+
		"metrics=%s tracing=%s sites=%s",
		c.Listen, public, len(c.Secrets), c.Store, strings.Join(relays, ","), c.SMTP.Connections,
		c.SMTP.MaxConnections, len(c.SMTP.DKIM),
		c.HasDashboard(), c.Metrics.Listen, collector, strings.Join(sites, ","))
}

// HasDashboard reports whether anybody can use the dashboard.
func (c Config) HasDashboard() bool {
	return len(c.Admin.Password) > 0 || len(c.Operators) > 0 || c.OIDC != nil && len(c.OIDC.Roles) > 0
}

// OIDC is where operators log in: a provider of OpenID Connect.
type OIDC struct {
	Issuer, ClientID string
	Secret           Secret
	Roles            map[string]operator.Role // by group
}

// Format writes String for every verb, so that %+v and %#v show no secret either.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue returns String for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String for JSON.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
