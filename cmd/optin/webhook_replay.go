package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"regexp"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/webhook"
)

// webhookReplay makes parked events due now: those of the given ids, or all.
func webhookReplay(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("webhook replay", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	site := f.String("site", "", "the `id` of the one site to look at; all if left out")
	all := f.Bool("all", false, "everything that is parked")
	ids, flags := splitIDs(args)
	others, code, ok := mixedFlags(f, flags, stderr)
	if !ok {
		return code
	}
	ids = append(ids, others...)
	if *all == (len(ids) > 0) {
		fmt.Fprintln(stderr, "optin webhook replay: say which: ids as optin webhook parked prints them, or -all")
		return exitUsage
	}
	desk, sites, code := webhookOpen(ctx, f.Name(), *path, *site, env, stderr)
	if desk == nil {
		return code
	}
	defer desk.Store.Close()
	hooks, err := newEndpoints(desk)
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook replay:", err)
		return exitFailed
	}
	n, unknown, err := replay(ctx, hooks, sites, ids)
	fmt.Fprintf(stdout, "%d replayed. The running service calls them within a second or two.\n", n)
	for _, id := range unknown {
		fmt.Fprintf(stderr, "optin webhook replay: nothing is parked as %q\n", id)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin webhook replay:", err)
	}
	if err != nil || len(unknown) > 0 {
		return exitFailed
	}
	return exitOK
}

// replay replays ids, or everything if there are none. Unknown are the ids of which no site has anything parked.
func replay(ctx context.Context, hooks *webhook.Endpoints, sites []config.Site, ids []string) (n int, unknown []string, err error) {
	all := len(ids) == 0
	for _, s := range sites {
		if all {
			m, _, err := hooks.RetryAll(ctx, s.ID, math.MaxInt)
			if n += m; err != nil {
				return n, nil, err
			}
			continue
		}
		left, err := hooks.Retry(ctx, s.ID, ids)
		if err != nil {
			return n, nil, err
		}
		n, ids = n+len(ids)-len(left), left
	}
	return n, ids, nil
}

// entryID is what the id of a parked event looks like. One in 64 begins with the sign of a flag.
var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{22}-[0-9]+$`)

// splitIDs parts ids from flags.
func splitIDs(args []string) (ids, flags []string) {
	for _, a := range args {
		if entryID.MatchString(a) {
			ids = append(ids, a)
		} else {
			flags = append(flags, a)
		}
	}
	return ids, flags
}
