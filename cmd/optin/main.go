// Command optin is a self-hosted double opt-in service. See the README; `optin help` lists what it can do.
package main

import (
	"context"
	"errors"
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals(os.Args[1:])...)
	code := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. It returns when its work is done, or soon after ctx is.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	name, rest := firstOf(args)
	if name == "-version" || name == "--version" {
		name = "version"
	}
	for _, g := range commandGroups() {
		for _, c := range g.all {
			if c.name == name {
				return c.run(ctx, rest, env, stdout, stderr)
			}
		}
	}
	return noCommand("optin", name, usage(), stdout, stderr)
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
		fmt.Fprint(stderr, folded(usage))
		return exitUsage
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, folded(usage))
		return exitOK
	}
	if meant := nearestCommand(of, name, usage); meant != "" {
		fmt.Fprintf(stderr, "%s: there is no command %q; did you mean %s %s?\n", of, name, of, meant)
		return exitUsage
	}
	fmt.Fprintf(stderr, "%s: there is no command %q\n\n%s", of, name, folded(usage))
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
	var ids []string
	for _, s := range cfg.Sites {
		if s.ID == id {
			return cfg, pages, []config.Site{s}, nil
		}
		ids = append(ids, s.ID)
	}
	return nil, nil, nil, fmt.Errorf("the configuration has no site %q: -site takes one of its ids, %s", id,
		strings.Join(ids, ", "))
}
