package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

// What the configuration says, in the words of each package.

func openStore(ctx context.Context, c config.Store, log *slog.Logger) (store.Store, error) {
	var st store.Store
	var err error
	if c.Scheme == "sqlite" {
		st, err = sqlite.Open(ctx, sqlite.Options{Path: c.Path, Durability: sqlite.Durability(c.Durability)})
	} else {
		st, err = redis.Open(ctx, redis.Options{URL: c.URL(), Log: log})
	}
	if err != nil {
		return nil, err // and no store: a nil pointer in an interface would pass for one
	}
	return st, nil
}

func limits(of []config.Limit) (all []store.Limit) {
	for _, l := range of {
		all = append(all, store.Limit(l))
	}
	return all
}

func ruleSites(of []config.Site) (all []confirm.Site) {
	for _, c := range of {
		s := confirm.Site{ID: c.ID, Locales: c.Locales, Terms: consent.Terms{
			TTL: c.LinkTTL, EmailsPerAddress: limits(c.Limits.EmailsPerAddress), EmailsPerSite: limits(c.Limits.EmailsPerSite),
			RemindAfter: c.Reminder,
		}, Challenge: challenges()[c.Challenge.When], NormalSignups: c.Challenge.Normal}
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

// challenges are the configuration's words for when a signup must come with a proof.
func challenges() map[config.When]confirm.Challenge {
	return map[config.When]confirm.Challenge{
		config.WhenBusy: confirm.ChallengeInSurge, config.WhenAlways: confirm.ChallengeAlways, config.WhenNever: confirm.ChallengeNever,
	}
}

func shownSite(c config.Site) templates.Site {
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
		s := web.Site{Show: shownSite(c), Locales: c.Locales, Origins: c.Origins, FrameAncestors: c.FrameAncestors, Theme: c.Theme,
			After: pagesAfter(c.After), AfterPurpose: map[string]web.After{}, APIKeys: apiKeys(c.APIKeys),
			Limits: web.Limits{SignupsPerIP: limits(c.Limits.SignupsPerIP), SignupsPerNetwork: limits(c.Limits.SignupsPerNetwork)}}
		for _, r := range c.Redirects {
			s.Redirects = append(s.Redirects, r.String())
		}
		for _, p := range c.Purposes {
			s.AfterPurpose[p.ID] = pagesAfter(p.After)
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

func apiKeys(of []config.APIKey) (all []web.APIKey) {
	for _, k := range of {
		all = append(all, web.APIKey{Sum: k.Sum, Scope: scope(k)})
	}
	return all
}

func pagesAfter(c config.After) web.After {
	text := func(u *url.URL) string {
		if u == nil {
			return ""
		}
		return u.String()
	}
	return web.After{Signup: text(c.Signup), Confirm: text(c.Confirm), Withdraw: text(c.Withdraw)}
}

func scope(k config.APIKey) (s web.Scope) {
	if k.Read {
		s |= web.ScopeRead
	}
	if k.Write {
		s |= web.ScopeWrite
	}
	return s
}

func mailSites(of []config.Site) map[string]mailer.Site {
	all := map[string]mailer.Site{}
	for _, c := range of {
		all[c.ID] = mailer.Site{From: c.From, ReplyTo: c.ReplyTo, BounceDomain: c.BounceDomain, Show: shownSite(c)}
	}
	return all
}

func dkimKeys(of []config.DKIM) (all []mailer.DKIM) {
	for _, d := range of {
		all = append(all, mailer.DKIM{Domain: d.Domain, Selector: d.Selector, Key: d.Key})
	}
	return all
}

// relayAddresses are those of the relays, each host:port.
func relayAddresses(of []relay.Address) (all []string) {
	for _, r := range of {
		all = append(all, r.HostPort())
	}
	return all
}

// newMailer makes the mailer; alarm is told of relays that are paused, and may be nil.
func newMailer(cfg *config.Config, desk *confirm.Service, pages *templates.Set, log *slog.Logger, alarm func(relay string, paused bool)) (*mailer.Mailer, error) {
	var relays []*url.URL
	for _, r := range cfg.SMTP.Relays {
		relays = append(relays, relayURL(r))
	}
	return mailer.New(mailer.Options{
		Service: desk, Pages: pages, Sites: mailSites(cfg.Sites), Relays: relays, Connections: cfg.SMTP.Connections, DKIM: dkimKeys(cfg.SMTP.DKIM),
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

// heloName is how we greet a relay: by our public name, if it is one (RFC 5321 4.1.1.1); else the mailer gives the address.
func heloName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return ""
	}
	return host
}
