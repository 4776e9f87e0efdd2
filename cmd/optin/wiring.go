package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/redis"
	"github.com/optin/optin/store/sqlite"
	"github.com/optin/optin/templates"
)

// The functions of this file turn the configuration into the options of each package.

func openStore(ctx context.Context, c store.Location, log *slog.Logger) (store.Store, error) {
	return openStoreFor(ctx, c, storeOptions{log: log})
}

// storeOptions say how a store is opened.
type storeOptions struct {
	readOnly bool // then nothing is changed or created
	existing bool // then no file is created
	log      *slog.Logger
	watched  store.Observer
	known    time.Time        // how new the data was when an earlier process saw it; zero: that is not known
	accept   bool             // what is older, or lacks something, is taken from now on
	patience time.Duration    // how long a call may take; 0: as long as somebody waits for a page
	now      func() time.Time // of SQLite, whose clock is the process's; nil: time.Now
}

// openKnown opens the store of a configuration, which must not be older than an earlier process saw it.
func openKnown(ctx context.Context, cfg *config.Config, o storeOptions) (store.Store, error) {
	known, err := readKnown(cfg.KnownStore)
	if err != nil {
		return nil, err
	}
	o.known = known.Newest
	return openStoreFor(ctx, cfg.Store, o)
}

// openStoreFor opens a store.
func openStoreFor(ctx context.Context, c store.Location, o storeOptions) (store.Store, error) {
	var st store.Store
	var err error
	if c.Scheme == "sqlite" {
		st, err = sqlite.Open(ctx, sqlite.Options{
			Path: c.Path, Durability: c.Durability, ReadOnly: o.readOnly, Existing: o.existing, Log: o.log,
			Observer: o.watched, Deadline: o.patience, Now: o.now,
		})
	} else {
		st, err = redis.Open(ctx, redis.Options{
			Location: c, ReadOnly: o.readOnly, Log: o.log, Observer: o.watched, Budget: o.patience,
			Known: o.known, Accept: o.accept,
		})
	}
	if err != nil {
		return nil, err // not st: a nil pointer in an interface is not nil
	}
	return st, nil
}

func limits(of []config.Limit) (all []store.Limit) {
	for _, l := range of {
		all = append(all, store.Limit{N: l.N, Per: l.Per})
	}
	return all
}

func serviceSites(of []config.Site) (all []confirm.Site) {
	for _, c := range of {
		s := confirm.Site{
			ID: c.ID, Name: c.Name, URL: c.URL.String(), Locales: c.Locales,
			Controller: statement.Controller{
				Name: c.Controller.Name, Address: c.Controller.Address, Contact: c.Controller.Contact,
				Country: c.Controller.Country, DPO: c.Controller.DPO,
			},
			Notice: &statement.Notice{URL: c.Controller.PrivacyURL.String(), SHA256: c.Controller.PrivacySHA256},
			Terms: consent.Terms{
				TTL: c.LinkTTL, EmailsPerAddress: limits(c.Limits.EmailsPerAddress), RemindAfter: c.Reminder,
				Validity: consent.Validity{For: c.Validity.For, RenewBefore: c.Validity.RenewBefore},
			},
			EmailsPerSite: limits(c.Limits.EmailsPerSite), Forms: map[string]bool{},
		}
		for _, f := range c.Forms {
			s.Forms[f.ID] = true
		}
		for _, p := range c.Purposes {
			s.Purposes = append(s.Purposes, confirm.Purpose{
				ID: p.ID, Revision: p.Revision, Text: p.Text, TextChild: p.TextChild,
				Recipients: p.Recipients, Retention: p.Retention,
				Objective: p.Objective, Audience: p.Audience, Frequency: p.Frequency,
			})
		}
		for _, w := range c.Webhooks {
			s.EventQueues = append(s.EventQueues, webhook.Queue(c.ID, w.URL.String()))
		}
		all = append(all, s)
	}
	return all
}

func surgeSites(of []config.Site) map[string]surge.Site {
	challenges := map[config.ChallengePolicy]surge.ChallengePolicy{
		config.ChallengeOnSurge: surge.ChallengeOnSurge, config.ChallengeAlways: surge.ChallengeAlways,
		config.ChallengeNever: surge.ChallengeNever,
	}
	all := map[string]surge.Site{}
	for _, c := range of {
		all[c.ID] = surge.Site{Policy: challenges[c.Challenge.When], NormalSignups: c.Challenge.Normal}
	}
	return all
}

func templateSite(c config.Site) templates.Site {
	s := templates.Site{
		ID: c.ID, Name: c.Name, URL: c.URL.String(), Locales: c.Locales, TimeZone: c.TimeZone,
		Controller: templates.Controller{
			Name: c.Controller.Name, Address: c.Controller.Address, Contact: c.Controller.Contact,
			PrivacyURL: c.Controller.PrivacyURL.String(),
		},
		Wording: map[string]templates.Wording{}, ChildTexts: map[string]map[string]string{},
	}
	for locale, w := range c.Wording {
		s.Wording[locale] = templates.Wording(w)
	}
	for _, p := range c.Purposes {
		for locale, text := range p.TextChild {
			if s.ChildTexts[locale] == nil {
				s.ChildTexts[locale] = map[string]string{}
			}
			s.ChildTexts[locale][p.Text[locale]] = text
		}
	}
	if c.Theme != nil {
		looks := c.Theme.Email()
		s.Looks = &looks
	}
	return s
}

// ownLocales returns the translations that sites bring.
func ownLocales(of []config.Site) (all []templates.OwnLocale) {
	for _, c := range of {
		for _, locale := range slices.Sorted(maps.Keys(c.OwnLocales)) {
			own := c.OwnLocales[locale]
			all = append(all, templates.OwnLocale{Site: c.ID, File: own.File, Content: own.Content})
		}
	}
	return all
}

func webSites(of []config.Site) (map[string]web.Site, error) {
	all := map[string]web.Site{}
	for _, c := range of {
		s := web.Site{
			Show: templateSite(c), Locales: c.Locales, Origins: c.Origins, FrameAncestors: c.FrameAncestors,
			Redirects: c.Redirects, After: web.RedirectAfter(c.After), AfterPurpose: map[string]web.RedirectAfter{},
			Forms: map[string]web.Form{}, Theme: c.Theme, APIKeys: webAPIKeys(c.APIKeys), Limits: web.Limits{
				SignupsPerIP:      limits(c.Limits.SignupsPerIP),
				SignupsPerNetwork: limits(c.Limits.SignupsPerNetwork),
			},
		}
		for _, p := range c.Purposes {
			s.AfterPurpose[p.ID] = web.RedirectAfter(p.After)
		}
		for _, f := range c.Forms {
			form := web.Form{Strict: f.Strict}
			if f.URL != nil {
				form.URL = f.URL.String()
			}
			s.Forms[f.ID] = form
		}
		if k := c.Challenge.Captcha; k != nil {
			var err error
			s.Captcha, err = challenge.NewCaptcha(challenge.Kind(k.Kind),
				challenge.CaptchaOptions{SiteKey: k.SiteKey, Secret: string(k.Secret)})
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

// newMailer returns the mailer of a configuration, with what the options have beside it.
func newMailer(cfg *config.Config, o mailer.Options) (*mailer.Mailer, error) {
	o.Sites = map[string]mailer.Site{}
	for _, c := range cfg.Sites {
		o.Sites[c.ID] = mailer.Site{
			From: c.From, ReplyTo: c.ReplyTo, BounceDomain: c.BounceDomain, Show: templateSite(c),
			FromNames: c.FromNames,
		}
	}
	for _, d := range cfg.SMTP.DKIM {
		o.DKIM = append(o.DKIM, mailer.DKIM{Domain: d.Domain, Selector: d.Selector, Key: d.Key})
	}
	o.Relays, o.HELO = cfg.SMTP.Relays, heloName(cfg.PublicURL.Hostname())
	o.Connections, o.MaxConnections = cfg.SMTP.Connections, cfg.SMTP.MaxConnections
	var err error
	if o.Roots, err = relayRoots(cfg.SMTP.CA); err != nil {
		return nil, err
	}
	return mailer.New(o)
}

// relayRoots returns the authorities trusted to certify a relay: the system's and the configured ones; nil: the
// system's.
func relayRoots(more []*x509.Certificate) (*x509.CertPool, error) {
	if len(more) == 0 {
		return nil, nil
	}
	all, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("smtp.ca_file: the system's authorities cannot be read: %w", err)
	}
	for _, c := range more {
		all.AddCert(c)
	}
	return all, nil
}

// heloName returns the name by which we greet a relay: that of the public URL, if it is a domain name (RFC 5321,
// section 4.1.1.1). Otherwise it is empty, and the mailer greets with the address of the connection.
func heloName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return ""
	}
	return host
}
