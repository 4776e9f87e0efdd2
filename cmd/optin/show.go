package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// subject is a command about one subscription, on the store of a service that may be running.
type subject struct {
	*core
	pages *templates.Set
	site  config.Site
	id    string // of the subscription
	json  bool
}

// openSubject parses the flags of a command and its one argument, an address or the id of a subscription, and finds the
// subscription. That it is looked at is noted in the audit log. If it is nil, the command ends with the code. more adds
// flags of the command's own.
func openSubject(ctx context.Context, name string, args []string, env func(string) (string, bool), stderr io.Writer,
	more func(*flag.FlagSet)) (*subject, int) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	path := configFlag(f)
	id := f.String("site", "", "the `id` of the site; may be left out if there is one")
	asJSON := f.Bool("json", false, "write JSON, for programs")
	if more != nil {
		more(f)
	}
	rest, code, ok := mixedFlags(f, args, stderr)
	if !ok {
		return nil, code
	}
	fail := func(code int, err error) (*subject, int) {
		fmt.Fprintf(stderr, "optin %s: %v\n", name, err)
		return nil, code
	}
	if len(rest) != 1 {
		return fail(exitUsage, errors.New("takes one argument: an address, or the id of a subscription"))
	}
	cfg, pages, sites, err := siteConfig(*path, *id, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, exitUsage
	}
	if len(sites) > 1 {
		return fail(exitUsage, errors.New("-site is missing, and the configuration has several"))
	}
	s := &subject{pages: pages, site: sites[0], json: *asJSON, id: rest[0]}
	var a address.Address
	if strings.Contains(rest[0], "@") {
		if a, err = address.Parse(rest[0]); err != nil {
			return fail(exitUsage, errors.New("this is not an address; write it as name@example.org"))
		}
	}
	if s.core, err = openCore(ctx, cfg); err != nil {
		return fail(exitFailed, err)
	}
	if !a.IsZero() {
		st, err := s.service.Website.Lookup(ctx, s.site.ID, a)
		if err != nil {
			return fail(exitFailed, errors.Join(s.explain(err), s.store.Close()))
		}
		s.id = st.ID
	}
	if err := s.noteCommand(ctx, actOf(name), s.site.ID, s.id); err != nil {
		return fail(exitFailed, errors.Join(err, s.store.Close()))
	}
	return s, exitOK
}

// explain says what an error of the service means to somebody at a terminal.
func (s *subject) explain(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("nothing is known of this subscription at %s", s.site.ID)
	}
	return err
}

// shown is what optin show -json writes.
type shown struct {
	Subscription consent.Status `json:"subscription"`
	Events       []consent.Step `json:"events"`
}

// show prints what is known of one subscription: where it stands, and everything that happened, with its evidence.
func show(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	s, code := openSubject(ctx, "show", args, env, stderr, nil)
	if s == nil {
		return code
	}
	defer s.store.Close()
	st, err := s.service.Website.ByID(ctx, s.site.ID, s.id)
	var steps []consent.Step
	if err == nil {
		steps, err = s.service.Website.Timeline(ctx, s.site.ID, s.id)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin show:", s.explain(err))
		return exitFailed
	}
	if s.json {
		return writeJSON(stdout, stderr, shown{st, steps})
	}
	name := st.Email
	if name == "" {
		name = "an erased person"
	}
	fmt.Fprintf(stdout, "%s at %s: %s\nid %s\n", name, st.Site, st.State, st.ID)
	for _, p := range st.Purposes {
		fmt.Fprintf(stdout, "%s: %s since %s: %q\n", p.ID, p.State, stamp(p.Since), p.Text)
	}
	fmt.Fprintln(stdout)
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, step := range steps {
		fmt.Fprintf(w, "%s\t%s\t%s\n", stamp(step.At), step.Action, strings.Join(describe(step), "; "))
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(stderr, "optin show:", err)
		return exitFailed
	}
	return exitOK
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

// writeJSON writes a value for programs, indented.
func writeJSON(stdout, stderr io.Writer, v any) int {
	e := json.NewEncoder(stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		fmt.Fprintln(stderr, "optin:", err)
		return exitFailed
	}
	return exitOK
}
