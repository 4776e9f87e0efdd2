package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os/user"
	"strings"
	"text/tabwriter"

	"github.com/optin/optin/internal/audit"
)

// auditLog prints the audit log, newest first: as a table, or with -json as one JSON object a line.
func auditLog(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("audit", flag.ContinueOnError)
	path := configFlag(f)
	act := f.String("act", "", "only this `act`: "+actNames())
	id := f.String("subscription", "", "only what is about the subscription with this `id`")
	asJSON := f.Bool("json", false, "write JSON, one entry a line")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	if *act != "" && !audit.IsAct(*act) {
		fmt.Fprintf(stderr, "optin audit: there is no act %q; there are %s\n", *act, actNames())
		return exitUsage
	}
	cfg, _, _, err := siteConfig(*path, "", env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	c, err := openCore(ctx, cfg)
	if err == nil {
		defer c.store.Close()
		if err = c.noteCommand(ctx, audit.Audit, "", ""); err == nil {
			err = printAudit(ctx, c.audit, audit.Query{Act: audit.Act(*act), Subscription: *id}, *asJSON, stdout)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin audit:", err)
		return exitFailed
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

// actOf returns what a command about one subscription does.
func actOf(command string) audit.Act {
	switch {
	case command == "dossier":
		return audit.Download
	case audit.IsAct(command):
		return audit.Act(command)
	}
	return audit.Look
}

// noteCommand notes in the audit log what somebody at this machine does, before it is done.
func (c *core) noteCommand(ctx context.Context, act audit.Act, site, id string) error {
	name := "unknown"
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	return c.audit.Add(ctx, audit.Entry{By: audit.Command, Name: name, Act: act, Site: site, Subscription: id})
}
