package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// newFlags returns the flags of a command, without any. -h prints its usage, what it is for, before them.
func newFlags(name, usage string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.Usage = func() {
		var flags strings.Builder
		to := f.Output()
		f.SetOutput(&flags)
		f.PrintDefaults()
		f.SetOutput(to)
		says := strings.NewReplacer("    \t", "        ", "\t", "\n        ").Replace(flags.String())
		fmt.Fprint(to, folded(usage+"\nFlags:\n"+says))
	}
	return f
}

// folded fits a usage into a terminal. Paragraphs whose lines are not indented are one line before.
func folded(usage string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(usage) {
		plain := line != "\n" && line[0] != ' '
		switch {
		case inside && plain:
			b.WriteByte(' ')
		case inside:
			b.WriteByte('\n')
		}
		if inside = plain; plain {
			line = strings.TrimSuffix(line, "\n")
		}
		b.WriteString(line)
	}
	if inside {
		b.WriteByte('\n')
	}
	return fold(b.String(), columns)
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
