package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// webhookTest sends a sample event that is about nobody, signed as real events are, to the endpoints of a site, and
// prints the outcome. It needs no store.
func webhookTest(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := newFlags("webhook test", webhookUsage)
	path := configFlag(f)
	site := f.String("site", "", "the `id` of the site; may be left out if there is one")
	types := f.String("type", string(webhook.EventTest), "the `type` of the event, such as subscription.confirmed; "+
		"all: one of each")
	url := f.String("url", "", "the `URL` of the one endpoint to call, as in the configuration; all of the site "+
		"if left out")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	cfg, _, sites, err := siteConfig(*path, *site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if len(sites) > 1 {
		fmt.Fprintln(stderr, "optin webhook test: there are several sites; name one with -site")
		return exitUsage
	}
	samples := sampleEvents(cfg, sites[0], *types)
	if len(samples) == 0 {
		fmt.Fprintf(stderr, "optin webhook test: there is no event %q; -type takes all, or one of %v\n", *types,
			webhook.SampleTypes())
		return exitUsage
	}
	called, failed := 0, 0
	for _, w := range sites[0].Webhooks {
		if *url != "" && w.URL.String() != *url {
			continue
		}
		called++
		for _, event := range samples {
			if err := sendSampleEvent(ctx, event, w, stdout); err != nil {
				failed++
				fmt.Fprintln(stdout, "FAILED ", err)
			}
		}
	}
	switch {
	case called == 0:
		fmt.Fprintf(stderr, "optin webhook test: site %s has no such endpoint; the configuration lists them under "+
			"webhooks, and -url takes one as it stands there\n", sites[0].ID)
		return exitUsage
	case failed > 0:
		return exitFailed
	}
	return exitOK
}

// sampleEvents returns the sample of a type of event at a site, or of all if that is "all"; none for an unknown type.
func sampleEvents(cfg *config.Config, site config.Site, types string) (all []confirm.Event) {
	for _, t := range webhook.SampleTypes() {
		if types == "all" || types == string(t) {
			all = append(all, webhook.Sample(serviceSites([]config.Site{site})[0], cfg.PublicURL, t, time.Now()))
		}
	}
	return all
}

// newSender returns what calls an endpoint without a store.
func newSender(w config.Webhook) (*webhook.Sender, error) {
	return webhook.New(webhook.Options{
		Events: noEvents{}, Log: slog.New(slog.DiscardHandler), UserAgent: "optin/" + versionText(),
		Endpoint: webhookEndpoint(w),
	})
}

// sendSampleEvent calls one endpoint once.
func sendSampleEvent(ctx context.Context, event confirm.Event, w config.Webhook, stdout io.Writer) error {
	c, err := newSender(w)
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := c.Send(ctx, event)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ok      webhook: %s answered %d to event %s (%s) within %v\n", w.URL.Host, a.Status, event.ID,
		event.Type, a.Took.Round(time.Millisecond))
	return nil
}

// noEvents has no events in a store: the sample is sent as it is.
type noEvents struct{}

func (noEvents) Event(context.Context, store.Job) (confirm.Event, error) {
	return confirm.Event{}, errors.New("a sample is not in a store")
}

func (noEvents) Notified(context.Context, store.Job, confirm.Event, string) error {
	return errors.New("a sample is not in a store")
}
