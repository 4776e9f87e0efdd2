package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/templates"
)

// parseFlags reads a command's flags. If ok is false, the command ends with the code.
func parseFlags(f *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	f.SetOutput(stderr)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, false
	case err != nil:
		return exitUsage, false
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "optin %s: %q is not understood; -h shows what is\n", f.Name(), f.Arg(0))
		return exitUsage, false
	}
	return exitOK, true
}

// loadConfig reads the configuration that a command's -config names, and prints each of its problems on a line.
func loadConfig(name string, args []string, env func(string) (string, bool), stderr io.Writer) (*config.Config, *templates.Set, int) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return nil, nil, code
	}
	cfg, pages, err := readConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitUsage
	}
	return cfg, pages, exitOK
}

// readConfig reads a configuration, whose sites speak languages of the templates that come with it.
func readConfig(path string, env func(string) (string, bool)) (*config.Config, *templates.Set, error) {
	pages, err := templates.New()
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(path, env, pages.Languages()...)
	return cfg, pages, err
}

// mixedFlags parses flags before and between arguments, which it returns. If ok is false, the command ends with the code.
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

// siteConfig is readConfig, with the one site that is named; without a name, all of them.
func siteConfig(path, site string, env func(string) (string, bool)) (*config.Config, *templates.Set, []config.Site, error) {
	cfg, pages, err := readConfig(path, env)
	if err != nil {
		return nil, nil, nil, err
	}
	if site == "" {
		return cfg, pages, cfg.Sites, nil
	}
	for _, s := range cfg.Sites {
		if s.ID == site {
			return cfg, pages, []config.Site{s}, nil
		}
	}
	return nil, nil, nil, fmt.Errorf("the configuration has no site %q: -site takes one of its ids", site)
}
