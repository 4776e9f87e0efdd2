package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/templates/dashboard"
)

const failedUsage = `optin failed lists the events that no endpoint took within nine days, and that are not tried again.
It names nobody:

  optin failed -config optin.yaml [-site gazette]

optin top says how each endpoint stands, and optin retry makes its events due again.

-json writes {"failed": […]}.
`

// failedEvent is an event that was given up, as programs read it.
type failedEvent struct {
	ID       string     `json:"id"`
	Site     string     `json:"site"`
	Type     string     `json:"type,omitempty"` // empty: it cannot be decrypted
	At       *time.Time `json:"at,omitempty"`
	Endpoint string     `json:"endpoint"` // its host
}

// failed is optin failed, and optin webhook failed, where somebody looks for it who has a webhook in mind.
func failed(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return listFailed(ctx, newReading("failed", failedUsage, env, stdout, stderr), args)
}

func webhookFailed(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return listFailed(ctx, newReading("webhook failed", ofWebhook(failedUsage), env, stdout, stderr), args)
}

// ofWebhook is the usage of optin failed or retry for optin webhook failed or retry.
func ofWebhook(usage string) string {
	return strings.NewReplacer("optin failed", "optin webhook failed", "optin retry", "optin webhook retry").
		Replace(usage)
}

func listFailed(ctx context.Context, c *call, args []string) int {
	rest, code, ok := c.ofSites().parse(args)
	switch {
	case !ok:
		return code
	case len(rest) > 0:
		return c.unexpected(rest[0])
	}
	on, code := c.openSites(ctx)
	if on == nil {
		return code
	}
	defer on.store.Close()
	all, err := on.allFailed(ctx)
	if err != nil {
		return c.fail(exitFailed, err)
	}
	return c.done(map[string]any{"failed": all}, failedAsText(all))
}

// allFailed reads the failed events of all sites, page by page.
func (on *forSites) allFailed(ctx context.Context) ([]failedEvent, error) {
	host, all := webhookHosts(on.sites), []failedEvent{}
	for _, id := range on.ids() {
		for next, more := "", true; more; more = next != "" {
			page, after, err := on.endpoints.Failed(ctx, id, next, 100)
			if err != nil {
				return nil, err
			}
			for _, d := range page {
				one := failedEvent{
					ID: d.ID, Site: id, Type: string(d.Type), Endpoint: cmp.Or(host[d.Queue], d.Endpoint),
				}
				if !d.At.IsZero() {
					one.At = &d.At
				}
				all = append(all, one)
			}
			next = after
			on.progress.show("reading", int64(len(all)), 0)
		}
	}
	return all, nil
}

func failedAsText(all []failedEvent) string {
	if len(all) == 0 {
		return "No event has failed."
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTYPE\tAGE\tENDPOINT")
	for _, e := range all {
		happened := "-"
		if e.At != nil {
			happened = age(*e.At)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.ID, cmp.Or(e.Type, "(cannot be decrypted)"), happened, e.Endpoint)
	}
	_ = w.Flush() // into memory
	return strings.TrimSuffix(b.String(), "\n")
}

const retryUsage = `optin retry makes failed events due now, and enables their endpoints again:

  optin retry -config optin.yaml [-site gazette] -all
  optin retry -config optin.yaml [-site gazette] ID…

The running service sends them within a second or two. IDs are those of optin failed; where one of them is not known it
exits with 3. The audit log notes it.

-json writes {"enqueued": …, "unknown": […]}.
`

// retried is what optin retry did.
type retried struct {
	Enqueued int      `json:"enqueued"`
	Unknown  []string `json:"unknown"`
}

// retry is optin retry, and optin webhook retry.
func retry(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return retryFailed(ctx, newCall("retry", retryUsage, env, stdout, stderr), args)
}

func webhookRetry(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	return retryFailed(ctx, newCall("webhook retry", ofWebhook(retryUsage), env, stdout, stderr), args)
}

func retryFailed(ctx context.Context, c *call, args []string) int {
	everything := c.flags.Bool("all", false, "retry all failed events")
	ids, code, ok := c.ofSites().parse(args)
	switch {
	case !ok:
		return code
	case *everything == (len(ids) > 0):
		return c.fail(exitUsage, errors.New("say which: ids as optin failed prints them, or -all"))
	}
	on, code := c.openSites(ctx)
	if on == nil {
		return code
	}
	defer on.store.Close()
	did, err := on.retry(ctx, ids)
	switch {
	case err != nil:
		err = fmt.Errorf("%d enqueued again, and then: %w", did.Enqueued, err)
		return c.fail(exitFailed, &failure{err, "", map[string]any{"enqueued": did.Enqueued}})
	case did.Enqueued == 0 && len(did.Unknown) > 0:
		err := errors.New("no failed event has the id " + strings.Join(did.Unknown, ", "))
		return c.fail(exitRefused, &failure{err, "unknown", map[string]any{"unknown": did.Unknown}})
	}
	if code = c.done(did, did.String()); len(did.Unknown) > 0 && code == exitOK {
		code = exitRefused
	}
	return code
}

// retry retries the events of some ids, or all failed events if there are no ids.
func (on *forSites) retry(ctx context.Context, ids []string) (did retried, err error) {
	did.Unknown = []string{}
	entry := audit.Entry{Act: audit.Retry, Site: on.site, Reason: cmp.Or(on.reason, "all")}
	if len(ids) > 0 {
		entry.Reason = cmp.Or(on.reason, dashboard.Count(len(ids), "event"))
	}
	if err := on.noteCommand(ctx, on.by, entry); err != nil {
		return did, err
	}
	all := len(ids) == 0
	for _, site := range on.ids() {
		if all {
			n, _, err := on.endpoints.RetryAll(ctx, site, math.MaxInt)
			if did.Enqueued += n; err != nil {
				return did, err
			}
			continue
		}
		left, err := on.endpoints.Retry(ctx, site, ids)
		if err != nil {
			return did, err
		}
		did.Enqueued, ids = did.Enqueued+len(ids)-len(left), left
	}
	did.Unknown = append(did.Unknown, ids...)
	return did, nil
}

func (did retried) String() string {
	if did.Enqueued == 0 {
		return "No event has failed."
	}
	text := fmt.Sprintf("%d enqueued again. The running service sends them within a second or two.", did.Enqueued)
	if len(did.Unknown) > 0 {
		text += " No failed event has the id " + strings.Join(did.Unknown, ", ") + "."
	}
	return text
}

// jobID is the form of a failed event's id. One in 64 begins with a hyphen, as flags do.
var jobID = regexp.MustCompile(`^[A-Za-z0-9_-]{22}-[0-9]+$`)
