package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates/dashboard"
)

const statsUsage = `optin stats prints what was counted in the last days (UTC): signups and confirmations, by day
and by purpose, form, language, wording and provider of the mailbox. Days on which nothing was counted are left out.

  optin stats -config optin.yaml [-site gazette] [-days 30]

-json writes the same as GET …/stats of the API, of all these sites together, and the purposes over all days. A wording
is named by its SHA-256: GET /texts/{sha256} shows it.
`

// statistics is what optin stats writes as JSON.
type statistics struct {
	From      string         `json:"from"`
	To        string         `json:"to"`
	Days      []confirm.Day  `json:"days"`
	Purposes  []confirm.Part `json:"purposes"`
	Forms     []confirm.Part `json:"forms"`
	Languages []confirm.Part `json:"languages"`
	Texts     []confirm.Part `json:"texts"`
	Providers []confirm.Part `json:"providers"`
}

// stats is optin stats.
func stats(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newReading("stats", statsUsage, env, stdout, stderr).ofSites()
	days := c.flags.Int("days", 30, "how many, today included; 1 to 1100")
	rest, code, ok := c.parse(args)
	switch {
	case !ok:
		return code
	case len(rest) > 0:
		return c.unexpected(rest[0])
	case *days < 1 || *days > 1100:
		return c.fail(exitUsage, errors.New("-days takes 1 to 1100"))
	}
	on, code := c.openSites(ctx)
	if on == nil {
		return code
	}
	defer on.store.Close()
	to := time.Now().UTC()
	from := to.AddDate(0, 0, 1-*days)
	t, err := on.service.Statistics.Trends(ctx, on.ids(), from, to, confirm.Value{})
	if err != nil {
		return c.fail(exitFailed, err)
	}
	return c.done(statistics{
		from.Format(time.DateOnly), to.Format(time.DateOnly),
		t.Days, t.Purposes, t.Forms, t.Languages, t.Texts, t.Providers,
	}, statsAsText(t, *days))
}

// statsAsText writes statistics for people.
func statsAsText(t confirm.Trends, days int) string {
	in := "in " + dashboard.Count(days, "day")
	if len(t.Days) == 0 {
		return "Nothing was counted " + in + "."
	}
	var b strings.Builder
	var all confirm.Day
	fmt.Fprintf(&b, "%-10s %8s %8s %10s %9s %8s %14s\n",
		"DAY", "SIGNUPS", "EMAILS", "CONFIRMED", "DECLINED", "EXPIRED", "UNDELIVERABLE")
	for _, d := range t.Days {
		fmt.Fprintf(&b, "%-10s %8d %8d %10d %9d %8d %14d\n",
			d.Day, d.Signups, d.Emails, d.Confirmations, d.Declines, d.Expired, d.Undeliverable)
		all.Signups, all.Confirmations = all.Signups+d.Signups, all.Confirmations+d.Confirmations
		all.Withdrawals, all.Objections = all.Withdrawals+d.Withdrawals, all.Objections+d.Objections
		all.Complaints += d.Complaints
	}
	for _, of := range []struct {
		title string
		all   []confirm.Part
	}{
		{"PURPOSE", t.Purposes}, {"FORM", t.Forms}, {"LANGUAGE", t.Languages}, {"WORDING", t.Texts},
		{"PROVIDER", t.Providers},
	} {
		for i, p := range of.all {
			if i == 0 {
				fmt.Fprintf(&b, "\n%-42s %8s %10s\n", of.title, "SIGNUPS", "CONFIRMED")
			}
			if len(p.ID) == 64 { // SHA-256: its beginning says which of them it is
				p.ID = p.ID[:16] + "…"
			}
			fmt.Fprintf(&b, "%-42s %8d %10d\n", p.ID, p.Signups, p.Confirmations)
		}
	}
	fmt.Fprintf(&b, "\n%s: %s, %s", strings.ToUpper(in[:1])+in[1:], dashboard.Count(int(all.Signups), "signup"),
		dashboard.Count(int(all.Confirmations), "confirmation"))
	for _, more := range []struct {
		n    int64
		what string
	}{{all.Withdrawals, "withdrawal"}, {all.Objections, "objection"}, {all.Complaints, "complaint"}} {
		if more.n > 0 {
			b.WriteString(", " + dashboard.Count(int(more.n), more.what))
		}
	}
	return b.String() + "."
}
