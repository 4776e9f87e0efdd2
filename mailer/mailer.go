package mailer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates"
)

const (
	// Longest is how long a Try may take at most: the limit of its lane.
	Longest = 4 * time.Minute
	// MaybeAfter is how long a letter rests that was maybe sent, before its one more try.
	MaybeAfter = 15 * time.Minute
	// recordFor is how long a Try goes on to tell a store that is away what the relay said.
	recordFor = 20 * time.Second
	// maxName is the longest display name of a sender, in characters.
	maxName = 100
)

// Site is the face of one website in the mail.
type Site struct {
	From mail.Address // in the header and, without its name, on the envelope
	Show templates.Site
}

// Options are what a Mailer needs. Desk, Pages, Sites and Relay are required.
type Options struct {
	Desk  *confirm.Service
	Pages *templates.Set
	Sites map[string]Site // by id
	// Relay is smtp://[user:password@]host[:587][?tls=required|off], with STARTTLS when it is offered, or smtps://…[:465].
	Relay *url.URL
	DKIM  []DKIM           // every one whose domain is that of a letter's From, or a parent of it, signs
	HELO  string           // our name; the address literal of the connection if empty (RFC 5321 4.1.4)
	Roots *x509.CertPool   // who may vouch for the relay; the system's if nil
	Now   func() time.Time // time.Now if nil
	Log   *slog.Logger     // slog.Default() if nil

	Dial    time.Duration // for a connection, and for a kept one to show that it lives; 10 s if zero
	Session time.Duration // for the whole conversation after it, 150 s if zero (RFC 5321 4.5.3.2 wants patience at its end)
	Idle    time.Duration // for which a connection is kept open unused; 60 s if zero
}

// Mailer sends letters. Its methods may be called from any goroutine.
type Mailer struct {
	Options
	relay relay
	pool  pool
	notes notes
}

// New makes a Mailer, or says what is wrong with its options. It connects to nobody.
func New(o Options) (*Mailer, error) {
	if o.Desk == nil || o.Pages == nil || len(o.Sites) == 0 || o.Relay == nil {
		return nil, errors.New("mailer: a desk, templates, a site and a relay are required")
	}
	o.defaults()
	if o.Dial+o.Session+2*recordFor > Longest {
		return nil, fmt.Errorf("mailer: dialling (%s) and the session (%s) must end %s before the limit of %s", o.Dial, o.Session, 2*recordFor, Longest)
	}
	sites := make(map[string]Site, len(o.Sites))
	for id, site := range o.Sites {
		from, err := sender(site.From)
		if err != nil {
			return nil, fmt.Errorf("mailer: site %s: %w", id, err)
		}
		site.From = from
		sites[id] = site
	}
	o.Sites = sites
	for _, k := range o.DKIM {
		if err := k.check(); err != nil {
			return nil, err
		}
	}
	r, err := parseRelay(o)
	if err != nil {
		return nil, err
	}
	return &Mailer{Options: o, relay: r, pool: pool{idle: o.Idle}, notes: notes{now: o.Now}}, nil
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	orElse := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orElse(&o.Dial, 10*time.Second)
	orElse(&o.Session, 150*time.Second)
	orElse(&o.Idle, 60*time.Second)
}

// sender reads the address letters come from as strictly as the addresses they go to.
func sender(from mail.Address) (mail.Address, error) {
	a, err := confirm.ParseAddress(from.Address)
	if err != nil || !ascii(a.String()) {
		return mail.Address{}, fmt.Errorf("the sender %q must be a plain ASCII address such as hello@example.org", from.Address)
	}
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }
	if strings.ContainsFunc(from.Name, odd) || utf8.RuneCountInString(from.Name) > maxName {
		return mail.Address{}, fmt.Errorf("the sender's name must be one line of at most %d printable characters", maxName)
	}
	return mail.Address{Name: strings.Join(strings.Fields(from.Name), " "), Address: a.String()}, nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// Check says whether the relay would take letters: it dials, greets, starts TLS, authenticates as configured, and quits. The error
// names the step, the reply's code and the relay's words.
func (m *Mailer) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.Dial+m.Session)
	defer cancel()
	c, err := m.relay.dial(ctx)
	if err != nil {
		return err
	}
	c.quit()
	return nil
}

// Close quits the connections that are kept open. Those in use are quit when they are done. Closing again does nothing.
func (m *Mailer) Close() error {
	m.pool.close()
	return nil
}
