// Command optin is a self-hosted double opt-in service. See the README; `optin help` lists what it can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/typo"
	"github.com/optin/optin/templates"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something went wrong while running
	exitUsage  = 2 // wrong usage or configuration
	// nothing was done: nothing is known of who was named, or the rules allow it not, or not now
	exitRefused = 3
)

const usage = `optin takes signups, sends a signed link by email, and counts a consent once the person has confirmed it.

To try it, and to run it:

  optin demo                       everything embedded, to try it: a signup page, an inbox, no configuration
  optin serve  -config optin.yaml  the service
  optin check  -config optin.yaml  says what is wrong before it goes wrong
  optin keys                       makes a secret, API keys, webhook secrets, a DKIM key and its DNS record
  optin preview                    every page and email in every language, in the browser
  optin webhook                    tests a website's webhook; lists and retries failed events
  optin bounce -config optin.yaml  reads a report about an email, as a mail system pipes it
  optin healthcheck                asks a running service whether it is alive

When a person asks, beside the running service; each is noted in the audit log:

  optin show     ADDRESS|ID        everything that is known of one subscription, with its evidence
  optin dossier  ADDRESS|ID        everything that proves what one person agreed to: to be printed, or checked by others
  optin export                     every subscription of a site
  optin resend   ADDRESS|ID        sends the email again, or says why it cannot
  optin withdraw ADDRESS|ID        takes back what somebody agreed to
  optin object   ADDRESS           keeps that somebody wants no more emails, known or not
  optin erase    ADDRESS|ID…       erases people; -replay erases again what a restored backup brought back
  optin audit                      who did what to whose data, and who looked at it

Proof, and after a loss:

  optin verify receipt|dossier|log checks a proof offline, with public keys alone
  optin log    checkpoint|key      what is published of the consent log
  optin restore -config optin.yaml fills a store that lost its data from the consent log
  optin store  accept-empty        says that the loss of the store's data is known

  optin version                    prints the version and the commit

optin COMMAND -h explains a command's flags. Exit codes: 0 done, 1 failed or does not hold, 2 wrong usage or
configuration, 3 refused: nothing is known of who was named, or the rules do not allow it now.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals(os.Args[1:])...)
	code := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. It returns when its work is done, or soon after ctx is.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	switch name, rest := firstOf(args); name {
	case "demo":
		return demo(ctx, rest, stdout, stderr)
	case "serve":
		return serve(ctx, rest, env, stdout, stderr)
	case "check":
		return check(ctx, rest, env, stdout, stderr)
	case "show":
		return show(ctx, rest, env, stdout, stderr)
	case "dossier":
		return writeDossier(ctx, rest, env, stdout, stderr)
	case "erase":
		return erase(ctx, rest, env, os.Stdin, stdout, stderr)
	case "export":
		return export(ctx, rest, env, stdout, stderr)
	case "resend":
		return resend(ctx, rest, env, stdout, stderr)
	case "withdraw":
		return withdraw(ctx, rest, env, stdout, stderr)
	case "object":
		return object(ctx, rest, env, stdout, stderr)
	case "audit":
		return auditLog(ctx, rest, env, stdout, stderr)
	case "verify":
		return verify(rest, stdout, stderr)
	case "log":
		return consentLog(ctx, rest, env, stdout, stderr)
	case "restore":
		return restore(ctx, rest, env, stdout, stderr)
	case "store":
		return storeCommand(ctx, rest, env, stdout, stderr)
	case "bounce":
		return readBounce(ctx, rest, env, os.Stdin, stdout, stderr)
	case "keys":
		return keys(rest, stdout, stderr)
	case "preview":
		return preview(ctx, rest, env, stdout, stderr)
	case "webhook":
		return webhooks(ctx, rest, env, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx, rest, stdout, stderr)
	case "version", "-version", "--version":
		return printVersion(stdout)
	default:
		return noCommand("optin", name, usage, stdout, stderr)
	}
}

// firstOf returns the name of a command, empty if there is none, and its arguments.
func firstOf(args []string) (name string, rest []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// noCommand ends a call of optin, or of a part of it, that names none of its commands. It prints the usage, which lists
// them: to stdout if it was asked for.
func noCommand(of, name, usage string, stdout, stderr io.Writer) int {
	switch name {
	case "":
		fmt.Fprint(stderr, usage)
		return exitUsage
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	if meant := nearestCommand(of, name, usage); meant != "" {
		fmt.Fprintf(stderr, "%s: there is no command %q; did you mean %s %s?\n", of, name, of, meant)
		return exitUsage
	}
	fmt.Fprintf(stderr, "%s: there is no command %q\n\n%s", of, name, usage)
	return exitUsage
}

// nearestCommand returns the command that a name is a slip of, as the usage lists them; empty if there is none.
func nearestCommand(of, name, usage string) string {
	for line := range strings.Lines(usage) {
		listed, ok := strings.CutPrefix(line, "  "+of+" ")
		if words := strings.Fields(listed); ok && typo.OneSlip(name, words[0]) {
			return words[0]
		}
	}
	return ""
}

// parseFlags parses a command's flags. If ok is false, the command ends with the code.
func parseFlags(f *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	rest, code, ok := mixedFlags(f, args, stderr)
	if ok && len(rest) > 0 {
		fmt.Fprintf(stderr, "optin %s: unknown argument %q; -h shows the flags\n", f.Name(), rest[0])
		return exitUsage, false
	}
	return code, ok
}

// mixedFlags parses flags that may stand before and between arguments, and returns the arguments. If ok is false, the
// command ends with the code.
func mixedFlags(f *flag.FlagSet, args []string, stderr io.Writer) (rest []string, code int, ok bool) {
	f.SetOutput(stderr)
	for len(args) > 0 {
		switch err := f.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, exitOK, false
		case err != nil:
			return nil, exitUsage, false
		}
		if args = f.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, exitOK, true
}

// configFlag adds the flag of the configuration's file.
func configFlag(f *flag.FlagSet) *string {
	return f.String("config", "optin.yaml", "the configuration's `file`")
}

// readConfig reads a configuration. Its sites may use the languages that are built in, and their own.
func readConfig(path string, env func(string) (string, bool)) (*config.Config, *templates.Set, error) {
	pages, err := templates.New()
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(path, env, pages.Languages()...)
	if err != nil {
		return nil, nil, err
	}
	pages, err = pages.With(ownLocales(cfg.Sites)...)
	return cfg, pages, err
}

// logConfig is readConfig for a command about the consent log, which has to be there.
func logConfig(path string, env func(string) (string, bool)) (*config.Config, error) {
	cfg, _, err := readConfig(path, env)
	if err == nil && cfg.Log.Path == "" {
		err = errors.New("the configuration has no consent log (log.path)")
	}
	return cfg, err
}

// siteConfig is readConfig, and returns the site of an id, or all sites if the id is empty.
func siteConfig(path, id string, env func(string) (string, bool)) (*config.Config, *templates.Set, []config.Site,
	error) {
	cfg, pages, err := readConfig(path, env)
	if err != nil {
		return nil, nil, nil, err
	}
	if id == "" {
		return cfg, pages, cfg.Sites, nil
	}
	for _, s := range cfg.Sites {
		if s.ID == id {
			return cfg, pages, []config.Site{s}, nil
		}
	}
	return nil, nil, nil, fmt.Errorf("the configuration has no site %q: -site takes one of its ids", id)
}
