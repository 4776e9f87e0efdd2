package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// webhookTry is optin webhook test: it sends a sample event that says nothing about anybody, signed as real ones are, to the
// endpoints of a site, and prints what came of it. It needs no store.
func webhookTry(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook test", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	site := f.String("site", "", "the `id` of the site; may be left out where there is one")
	url := f.String("url", "", "the `URL` of the one endpoint of the site to call, as the configuration has it; all if left out")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	_, _, sites, err := siteConfig(*path, *site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if len(sites) > 1 {
		fmt.Fprintln(stderr, "optin webhook test: there are several sites; name one with -site")
		return exitUsage
	}
	called, failed := 0, 0
	for _, w := range sites[0].Webhooks {
		if *url != "" && w.URL.String() != *url {
			continue
		}
		called++
		if err := sample(ctx, sites[0].ID, w, stdout); err != nil {
			failed++
			fmt.Fprintln(stdout, "FAILED ", err)
		}
	}
	switch {
	case called == 0:
		fmt.Fprintf(stderr, "optin webhook test: site %s has no such webhook in the configuration\n", sites[0].ID)
		return exitUsage
	case failed > 0:
		return exitFailed
	}
	return exitOK
}

// sample calls one endpoint once.
func sample(ctx context.Context, site string, w config.Webhook, stdout io.Writer) error {
	c, err := webhook.New(webhook.Options{
		Events: samples{}, Log: slog.New(slog.DiscardHandler), UserAgent: "optin/" + versionText(), Endpoint: endpoint(w),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	now := time.Now().UTC().Truncate(time.Millisecond)
	told := confirm.Event{ID: "test_" + rand.Text(), Type: webhook.EventTest, At: now, Data: consent.Status{
		ID: "test", Site: site, CreatedAt: now, Purposes: []consent.PurposeStatus{},
	}}
	a, err := c.Send(ctx, told)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ok      webhook: %s answered %d to event %s within %v\n", w.URL.Host, a.Status, told.ID, a.Took.Round(time.Millisecond))
	return nil
}

// samples has no entries to open: a sample is told as it is.
type samples struct{}

func (samples) Event(context.Context, store.Job) (confirm.Event, error) {
	return confirm.Event{}, errors.New("a sample is no entry")
}
