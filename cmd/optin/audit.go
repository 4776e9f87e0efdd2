package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/optin/optin/internal/audit"
)

const auditUsage = `optin audit prints who did what to whose data, and who looked at it, newest first:

  optin audit -config optin.yaml [-act erase] [-subscription ID]

-json writes one entry a line, as JSON.
`

// auditLog prints the audit log, newest first: as a table, or with -json as one JSON object a line.
func auditLog(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newCall("audit", auditUsage, env, stdout, stderr)
	act := c.flags.String("act", "", "only this `act`: "+actNames())
	id := c.flags.String("subscription", "", "only what is about the subscription with this `id`")
	rest, code, ok := c.parse(args)
	switch {
	case !ok:
		return code
	case len(rest) > 0:
		return c.unexpected(rest[0])
	case *act != "" && !audit.IsAct(*act):
		return c.fail(exitUsage, fmt.Errorf("there is no act %q; there are %s", *act, actNames()))
	}
	cfg, _, _, err := siteConfig(c.config, "", env)
	if err != nil {
		return c.badConfig(err)
	}
	on, err := openCore(ctx, cfg)
	if err == nil {
		defer on.store.Close()
		if err = on.noteCommand(ctx, c.by, audit.Entry{Act: audit.Audit, Reason: c.reason}); err == nil {
			err = printAudit(ctx, on.audit, audit.Query{Act: audit.Act(*act), Subscription: *id}, c.json, stdout)
		}
	}
	if err != nil {
		return c.fail(exitFailed, err)
	}
	return exitOK
}

// actNames lists the acts for people.
func actNames() string {
	var all []string
	for _, a := range audit.Acts() {
		all = append(all, string(a))
	}
	return strings.Join(all, ", ")
}

func printAudit(ctx context.Context, log *audit.Log, q audit.Query, asJSON bool, w io.Writer) error {
	lines, table := json.NewEncoder(w), tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines.SetEscapeHTML(false)
	if !asJSON {
		fmt.Fprintln(table, "AT\tBY\tACT\tSITE\tSUBSCRIPTION\tREASON")
	}
	for e, err := range log.All(ctx, q) {
		if err == nil && asJSON {
			err = lines.Encode(e)
		} else if err == nil {
			_, err = fmt.Fprintf(table, "%s\t%s %s\t%s\t%s\t%s\t%s\n", stamp(e.At), e.By, e.Name, e.Act, e.Site,
				e.Subscription, e.Reason)
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}
