package mailer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/templates"
)

const (
	// MaxDuration is how long Run may take at most. The timeout of an email queue must not be shorter.
	MaxDuration = 4 * time.Minute
	// MaybeSentDelay is how long an email that was maybe sent waits before its one more attempt.
	MaybeSentDelay = 15 * time.Minute
	// recordTimeout is how long Run goes on telling an unavailable store what the relay said.
	recordTimeout = 20 * time.Second
)

// Options configure a Mailer. Service, Pages, Sites and Relays are required.
type Options struct {
	Service *confirm.Service
	Pages   *templates.Set
	Sites   map[string]Site  // by id
	Relays  []relay.Address  // tried in this order
	DKIM    []DKIM           // every key whose domain is that of an email's From, or a parent of it, signs
	HELO    string           // our name; if empty, the address literal of the connection (RFC 5321 section 4.1.4)
	Roots   *x509.CertPool   // the authorities trusted to certify a relay; the system's if nil
	Now     func() time.Time // time.Now if nil
	Log     *slog.Logger     // slog.Default() if nil
	// Alarm is called when a relay (host:port) is paused for any sender, and when it is no longer paused for any; words
	// are those of the relay, or ours, that began it, as they may be logged. The calls come in order. Alarm must return
	// soon and must not call a method of the Mailer. It may be nil.
	Alarm func(relay string, paused bool, words string)
	// Refusal is called when a relay (host:port) begins or ends to refuse us for a recipient's domain: with the number
	// of those domains, and the last words of the refusal. It is called like Alarm, and may be nil.
	Refusal func(relay string, domains int, words string)
	// Observe is called after each attempt at an email. It must return at once, and may be nil.
	Observe func(Attempt)

	// Keep keeps the skeleton of emails for ever under its SHA-256 (lower-case hex): see Rebuild. It is called once for
	// each before the first email that is made of it leaves; with an error that email waits. It may be nil.
	Keep func(ctx context.Context, sum string, data []byte) error

	// Connections is how many connections to each relay there are at any one time, usually at most; 0 means no limit.
	// MaxConnections is the limit while a relay is slow, so that emails wait for a connection; Connections if zero. A
	// recipient domain has at most half of MaxConnections as emails under way at once, and at least one.
	Connections, MaxConnections int

	// Dial limits the time to open a connection, to wait for a free one, and for an idle one to show that it still
	// works. If zero, it is 10 s. A relay that is not the last in the list has twice Dial to answer MAIL.
	Dial time.Duration
	// Session limits the whole conversation once connected. If zero, it is 150 s (RFC 5321 section 4.5.3.2 asks for
	// patience at its end).
	Session   time.Duration
	FirstRcpt time.Duration // for the answer to RCPT on the first attempt at an email; 10 s if zero
	Idle      time.Duration // how long an unused connection stays open; 60 s if zero
}

// Mailer sends emails. Its methods may be called from any goroutine.
type Mailer struct {
	Options
	emailMaker
	relays     []*relayState
	domains    domains
	unrecorded unrecorded
}

// New returns a Mailer, or an error that says which option is wrong. It opens no connection.
func New(o Options) (*Mailer, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	m := &Mailer{
		Options: o, domains: domains{now: o.Now}, unrecorded: unrecorded{now: o.Now},
		emailMaker: emailMaker{sites: o.Sites, pages: o.Pages, put: o.Keep, now: o.Now, keys: map[string][]signer{}},
	}
	if o.MaxConnections > 0 {
		m.domains.limit = max(1, o.MaxConnections/2)
	}
	for _, site := range o.Sites {
		m.keys[site.fromDomain()] = o.signers(site.fromDomain())
	}
	for _, address := range o.Relays {
		d, err := newDialer(o, address)
		if err != nil {
			return nil, err
		}
		m.relays = append(m.relays, &relayState{
			dialer: d, now: o.Now, log: o.Log, alarm: o.Alarm, senders: map[string]*pause{},
			onRefusal: o.Refusal,
			pool:      &pool{idleTimeout: o.Idle, limit: o.Connections, max: o.MaxConnections},
		})
	}
	return m, nil
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Alarm == nil {
		o.Alarm = func(string, bool, string) {}
	}
	if o.Refusal == nil {
		o.Refusal = func(string, int, string) {}
	}
	if o.Observe == nil {
		o.Observe = func(Attempt) {}
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = o.Connections
	}
	orElse := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orElse(&o.Dial, 10*time.Second)
	orElse(&o.Session, 150*time.Second)
	orElse(&o.FirstRcpt, 10*time.Second)
	orElse(&o.Idle, 60*time.Second)
}

// check reports what is wrong with the options. It replaces the sites by their parsed form.
func (o *Options) check() error {
	switch {
	case o.Service == nil || o.Pages == nil || len(o.Sites) == 0 || len(o.Relays) == 0:
		return errors.New("mailer: a service, templates, a site and a relay are required")
	case o.Dial+o.Session+2*recordTimeout > MaxDuration:
		return fmt.Errorf("mailer: dialling (%s) and the session (%s) must end %s before the limit of %s", o.Dial,
			o.Session, 2*recordTimeout, MaxDuration)
	case o.Connections < 0:
		return fmt.Errorf("mailer: %d connections; 0 means no limit", o.Connections)
	case o.MaxConnections < o.Connections, o.MaxConnections > 0 && o.Connections == 0:
		return fmt.Errorf("mailer: at most %d connections, usually %d", o.MaxConnections, o.Connections)
	}
	sites := make(map[string]Site, len(o.Sites))
	for id, site := range o.Sites {
		parsed, err := site.parse()
		if err != nil {
			return fmt.Errorf("mailer: site %s: %w", id, err)
		}
		sites[id] = parsed
	}
	o.Sites = sites
	for _, k := range o.DKIM {
		if err := k.check(); err != nil {
			return err
		}
	}
	return nil
}

// Check reports whether every relay would take emails. It dials, reads the greeting, starts TLS and authenticates as
// configured, begins an email of each site's sender to itself without sending it, and quits. The error names the step,
// the reply's code and the relay's words, and which relay it was if there are several.
func (m *Mailer) Check(ctx context.Context) error {
	var failed, senders []string
	for _, id := range slices.Sorted(maps.Keys(m.Sites)) {
		if from := m.Sites[id].From.Address; !slices.Contains(senders, from) {
			senders = append(senders, from)
		}
	}
	for _, r := range m.relays {
		err := r.check(ctx, m.Dial+m.Session, senders)
		switch {
		case err == nil:
		case len(m.relays) == 1:
			return err
		default:
			failed = append(failed, r.HostPort()+": "+err.Error())
		}
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}

// PausedFor returns how long all relays are paused for every sender; until then no email needs to be tried. Zero means
// that at least one relay may take emails.
func (m *Mailer) PausedFor() time.Duration { return m.relaysPausedFor("", "") }

// Close quits the idle connections. A connection in use is quit once its email is done. Closing again does nothing.
func (m *Mailer) Close() error {
	for _, r := range m.relays {
		r.pool.close()
	}
	return nil
}
