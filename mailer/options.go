package mailer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates"
)

const (
	// Longest is how long a Try may take at most: the limit of its lane.
	MaxDuration = 4 * time.Minute
	// MaybeAfter is how long a letter rests that was maybe sent, before its one more try.
	MaybeAfter = 15 * time.Minute
	// recordFor is how long a Try goes on to tell a store that is away what the relay said.
	recordFor = 20 * time.Second
	// awayFor is how long a letter waits for a store that was away as it was to be tried.
	awayFor = 5 * time.Second
)

// Options are what a Mailer needs. Desk, Pages, Sites and Relays are required.
type Options struct {
	Service *confirm.Service
	Pages   *templates.Set
	Sites   map[string]Site // by id
	// Relays are tried in this order. Each is smtp://[user:password@]host[:587][?tls=required|off], with STARTTLS when it is offered, or
	// smtps://…[:465].
	Relays []*url.URL
	DKIM   []DKIM           // every one whose domain is that of a letter's From, or a parent of it, signs
	HELO   string           // our name; the address literal of the connection if empty (RFC 5321 4.1.4)
	Roots  *x509.CertPool   // who may vouch for a relay; the system's if nil
	Now    func() time.Time // time.Now if nil
	Log    *slog.Logger     // slog.Default() if nil
	// Alarm is told when a relay (host:port) is paused, for whatever sender, and when it is paused for nobody any more. It is called in order,
	// returns soon, and calls no method of the Mailer; it may be nil.
	Alarm func(relay string, paused bool)

	// Connections bounds those to each relay that there are at once, whoever calls; 0: no bound. Half of them, at least one, are as many
	// letters as one recipients' domain has under way at once.
	Connections int

	// Dial is for a connection, for a place for one, and for a kept one to show that it lives; 10 s if zero. Where there is a next relay, twice
	// that is all that one has up to MAIL.
	Dial    time.Duration
	Session time.Duration // for the whole conversation after it, 150 s if zero (RFC 5321 4.5.3.2 wants patience at its end)
	Hasty   time.Duration // for the answer to RCPT of a letter that was not tried before; 10 s if zero
	Idle    time.Duration // for which a connection is kept open unused; 60 s if zero
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Alarm == nil {
		o.Alarm = func(string, bool) {}
	}
	orElse := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	orElse(&o.Dial, 10*time.Second)
	orElse(&o.Session, 150*time.Second)
	orElse(&o.Hasty, 10*time.Second)
	orElse(&o.Idle, 60*time.Second)
}

// check says what is wrong, and puts the sites as they were read in the place of those that were written.
func (o *Options) check() error {
	switch {
	case o.Service == nil || o.Pages == nil || len(o.Sites) == 0 || len(o.Relays) == 0 || slices.Contains(o.Relays, nil):
		return errors.New("mailer: a desk, templates, a site and a relay are required")
	case o.Dial+o.Session+2*recordFor > MaxDuration:
		return fmt.Errorf("mailer: dialling (%s) and the session (%s) must end %s before the limit of %s", o.Dial, o.Session, 2*recordFor, MaxDuration)
	case o.Connections < 0:
		return fmt.Errorf("mailer: %d connections; 0 means no bound", o.Connections)
	}
	sites := make(map[string]Site, len(o.Sites))
	for id, site := range o.Sites {
		read, err := site.parse()
		if err != nil {
			return fmt.Errorf("mailer: site %s: %w", id, err)
		}
		sites[id] = read
	}
	o.Sites = sites
	for _, k := range o.DKIM {
		if err := k.check(); err != nil {
			return err
		}
	}
	return nil
}
