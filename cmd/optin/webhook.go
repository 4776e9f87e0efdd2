package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/optin/optin/config"
	"github.com/optin/optin/confirm"
	"github.com/optin/optin/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
	"github.com/optin/optin/webhook"
)

const webhookUsage = `optin webhook tells websites what became of their subscriptions (Standard Webhooks 1.0.0).

  optin webhook listen -secret whsec_…         receives events on this machine, verifies them and prints them
  optin webhook test   -config optin.yaml -site gazette [-url URL]
                                               sends a sample event, signed as real ones are, and prints what came of it
  optin webhook parked -config optin.yaml [-site gazette]
                                               lists events that an endpoint was not told and, left alone, will not be
  optin webhook replay -config optin.yaml [-site gazette] -all | ID…
                                               makes parked events due now, and switches their endpoints on

optin webhook COMMAND -h explains a command's flags.
`

// webhooks are the subcommands of optin webhook.
func webhooks(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, webhookUsage)
		return exitUsage
	}
	switch name, rest := args[0], args[1:]; name {
	case "listen":
		return webhookListen(ctx, rest, env, stdout, stderr)
	case "test":
		return webhookTry(ctx, rest, env, stdout, stderr)
	case "parked":
		return webhookParked(ctx, rest, env, stdout, stderr)
	case "replay":
		return webhookReplay(ctx, rest, env, stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, webhookUsage)
		return exitOK
	default:
		fmt.Fprintf(stderr, "optin webhook: there is no command %q\n\n%s", name, webhookUsage)
		return exitUsage
	}
}

// webhookOpen opens the store of a configuration for a command, and finds the sites it is about. Without a desk, the command ends
// with the code; why is printed.
func webhookOpen(ctx context.Context, command, path, site string, env func(string) (string, bool), stderr io.Writer) (*confirm.Service, []config.Site, int) {
	cfg, sites, err := webhookConfig(path, site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitUsage
	}
	desk, err := webhookDesk(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin %s: %v\n", command, err)
		return nil, nil, exitFailed
	}
	return desk, sites, exitOK
}

// webhookFlags parses flags before and between arguments, which it returns. If ok is false, the command ends with the code.
func webhookFlags(f *flag.FlagSet, args []string, stderr io.Writer) (rest []string, code int, ok bool) {
	f.SetOutput(stderr)
	for len(args) > 0 {
		switch err := f.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, exitOK, false
		case err != nil:
			return nil, exitUsage, false
		}
		if args = f.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, exitOK, true
}

// webhookConfig reads a configuration, and the one site of it that is named; without a name, all.
func webhookConfig(path, site string, env func(string) (string, bool)) (*config.Config, []config.Site, error) {
	pages, err := templates.New()
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(path, env, pages.Languages()...)
	if err != nil {
		return nil, nil, err
	}
	if site == "" {
		return cfg, cfg.Sites, nil
	}
	for _, s := range cfg.Sites {
		if s.ID == site {
			return cfg, []config.Site{s}, nil
		}
	}
	return nil, nil, fmt.Errorf("the configuration has no site %q: -site takes one of its ids", site)
}

// webhookDesk opens the store and the rules on it. Nobody is woken: the running service looks every second.
func webhookDesk(ctx context.Context, cfg *config.Config) (*confirm.Service, error) {
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	desk, err := newDesk(cfg, st, ring, nil)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return desk, nil
}

// endpoint is a webhook of the configuration in the words of the package that calls it.
func endpoint(w config.Webhook) webhook.Endpoint {
	e := webhook.Endpoint{URL: w.URL.String(), Private: w.Private}
	for _, s := range w.Secrets {
		e.Secrets = append(e.Secrets, s)
	}
	for _, s := range w.Keys {
		e.Keys = append(e.Keys, ed25519.NewKeyFromSeed(s))
	}
	return e
}

// hosts are the hosts of the endpoints of some sites, by lane.
func hosts(sites []config.Site) map[store.Kind]string {
	all := map[store.Kind]string{}
	for _, s := range sites {
		for _, w := range s.Webhooks {
			all[webhook.Lane(s.ID, w.URL.String())] = w.URL.Host
		}
	}
	return all
}
