package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

// The functions of this file turn the configuration into the options of each package.

func openStore(ctx context.Context, c config.Store, log *slog.Logger) (store.Store, error) {
	var st store.Store
	var err error
	if c.Scheme == "sqlite" {
		st, err = sqlite.Open(ctx, sqlite.Options{Path: c.Path, Durability: sqlite.Durability(c.Durability)})
	} else {
		st, err = redis.Open(ctx, redis.Options{URL: c.URL(), Log: log})
	}
	if err != nil {
		return nil, err // not st: a nil pointer in an interface is not nil
	}
	return st, nil
}

// newService returns the service on a store. enqueued may be nil.
func newService(cfg *config.Config, st store.Store, ring *keyring.Keyring, enqueued func(store.QueueName)) (*confirm.Service, error) {
	return confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: cfg.PublicURL.String(), Sites: serviceSites(cfg.Sites),
		EmailsPerMailbox: limits(cfg.Limits.EmailsPerAddress), Emails: limits(cfg.Limits.Emails), Enqueued: enqueued,
	})
}

// openService opens the store and returns the service on it, for a command beside a running service. It wakes no
// worker: the running service looks for due jobs every second.
func openService(ctx context.Context, cfg *config.Config) (*confirm.Service, error) {
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	service, err := newService(cfg, st, ring, nil)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return service, nil
}

func limits(of []config.Limit) (all []store.Limit) {
	for _, l := range of {
		all = append(all, store.Limit(l))
	}
	return all
}

func serviceSites(of []config.Site) (all []confirm.Site) {
	for _, c := range of {
		s := confirm.Site{ID: c.ID, Locales: c.Locales, Terms: consent.Terms{
			TTL: c.LinkTTL, EmailsPerAddress: limits(c.Limits.EmailsPerAddress), EmailsPerSite: limits(c.Limits.EmailsPerSite),
			RemindAfter: c.Reminder,
		}, Challenge: challengeOf(c.Challenge.When), NormalSignups: c.Challenge.Normal}
		for _, p := range c.Purposes {
			s.Purposes = append(s.Purposes, confirm.Purpose{ID: p.ID, Text: p.Text})
		}
		for _, w := range c.Webhooks {
			s.EventQueues = append(s.EventQueues, webhook.Queue(c.ID, w.URL.String()))
		}
		all = append(all, s)
	}
	return all
}

func challengeOf(when config.When) confirm.Challenge {
	return map[config.When]confirm.Challenge{
		config.WhenBusy: confirm.ChallengeInSurge, config.WhenAlways: confirm.ChallengeAlways, config.WhenNever: confirm.ChallengeNever,
	}[when]
}

func templateSite(c config.Site) templates.Site {
	s := templates.Site{ID: c.ID, Name: c.Name, URL: c.URL.String(), Controller: templates.Controller{
		Name: c.Controller.Name, Address: c.Controller.Address, Contact: c.Controller.Contact,
	}}
	if c.Controller.PrivacyURL != nil {
		s.Controller.PrivacyURL = c.Controller.PrivacyURL.String()
	}
	return s
}

func webSites(of []config.Site) (map[string]web.Site, error) {
	all := map[string]web.Site{}
	for _, c := range of {
		s := web.Site{Show: templateSite(c), Locales: c.Locales, Origins: c.Origins, FrameAncestors: c.FrameAncestors, Theme: c.Theme,
			After: webAfter(c.After), AfterPurpose: map[string]web.After{}, APIKeys: webAPIKeys(c.APIKeys),
			Limits: web.Limits{SignupsPerIP: limits(c.Limits.SignupsPerIP), SignupsPerNetwork: limits(c.Limits.SignupsPerNetwork)}}
		for _, r := range c.Redirects {
			s.Redirects = append(s.Redirects, r.String())
		}
		for _, p := range c.Purposes {
			s.AfterPurpose[p.ID] = webAfter(p.After)
		}
		if k := c.Challenge.Captcha; k != nil {
			var err error
			s.Captcha, err = challenge.NewCaptcha(challenge.Kind(k.Kind), challenge.CaptchaOptions{SiteKey: k.SiteKey, Secret: string(k.Secret)})
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", c.ID, err)
			}
		}
		all[c.ID] = s
	}
	return all, nil
}

func webAPIKeys(of []config.APIKey) (all []web.APIKey) {
	for _, k := range of {
		var scope web.Scope
		if k.Read {
			scope |= web.ScopeRead
		}
		if k.Write {
			scope |= web.ScopeWrite
		}
		all = append(all, web.APIKey{Sum: k.Sum, Scope: scope})
	}
	return all
}

func webAfter(c config.After) web.After {
	text := func(u *url.URL) string {
		if u == nil {
			return ""
		}
		return u.String()
	}
	return web.After{Signup: text(c.Signup), Confirm: text(c.Confirm), Withdraw: text(c.Withdraw)}
}

// newMailer returns the mailer. alarm is called when a relay is paused or used again; it may be nil.
func newMailer(cfg *config.Config, service *confirm.Service, pages *templates.Set, log *slog.Logger, alarm func(relay string, paused bool)) (*mailer.Mailer, error) {
	sites := map[string]mailer.Site{}
	for _, c := range cfg.Sites {
		sites[c.ID] = mailer.Site{From: c.From, ReplyTo: c.ReplyTo, BounceDomain: c.BounceDomain, Show: templateSite(c)}
	}
	var relays []*url.URL
	for _, r := range cfg.SMTP.Relays {
		relays = append(relays, relayURL(r))
	}
	var keys []mailer.DKIM
	for _, d := range cfg.SMTP.DKIM {
		keys = append(keys, mailer.DKIM{Domain: d.Domain, Selector: d.Selector, Key: d.Key})
	}
	return mailer.New(mailer.Options{
		Service: service, Pages: pages, Sites: sites, Relays: relays, Connections: cfg.SMTP.Connections, DKIM: keys,
		HELO: heloName(cfg.PublicURL.Hostname()), Alarm: alarm, Log: log,
	})
}

// relayURL is the form in which the mailer takes a relay.
func relayURL(a relay.Address) *url.URL {
	u := &url.URL{Scheme: "smtp", Host: a.HostPort()}
	switch a.TLS {
	case relay.Implicit:
		u.Scheme = "smtps"
	case relay.Required, relay.Off:
		u.RawQuery = "tls=" + string(a.TLS)
	}
	if a.User != "" {
		u.User = url.UserPassword(a.User, a.Password)
	}
	return u
}

// heloName returns the name by which we greet a relay: that of the public URL, if it is a domain name (RFC 5321,
// section 4.1.1.1). Otherwise it is empty, and the mailer greets with the address of the connection.
func heloName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return ""
	}
	return host
}

// emailWaits are the waits before the second attempt at an email, the third, …; the last one repeats until the email's
// link would expire on arrival. RFC 5321, section 4.5.4.1, asks for 30 minutes between attempts; greylisting relays
// accept an email after a few.
var emailWaits = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// storeWaits are the waits of an expiry, or of a webhook's event, that failed because the store was unavailable. The
// retries of calls to an endpoint have a schedule of their own.
var storeWaits = []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}

// newOutbox returns the workers of all queues.
func (p *program) newOutbox(cfg *config.Config, service *confirm.Service, pages *templates.Set, st store.Store, leaseFor time.Duration) (*outbox.Outbox, error) {
	m, err := newMailer(cfg, service, pages, p.log, func(relay string, paused bool) {
		p.metrics.Relay(relay, paused)
		p.relays.Alarm(relay, paused)
	})
	if err != nil {
		return nil, err
	}
	p.onStop(func(context.Context) { p.warn("close connections to the relay", m.Close()) })
	expire := func(ctx context.Context, job store.Job) (bool, error) {
		err := service.Expire(ctx, job)
		return err == nil, err
	}
	pools := append(emailPools(m, cfg.SMTP.Connections), outbox.Pool{
		Queues: []store.QueueName{confirm.QueueExpire}, Run: expire, Timeout: 30 * time.Second, Waits: storeWaits, RepeatLast: true,
	})
	callers, err := newCallers(cfg, service, p.log)
	if err != nil {
		return nil, err
	}
	for queue, c := range callers {
		pools = append(pools, outbox.Pool{
			Queues: []store.QueueName{queue}, Run: c.Run, Workers: 2, Timeout: time.Minute, Waits: storeWaits, RepeatLast: true, Probe: webhook.ProbeEvery,
		})
	}
	return outbox.New(outbox.Options{Store: st, Pools: pools, Log: p.log, LeaseFor: leaseFor, Observe: func(queue store.QueueName, outcome string, d time.Duration) {
		p.metrics.Try(queueLabel(queue), outcome, d)
	}})
}

// emailPools returns the pools that share the connections to a relay. First attempts have most of them, and at least
// one; retries have the rest. The emails to one domain share a queue and have at most half of the first, as in the
// mailer. With only one connection, an email that stalls delays all others.
func emailPools(m *mailer.Mailer, connections int) []outbox.Pool {
	first := outbox.Pool{
		Queues: confirm.EmailQueues(), Run: m.Run, Timeout: mailer.MaxDuration, Waits: emailWaits, RepeatLast: true, RetryQueue: confirm.QueueEmailRetry, Paused: m.PausedFor,
	}
	retries := first
	retries.Queues, retries.RetryQueue = []store.QueueName{confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent}, ""
	if connections == 1 {
		first.Queues = slices.Concat(first.Queues, retries.Queues)
		return []outbox.Pool{first}
	}
	retries.Workers = max(1, connections/4)
	first.Workers = connections - retries.Workers
	first.PerQueue = max(1, connections/2)
	return []outbox.Pool{first, retries}
}

// queueLabel returns the name of a queue in metrics. The queues of first attempts, one per group of recipients'
// domains, are one.
func queueLabel(queue store.QueueName) string {
	if slices.Contains(confirm.EmailQueues(), queue) {
		return "email"
	}
	return string(queue)
}

// newCallers returns the caller of each endpoint, by its queue.
func newCallers(cfg *config.Config, service *confirm.Service, log *slog.Logger) (map[store.QueueName]*webhook.Caller, error) {
	all := map[store.QueueName]*webhook.Caller{}
	for _, s := range cfg.Sites {
		for _, w := range s.Webhooks {
			c, err := webhook.New(webhook.Options{
				Events: service, Log: log, UserAgent: "optin/" + versionText(), Endpoint: webhookEndpoint(w), Switch: service,
			})
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", s.ID, err)
			}
			all[webhook.Queue(s.ID, w.URL.String())] = c
		}
	}
	return all, nil
}
