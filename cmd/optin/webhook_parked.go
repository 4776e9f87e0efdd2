package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
)

// webhookParked lists what is parked, one line for each event. It names nobody.
func webhookParked(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook parked", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	site := f.String("site", "", "the `id` of the one site to look at; all if left out")
	rest, code, ok := mixedFlags(f, args, stderr)
	if !ok {
		return code
	}
	if len(rest) > 0 {
		fmt.Fprintf(stderr, "optin webhook parked: %q is not understood; -h shows what is\n", rest[0])
		return exitUsage
	}
	desk, sites, code := webhookOpen(ctx, f.Name(), *path, *site, env, stderr)
	if desk == nil {
		return code
	}
	defer desk.Store.Close()
	hooks, err := newEndpoints(desk)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook parked:", err)
		return exitFailed
	}
	n, err := printParked(ctx, hooks, sites, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook parked:", err)
		return exitFailed
	}
	if n == 0 {
		fmt.Fprintln(stdout, "Nothing is parked.")
	}
	return exitOK
}

// printParked prints a table as it reads: a listing may be long.
func printParked(ctx context.Context, hooks *webhook.Endpoints, sites []config.Site, w io.Writer) (n int, err error) {
	host := hosts(sites)
	for _, s := range sites {
		for next, more := "", true; more; more = next != "" {
			var page []webhook.FailedDelivery
			if page, next, err = hooks.Failed(ctx, s.ID, next, 100); err != nil {
				return n, err
			}
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for _, p := range page {
				if n++; n == 1 {
					fmt.Fprintln(t, "ID\tTYPE\tAGE\tHOST\tLANE")
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.ID, cmp.Or(string(p.Type), "(does not open)"), age(p.At), host[p.Queue], p.Queue)
			}
			if err := t.Flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// age is how long ago an event happened, in days from the second on.
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
