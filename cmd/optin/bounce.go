package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/config"
)

// exitLater tells a mail system to hand the message in again (EX_TEMPFAIL of sysexits).
const exitLater = 75

// takeBounce reads one message, as a mail system pipes it, and takes it in if it is a report about one of our letters. What is none ends
// well too: else the mail system would send a report about the report.
func takeBounce(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("bounce", flag.ContinueOnError)
	path := f.String("config", "optin.yaml", "the configuration's `file`")
	f.Usage = func() {
		fmt.Fprint(f.Output(), "optin bounce reads a report about a letter from its standard input, as a mail system pipes it:\n\n"+
			"  optin bounce -config optin.yaml [the address it was sent to]... < message\n\nFlags:\n")
		f.PrintDefaults()
	}
	envelope, code, ok := mixedFlags(f, args, stderr)
	if !ok {
		return code
	}
	cfg, _, err := readConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitLater // and not exitUsage: a slip in the configuration is to lose no report
	}
	desk, err := openDesk(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin bounce: %v. Hand the message in again, as mail systems do by themselves.\n", err)
		return exitLater
	}
	defer desk.Store.Close()
	res, err := newIntake(desk, cfg.Sites).Message(ctx, stdin, envelope...)
	switch {
	case errors.Is(err, bounce.ErrNoReport):
		fmt.Fprintln(stdout, "This is no report about a letter: an answer of a person, perhaps. Nothing was changed.")
	case errors.Is(err, bounce.ErrUnreadable):
		fmt.Fprintf(stdout, "%v. Nothing was changed.\n", err)
	case err != nil:
		fmt.Fprintf(stderr, "optin bounce: %v. Hand the message in again, as mail systems do by themselves.\n", err)
		return exitLater
	case res.Ours == 0:
		fmt.Fprintln(stdout, "This is a report, but of no letter that was sent from here. Nothing was changed.")
	default:
		fmt.Fprintln(stdout, "The report was taken in.")
	}
	return exitOK
}

// newIntake takes reports about the letters of some sites.
func newIntake(desk *confirm.Service, sites []config.Site) *bounce.Receiver {
	senders := map[string]string{}
	for _, s := range sites {
		senders[s.ID] = s.From.Address
	}
	return bounce.New(desk, senders)
}
