package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
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

// checking is what optin check is asked.
type checking struct {
	path, send, site string
	dns              bool
}

// check says what is wrong before it goes wrong: configuration, templates, store, relays, DNS. It sends nothing but the sample that -send asks
// for, and of what is kept changes nothing; an SQLite file that is not there is made, as serve would.
func check(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("check", flag.ContinueOnError)
	var c checking
	f.StringVar(&c.path, "config", "optin.yaml", "the configuration's `file`")
	f.StringVar(&c.send, "send", "", "send a sample letter to this `address`")
	f.StringVar(&c.site, "site", "", "the `id` of the site whose sample is sent; every site's if left out")
	f.BoolVar(&c.dns, "dns", true, "ask DNS about SPF, DKIM, DMARC, MX and PTR, and the relays about their certificates")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	cfg, pages, sites, err := siteConfig(c.path, c.site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	to, err := address.Parse(c.send)
	if err != nil && c.send != "" {
		fmt.Fprintln(stderr, "optin check: -send must be one bare address such as you@example.org")
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r := &findings{out: stdout}
	r.start(ctx, cfg, pages)
	if c.dns {
		r.preflight(preflight.Check(ctx, questions(cfg, net.DefaultResolver)))
	}
	if c.send != "" {
		r.send(ctx, cfg, sites, pages, to)
	}
	if r.wrong > 0 {
		return exitFailed
	}
	return exitOK
}

// start looks at everything that the program needs in order to start.
func (f *findings) start(ctx context.Context, cfg *config.Config, pages *templates.Set) {
	f.found("configuration", fmt.Sprintf("%d site(s)", len(cfg.Sites)), nil)
	f.found("templates", fmt.Sprintf("%d languages", len(pages.Languages())), nil)
	f.found("store", cfg.Store.String(), checkStore(ctx, cfg))
	for _, r := range cfg.SMTP.Relays {
		f.found("relay", r.HostPort(), checkRelay(ctx, cfg, r, pages))
	}
}

func checkStore(ctx context.Context, cfg *config.Config) error {
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer st.Close()
	err = st.Ready(ctx)
	if errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w\n       Look whether it runs, whether store names it, and whether a firewall is between.", err)
	}
	return err
}

// checkRelay asks one relay whether it would take letters.
func checkRelay(ctx context.Context, cfg *config.Config, address relay.Address, pages *templates.Set) error {
	only := *cfg
	only.SMTP.Relays = []relay.Address{address}
	m, err := quietMailer(&only, pages)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.Check(ctx); err != nil {
		return fmt.Errorf("%w\n       Look whether smtp.url names the relay, its port and a login that it takes, and whether a firewall is between.", err)
	}
	return nil
}

// quietMailer is one that is asked for no letter that is owed.
func quietMailer(cfg *config.Config, pages *templates.Set) (*mailer.Mailer, error) {
	return newMailer(cfg, &confirm.Service{}, pages, slog.New(slog.DiscardHandler), nil)
}

// send sends a sample of each site's letter.
func (f *findings) send(ctx context.Context, cfg *config.Config, sites []config.Site, pages *templates.Set, to address.Address) {
	m, err := quietMailer(cfg, pages)
	if err != nil {
		f.found("sample", "", err)
		return
	}
	defer m.Close()
	for _, s := range sites {
		f.found("sample", "of site "+s.ID+", handed to the relay; look whether it arrives, and where", m.Sample(ctx, s.ID, s.Locales[0], to))
	}
}

// findings prints what was looked at, one line each.
type findings struct {
	out   io.Writer
	wrong int
}

func (f *findings) found(what, detail string, err error) {
	if err != nil {
		f.wrong++
		fmt.Fprintf(f.out, "WRONG  %-14s %s\n       %v\n", what, detail, err)
		return
	}
	fmt.Fprintf(f.out, "ok     %-14s %s\n", what, detail)
}
