package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
)

// shown is what optin show -json writes.
type shown struct {
	Subscription consent.Status `json:"subscription"`
	Events       []consent.Step `json:"events"`
}

const showUsage = `optin show says where one subscription stands, and everything that happened, with its evidence:

  optin show -config optin.yaml -site gazette ADDRESS|ID

-json writes {"subscription": …, "events": […]}, each as the API has it.
`

// show prints what is known of one subscription: where it stands, and everything that happened, with its evidence.
func show(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	s, code := newCall("show", showUsage, env, stdout, stderr).about(ctx, audit.Look, args)
	if s == nil {
		return code
	}
	defer s.store.Close()
	st, err := s.service.Website.ByID(ctx, s.site, s.id)
	var steps []consent.Step
	if err == nil {
		steps, err = s.service.Website.Timeline(ctx, s.site, s.id)
	}
	if err != nil {
		return s.failed(err)
	}
	return s.done(shown{st, steps}, shownAsText(st, steps))
}

// shownAsText writes a subscription for people.
func shownAsText(st consent.Status, steps []consent.Step) string {
	name := st.Email
	if name == "" {
		name = "an erased person"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s: %s\nid %s\n", name, st.Site, st.State, st.ID)
	for _, p := range st.Purposes {
		fmt.Fprintf(&b, "%s: %s since %s", p.ID, p.State, stamp(p.Since))
		if p.Reason != "" {
			fmt.Fprintf(&b, " (%s)", p.Reason)
		}
		if !p.ValidUntil.IsZero() {
			fmt.Fprintf(&b, ", valid until %s", stamp(p.ValidUntil))
		}
		fmt.Fprintf(&b, ": %q\n", p.Text)
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, step := range steps {
		fmt.Fprintf(w, "%s\t%s\t%s\n", stamp(step.At), step.Action, strings.Join(describe(step), "; "))
	}
	_ = w.Flush() // into memory
	return strings.TrimSuffix(b.String(), "\n")
}

// stamp is a time as the records have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// describe says what is known of a step, the website's own words after those of optin. What came from outside is
// printable: the service keeps it so.
func describe(step consent.Step) (all []string) {
	add := func(name string, values ...string) {
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
			all = append(all, name+strings.Join(values, ", "))
		}
	}
	var about []string
	for _, p := range step.Purposes {
		about = append(about, p.ID)
	}
	add("", about...)
	if s := step.Seen; s != nil {
		add("", string(s.Method), s.IP, s.UserAgent, s.Reply)
	}
	if e := step.Email; e != nil {
		if e.MessageID != "" {
			add("Message-ID ", e.MessageID)
		}
		add("SHA-256 ", e.SHA256)
	}
	if t := step.Told; t != nil {
		add("", string(t.Event), t.Endpoint)
	}
	if step.Count > 0 {
		add("", fmt.Sprint(step.Count))
	}
	if a := step.Attested; a != nil {
		add("the website says: ", a.Source, a.Form, string(a.Channel), a.Method, a.IP, a.UserAgent, a.Page)
	}
	return all
}
