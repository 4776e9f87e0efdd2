package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/optin/optin/config"
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
	pages, err := templates.New()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitFailed
	}
	cfg, err := config.Load(*path, env, pages.Languages()...)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, nil, exitUsage
	}
	return cfg, pages, exitOK
}
