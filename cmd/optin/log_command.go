package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/optin/optin/internal/config"
)

// logCommand is a command that changes the store by what the consent log has. T is what it did: a sentence for people,
// or JSON for programs.
type logCommand[T fmt.Stringer] struct {
	name, usage string
	flags       func(*flag.FlagSet) // its own; nil: none
	run         func(context.Context, *config.Config) (T, error)
}

func (l logCommand[T]) main(
	ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer,
) int {
	f := flag.NewFlagSet(l.name, flag.ContinueOnError)
	path := configFlag(f)
	asJSON := f.Bool("json", false, "write JSON, for programs")
	if l.flags != nil {
		l.flags(f)
	}
	f.Usage = func() { fmt.Fprint(f.Output(), l.usage); f.PrintDefaults() }
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	cfg, err := logConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	did, err := l.run(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin %s: %v\n", l.name, err)
		return exitFailed
	}
	if *asJSON {
		return writeJSON(stdout, stderr, did)
	}
	fmt.Fprintln(stdout, did)
	return exitOK
}
