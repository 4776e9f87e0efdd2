package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"unicode"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// environment looks a variable of the environment up.
type environment = func(string) (string, bool)

// call is one call of a command that works on the store of a service, which may be running. What it found or did is a
// sentence for people, or JSON for programs; so is why it could not.
type call struct {
	flags          *flag.FlagSet // not embedded: each type around it would have its thirty methods again
	env            environment
	stdout, stderr io.Writer
	progress       *progress

	config, site, by, reason string
	json                     bool
}

// newCall returns a call of a command that the audit log notes, with the flags that all of these have. usage says what
// the command is for.
func newCall(name, usage string, env environment, stdout, stderr io.Writer) *call {
	c := newReading(name, usage, env, stdout, stderr)
	c.flags.StringVar(&c.by, "by", "", "`who` does this, for the audit log; the user of this machine stands beside it")
	c.flags.StringVar(&c.reason, "reason", "", "`why`, for the audit log")
	return c
}

// newReading returns a call of a command that needs the configuration, and reads nothing about a person.
func newReading(name, usage string, env environment, stdout, stderr io.Writer) *call {
	c := offline(name, usage, stdout, stderr)
	c.env = env
	c.flags.StringVar(&c.config, "config", "optin.yaml", "the configuration's `file`")
	return c
}

// offline returns a call of a command that needs neither a configuration nor a store.
func offline(name, usage string, stdout, stderr io.Writer) *call {
	c := &call{flags: newFlags(name, usage), stdout: stdout, stderr: stderr, progress: progressOn(stderr)}
	c.flags.BoolVar(&c.json, "json", false, "write JSON, for programs; errors too")
	return c
}

// ofSite adds the flag of the site.
func (c *call) ofSite() *call {
	c.flags.StringVar(&c.site, "site", "", "the `id` of the site; may be left out if there is one")
	return c
}

// maxWho is how long the name of who acts may be, in bytes, and maxReason how long a reason.
const (
	maxWho    = 100
	maxReason = 800
)

// parse parses flags and returns the arguments. An id may begin with a hyphen, as flags do. If ok is false, the command
// ends with the code.
func (c *call) parse(args []string) (rest []string, code int, ok bool) {
	var ids, flags []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && (store.IsID(arg) || jobID.MatchString(arg)) {
			ids = append(ids, arg)
		} else {
			flags = append(flags, arg)
		}
	}
	said := c.stderr
	asked := slices.ContainsFunc(flags, func(arg string) bool { return arg == "-json" || arg == "--json" })
	var wrong strings.Builder
	if asked {
		said = &wrong
	}
	rest, code, ok = mixedFlags(c.flags, flags, said)
	switch {
	case code == exitUsage && asked:
		c.json = true
		first, _, _ := strings.Cut(wrong.String(), "\n")
		return nil, c.fail(exitUsage, errors.New(first)), false
	case !ok:
		fmt.Fprint(c.stderr, wrong.String()) // help
		return nil, code, false
	}
	for name, text := range map[string]struct {
		is   string
		most int
	}{"by": {c.by, maxWho}, "reason": {c.reason, maxReason}} {
		if len(text.is) > text.most || strings.ContainsFunc(text.is, unicode.IsControl) {
			return nil, c.fail(exitUsage, fmt.Errorf("-%s takes at most %d bytes in one line", name, text.most)), false
		}
	}
	return append(ids, rest...), exitOK, true
}

// unexpected refuses an argument of a call that takes none.
func (c *call) unexpected(arg string) int {
	return c.fail(exitUsage, fmt.Errorf("unknown argument %q; -h shows the flags", arg))
}

// failure is an error with more for programs than its words.
type failure struct {
	error
	Code  string // instead of that of the exit code
	Extra map[string]any
}

func (f *failure) Unwrap() error { return f.error }

// fail says why the command ends with a code, and returns it.
func (c *call) fail(code int, err error) int {
	c.progress.end()
	err = advised(err)
	if !c.json {
		fmt.Fprintf(c.stderr, "optin %s: %v\n", c.flags.Name(), err)
		return code
	}
	said := map[string]any{"code": codeNames()[code], "detail": err.Error()}
	if f := new(failure); errors.As(err, &f) {
		if f.Code != "" {
			said["code"] = f.Code
		}
		for name, value := range f.Extra {
			said[name] = value
		}
	}
	writeJSON(c.stderr, c.stderr, map[string]any{"error": said})
	return code
}

// codeNames are the exit codes as JSON has them.
func codeNames() map[int]string {
	return map[int]string{exitFailed: "failed", exitUsage: "usage", exitRefused: "refused"}
}

// failed is fail with the exit code of the error.
func (c *call) failed(err error) int {
	code := exitFailed
	if errors.Is(err, store.ErrNotFound) {
		code = exitRefused
		err = &failure{fmt.Errorf("nothing is known of this subscription at %s", c.site), "unknown", nil}
	}
	return c.fail(code, err)
}

// done says what the command found or did, in JSON or in a sentence.
func (c *call) done(v any, sentence string) int {
	c.progress.end()
	if c.json {
		return writeJSON(c.stdout, c.stderr, v)
	}
	if _, err := fmt.Fprintln(c.stdout, sentence); err != nil {
		return c.fail(exitFailed, err)
	}
	return exitOK
}

// badConfig ends a command whose configuration is wrong: its error names file, line and fix.
func (c *call) badConfig(err error) int {
	if c.json {
		return c.fail(exitUsage, &failure{err, "configuration", nil})
	}
	fmt.Fprintln(c.stderr, err)
	return exitUsage
}

// onSite is a call about one site, on the store.
type onSite struct {
	*call
	*core
	pages *templates.Set
	is    config.Site
}

// open opens the store of a call about one site. If it is nil, the command ends with the code.
func (c *call) open(ctx context.Context) (*onSite, int) {
	cfg, pages, sites, err := siteConfig(c.config, c.site, c.env)
	if err != nil {
		return nil, c.badConfig(err)
	}
	if len(sites) > 1 {
		return nil, c.fail(exitUsage, errors.New("-site is missing, and the configuration has several"))
	}
	s := &onSite{call: c, pages: pages, is: sites[0]}
	c.site = s.is.ID
	if s.core, err = openCore(ctx, cfg); err != nil {
		return nil, c.fail(exitFailed, err)
	}
	return s, exitOK
}

// note notes in the audit log what is about to be done.
func (s *onSite) note(ctx context.Context, act audit.Act, id string) error {
	return s.noteCommand(ctx, s.by, audit.Entry{Act: act, Site: s.is.ID, Subscription: id, Reason: s.reason})
}

// noteCommand notes in the audit log what somebody at this machine does, before it is done. by is who they say they
// are; empty: nobody says.
func (c *core) noteCommand(ctx context.Context, by string, e audit.Entry) error {
	name := "unknown"
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	if by != "" {
		name = by + " (" + name + ")"
	}
	e.By, e.Name = audit.Command, name
	return c.audit.Add(ctx, e)
}

// idOf returns the id of a subscription that an argument names by itself or by its address; store.ErrNotFound.
func (s *onSite) idOf(ctx context.Context, arg string) (id string, err error) {
	a, err := addressIn(arg)
	switch {
	case err != nil:
		return "", err
	case a.IsZero() && !store.IsID(arg):
		return "", store.ErrNotFound
	case a.IsZero():
		return arg, nil
	}
	st, err := s.service.Website.Lookup(ctx, s.is.ID, a)
	return st.ID, err
}

var errNoAddress = errors.New("this is not an address; write it as name@example.org")

// addressIn returns the address that an argument is; the zero address if it is none, but perhaps an id.
func addressIn(arg string) (address.Address, error) {
	if !strings.Contains(arg, "@") {
		return address.Address{}, nil
	}
	a, err := address.Parse(arg)
	if err != nil {
		return a, errNoAddress
	}
	return a, nil
}

// subject is a call about one subscription.
type subject struct {
	*onSite
	id string
}

// about parses the flags of a call and its one argument, an address or the id of a subscription, and finds the
// subscription. The act is noted in the audit log; without one, the caller notes it. If it returns nil, the command
// ends with the code.
func (c *call) about(ctx context.Context, act audit.Act, args []string) (*subject, int) {
	rest, code, ok := c.ofSite().parse(args)
	if !ok {
		return nil, code
	}
	if len(rest) != 1 {
		return nil, c.fail(exitUsage, errors.New("takes one argument: an address, or the id of a subscription"))
	}
	if _, err := addressIn(rest[0]); err != nil {
		return nil, c.fail(exitUsage, err)
	}
	s, code := c.open(ctx)
	if s == nil {
		return nil, code
	}
	id, err := s.idOf(ctx, rest[0])
	if err == nil && act != "" {
		err = s.note(ctx, act, id)
	}
	if err != nil {
		return nil, c.failed(errors.Join(err, s.store.Close()))
	}
	return &subject{s, id}, exitOK
}

// siteRules returns the rules of the site.
func (s *onSite) siteRules() confirm.Site {
	rules, _ := s.service.Site(s.is.ID)
	return rules
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
