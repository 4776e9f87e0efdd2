package main

import (
	"context"
	"crypto/ed25519"
	"io"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

const webhookUsage = `optin webhook is for the endpoints that websites receive events at (Standard Webhooks 1.0.0).

  optin webhook listen -secret whsec_…
      receives events on this machine, verifies them and prints them
  optin webhook test -config optin.yaml -site gazette [-url URL]
      sends a sample event, signed as real events are, and prints the outcome
  optin webhook failed -config optin.yaml [-site gazette]
      lists events that no endpoint took, as optin failed does
  optin webhook retry -config optin.yaml [-site gazette] -all|ID…
      sends them again, as optin retry does

optin webhook COMMAND -h explains a command's flags.
`

// webhooks runs the subcommands of optin webhook.
func webhooks(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	switch name, rest := firstOf(args); name {
	case "listen":
		return webhookListen(ctx, rest, env, stdout, stderr)
	case "test":
		return webhookTest(ctx, rest, env, stdout, stderr)
	case "failed":
		return webhookFailed(ctx, rest, env, stdout, stderr)
	case "retry":
		return webhookRetry(ctx, rest, env, stdout, stderr)
	default:
		return noCommand("optin webhook", name, webhookUsage, stdout, stderr)
	}
}

// webhookEndpoint converts a webhook of the configuration.
func webhookEndpoint(w config.Webhook) webhook.Endpoint {
	e := webhook.Endpoint{URL: w.URL, Private: w.Private}
	for _, s := range w.Secrets {
		e.Secrets = append(e.Secrets, s)
	}
	for _, s := range w.Keys {
		e.Keys = append(e.Keys, ed25519.NewKeyFromSeed(s))
	}
	return e
}

// webhookHosts returns the hosts of the endpoints of some sites, by queue.
func webhookHosts(sites []config.Site) map[store.QueueName]string {
	all := map[store.QueueName]string{}
	for _, s := range sites {
		for _, w := range s.Webhooks {
			all[webhook.Queue(s.ID, w.URL.String())] = w.URL.Host
		}
	}
	return all
}
