package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
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
	cfg, _, sites, err := siteConfig(path, site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitUsage
	}
	desk, err := openDesk(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin %s: %v\n", command, err)
		return nil, nil, exitFailed
	}
	return desk, sites, exitOK
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
func hosts(sites []config.Site) map[store.QueueName]string {
	all := map[store.QueueName]string{}
	for _, s := range sites {
		for _, w := range s.Webhooks {
			all[webhook.Queue(s.ID, w.URL.String())] = w.URL.Host
		}
	}
	return all
}
