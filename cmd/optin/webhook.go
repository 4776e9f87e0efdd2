package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"io"
	"math"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

const webhookUsage = `optin webhook is for the endpoints that websites receive events at (Standard Webhooks 1.0.0).

  optin webhook listen -secret whsec_…         receives events on this machine, verifies them and prints them
  optin webhook test   -config optin.yaml -site gazette [-url URL]
                                               sends a sample event, signed as real events are, and prints the outcome
  optin webhook failed -config optin.yaml [-site gazette]
                                               lists events that were not delivered and are not tried again
  optin webhook retry  -config optin.yaml [-site gazette] -all | ID…
                                               makes failed events due now, and enables their endpoints again

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

// webhookFailed lists failed events, one line each. It prints nobody's address.
func webhookFailed(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook failed", flag.ContinueOnError)
	path := configFlag(f)
	site := f.String("site", "", "the `id` of the site; all if left out")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	c, sites, code := openForWebhooks(ctx, f.Name(), *path, *site, env, stderr)
	if c == nil {
		return code
	}
	defer c.store.Close()
	n, err := printFailed(ctx, c.endpoints, sites, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook failed:", err)
		return exitFailed
	}
	if n == 0 {
		fmt.Fprintln(stdout, "No event has failed.")
	}
	return exitOK
}

// printFailed prints a table page by page: a listing may be long. n is the number of events.
func printFailed(ctx context.Context, endpoints *webhook.Endpoints, sites []config.Site, w io.Writer) (n int,
	err error) {
	host := webhookHosts(sites)
	for _, s := range sites {
		for next, more := "", true; more; more = next != "" {
			var page []webhook.FailedDelivery
			if page, next, err = endpoints.Failed(ctx, s.ID, next, 100); err != nil {
				return n, err
			}
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for _, p := range page {
				if n++; n == 1 {
					fmt.Fprintln(t, "ID\tTYPE\tAGE\tHOST\tQUEUE")
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.ID, cmp.Or(string(p.Type), "(cannot be decrypted)"), age(p.At),
					host[p.Queue], p.Queue)
			}
			if err := t.Flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// age returns how long ago an event happened, in days if that is two or more.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := time.Since(at)
	if d >= 48*time.Hour {
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
	return d.Truncate(time.Minute).String()
}

// webhookRetry makes failed events due now: those of the given ids, or all.
func webhookRetry(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook retry", flag.ContinueOnError)
	path := configFlag(f)
	site := f.String("site", "", "the `id` of the site; all if left out")
	all := f.Bool("all", false, "retry all failed events")
	ids, flags := splitIDs(args)
	others, code, ok := mixedFlags(f, flags, stderr)
	if !ok {
		return code
	}
	ids = append(ids, others...)
	if *all == (len(ids) > 0) {
		fmt.Fprintln(stderr, "optin webhook retry: say which: ids as optin webhook failed prints them, or -all")
		return exitUsage
	}
	c, sites, code := openForWebhooks(ctx, f.Name(), *path, *site, env, stderr)
	if c == nil {
		return code
	}
	defer c.store.Close()
	n, unknown, err := retryEvents(ctx, c.endpoints, sites, ids)
	fmt.Fprintf(stdout, "%d enqueued again. The running service sends them within a second or two.\n", n)
	for _, id := range unknown {
		fmt.Fprintf(stderr, "optin webhook retry: no failed event has the id %q\n", id)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook retry:", err)
	}
	if err != nil || len(unknown) > 0 {
		return exitFailed
	}
	return exitOK
}

// retryEvents retries the events of some ids, or all failed events if there are no ids. unknown are the ids that are
// not of a failed event of any site.
func retryEvents(ctx context.Context, endpoints *webhook.Endpoints, sites []config.Site, ids []string) (n int,
	unknown []string, err error) {
	all := len(ids) == 0
	for _, s := range sites {
		if all {
			m, _, err := endpoints.RetryAll(ctx, s.ID, math.MaxInt)
			if n += m; err != nil {
				return n, nil, err
			}
			continue
		}
		left, err := endpoints.Retry(ctx, s.ID, ids)
		if err != nil {
			return n, nil, err
		}
		n, ids = n+len(ids)-len(left), left
	}
	return n, ids, nil
}

// jobID is the form of a failed event's id. One in 64 begins with a hyphen, as flags do.
var jobID = regexp.MustCompile(`^[A-Za-z0-9_-]{22}-[0-9]+$`)

// splitIDs separates ids from flags.
func splitIDs(args []string) (ids, flags []string) {
	for _, a := range args {
		if jobID.MatchString(a) {
			ids = append(ids, a)
		} else {
			flags = append(flags, a)
		}
	}
	return ids, flags
}

// openForWebhooks opens the store of a configuration for a command, and returns the sites that the command is about. If
// the core is nil, the command ends with the code, and the reason is printed.
func openForWebhooks(ctx context.Context, command, path, site string, env func(string) (string, bool),
	stderr io.Writer) (*core, []config.Site, int) {
	cfg, _, sites, err := siteConfig(path, site, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitUsage
	}
	c, err := openCore(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin %s: %v\n", command, err)
		return nil, nil, exitFailed
	}
	return c, sites, exitOK
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
