package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/preflight"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

const checkUsage = `optin check says what is wrong before it goes wrong: configuration, templates, store, relays, DNS.

  optin check -config optin.yaml [-send you@example.org] [-deep]

It sends only the sample that -send asks for, and changes nothing. It exits with 1 if something is wrong.
`

// checkFlags are the flags of optin check.
type checkFlags struct {
	send, site string
	dns, deep  bool
}

// checkFor is how long check may take for the store and the relays, and as long again for DNS and samples.
const checkFor = time.Minute

// check says what is wrong before it goes wrong: configuration, templates, store, relays, DNS. It sends only the sample
// that -send asks for, and changes nothing: the store is opened to read only.
func check(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := newFlags("check", checkUsage)
	var c checkFlags
	path := configFlag(f)
	f.StringVar(&c.send, "send", "", "send a sample email to this `address`")
	f.StringVar(&c.site, "site", "", "the `id` of the site whose sample is sent; every site's if left out")
	f.BoolVar(&c.dns, "dns", true,
		"ask DNS about SPF, DKIM, DMARC, MX and PTR, and relays and webhooks about their certificates")
	f.BoolVar(&c.deep, "deep", false,
		"read every record of the store, however long it takes, and name those that do not open")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	cfg, pages, sites, err := siteConfig(*path, c.site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	to, err := address.Parse(c.send)
	if err != nil && c.send != "" {
		fmt.Fprintln(stderr, "optin check: -send must be one bare address such as you@example.org")
		return exitUsage
	}
	r := &findings{out: stdout}
	r.checkStart(ctx, cfg, pages)
	if c.deep {
		r.checkRecords(ctx, cfg, progressOn(stderr))
	}
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	if c.dns {
		o, err := preflightOptions(cfg, net.DefaultResolver)
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
		r.addPreflight(preflight.Check(ctx, o))
		r.checkWebhooks(ctx, cfg.Sites)
	}
	if c.send != "" {
		r.sendSamples(ctx, cfg, sites, pages, to)
	}
	if r.wrong > 0 {
		return exitFailed
	}
	return exitOK
}

// findings prints what was checked, one line each.
type findings struct {
	out   io.Writer
	wrong int
}

// add prints one finding; it is wrong if err is not nil.
func (f *findings) add(what, detail string, err error) {
	if err != nil {
		f.wrong++
		fmt.Fprintf(f.out, "WRONG  %-14s %s\n       %v\n", what, detail, err)
		return
	}
	fmt.Fprintf(f.out, "ok     %-14s %s\n", what, detail)
}

// checkStart checks everything that the program needs to start.
func (f *findings) checkStart(ctx context.Context, cfg *config.Config, pages *templates.Set) {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	f.add("configuration", fmt.Sprintf("%d site(s)", len(cfg.Sites)), nil)
	f.add("templates", fmt.Sprintf("%d languages", len(pages.Languages())), nil)
	f.checkReviewed(cfg.Sites, pages)
	f.checkStatements(cfg.Sites)
	f.checkStore(ctx, cfg)
	if far := hostsInClear(ctx, cfg.Store); len(far) > 0 {
		f.warn("store", strings.Join(far, ", "), "Redis is reached without TLS over a network: its password "+
			"can be read on the way, and what is written can be changed.",
			"Let it speak TLS, and write rediss://, rediss+sentinel:// or rediss+cluster://.")
	}
	if cfg.Log.Path == "" {
		f.warn("consent log", "none", "If the store is lost, so is every consent, and nobody can show that "+
			"nothing was changed.", "Add log: {path: /var/lib/optin/log}.")
	}
	for _, r := range cfg.SMTP.Relays {
		f.add("relay", r.HostPort(), checkRelay(ctx, cfg, r, pages))
	}
}

// warn prints a finding that is no failure: what works, and could be better.
func (f *findings) warn(check, about, what, fix string) {
	fmt.Fprintf(f.out, "warn   %-14s %s\n       %s\n         %s\n", check, about, what, fix)
}

// hostsInClear returns the hosts of a store that are not this machine and are reached without TLS.
func hostsInClear(ctx context.Context, l store.Location) (far []string) {
	if l.TLS() {
		return nil
	}
	for _, at := range l.Hosts {
		host, _, _ := net.SplitHostPort(at)
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil || slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !ip.Unmap().IsLoopback() }) {
			far = append(far, at)
		}
	}
	return far
}

// checkWebhooks looks whether the endpoints of sites can be reached. It sends them nothing.
func (f *findings) checkWebhooks(ctx context.Context, sites []config.Site) {
	for _, s := range sites {
		for _, w := range s.Webhooks {
			sender, err := newSender(w)
			if err == nil {
				err = sender.Check(ctx)
				sender.Close()
			}
			if err != nil {
				err = fmt.Errorf("%w;\n       check the name in DNS, the certificate and the firewall; "+
					"an endpoint in a network of yours needs private: true", err)
			}
			f.add("webhook", w.URL.Host+" of site "+s.ID, err)
		}
	}
}

// checkRelay asks one relay whether it accepts our emails.
func checkRelay(ctx context.Context, cfg *config.Config, address relay.Address, pages *templates.Set) error {
	only := *cfg
	only.SMTP.Relays = []relay.Address{address}
	m, err := sampleMailer(&only, pages)
	if err != nil {
		return err
	}
	defer m.Close()
	switch err := m.Check(ctx); {
	case errors.Is(err, mailer.ErrCertificate):
		return fmt.Errorf("%w;\n       %s", err, certificateFix(address))
	case errors.Is(err, mailer.ErrRefusesUs):
		return fmt.Errorf("%w;\n       it is about the sender, the login or this machine, not about recipients: "+
			"ask those who run the relay what it needs", err)
	case err != nil:
		return fmt.Errorf("%w;\n       check that smtp.url has the right host, port and login, "+
			"and that no firewall is in between", err)
	}
	return nil
}

// certificateFix says what to do about a relay's certificate that was refused.
func certificateFix(a relay.Address) string {
	scheme := ""
	if a.TLS == relay.Implicit {
		scheme = ", and the port on which it takes emails in clear text"
	}
	return fmt.Sprintf("if your own authority certified the relay, or it did so itself, name that certificate in "+
		"smtp.ca_file (PEM);\n       "+
		"if it is on this machine or in a network of yours, smtp://%s?tls=off goes without TLS%s", a.HostPort(), scheme)
}

// sampleMailer returns a mailer that can check relays and send samples, but no emails of subscriptions.
func sampleMailer(cfg *config.Config, pages *templates.Set) (*mailer.Mailer, error) {
	return newMailer(cfg, mailer.Options{
		Service: &confirm.Service{}, Pages: pages, Log: slog.New(slog.DiscardHandler),
	})
}

// sendSamples sends a sample of each site's email.
func (f *findings) sendSamples(ctx context.Context, cfg *config.Config, sites []config.Site, pages *templates.Set,
	to address.Address) {
	m, err := sampleMailer(cfg, pages)
	if err != nil {
		f.add("sample", "", err)
		return
	}
	defer m.Close()
	for _, s := range sites {
		f.add("sample", "of site "+s.ID+", accepted by the relay; look whether it arrives, and in which folder",
			m.Sample(ctx, s.ID, s.Locales[0], to))
	}
}

// preflightOptions returns what DNS and the relays are asked about a configuration.
func preflightOptions(cfg *config.Config, resolver *net.Resolver) (preflight.Options, error) {
	o := preflight.Options{Resolver: resolver, Relays: cfg.SMTP.Relays, Public: cfg.PublicURL.Hostname()}
	var err error
	if o.Roots, err = relayRoots(cfg.SMTP.CA); err != nil {
		return o, err
	}
	for _, s := range cfg.Sites {
		sender := preflight.Sender{Domain: domainOf(s.From.Address), Bounce: s.BounceDomain}
		if s.ReplyTo != nil {
			sender.Reply = domainOf(s.ReplyTo.Address)
		}
		same := func(o preflight.Sender) bool {
			return o.Domain == sender.Domain && o.Bounce == sender.Bounce && o.Reply == sender.Reply
		}
		i := slices.IndexFunc(o.Senders, same)
		if i < 0 {
			i, o.Senders = len(o.Senders), append(o.Senders, sender)
		}
		o.Senders[i].Sites = append(o.Senders[i].Sites, s.ID)
	}
	for _, d := range cfg.SMTP.DKIM {
		o.Keys = append(o.Keys, preflight.DKIMKey{Domain: d.Domain, Selector: d.Selector, Public: d.Key.Public()})
	}
	return o, nil
}

// domainOf returns the domain of an e-mail address, lower-case.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// levelTexts are the levels of preflight as the lines of findings print them.
func levelTexts() map[preflight.Level]string {
	return map[preflight.Level]string{
		preflight.OK: "ok", preflight.Warn: "warn", preflight.Wrong: "WRONG", preflight.Unknown: "?",
	}
}

// addPreflight prints what DNS and the relays answered, and how to fix it. A question without an answer is not a
// failure.
func (f *findings) addPreflight(all []preflight.Finding) {
	for _, x := range all {
		if x.Level == preflight.Wrong {
			f.wrong++
		}
		fmt.Fprintf(f.out, "%-6s %-14s %s\n       %s\n", levelTexts()[x.Level], x.Check, x.About, x.What)
		for _, line := range x.Fix {
			fmt.Fprintf(f.out, "         %s\n", line)
		}
	}
}
