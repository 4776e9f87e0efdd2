package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/optin/optin/internal/bounce"
)

// exitTempFail tells a mail system to deliver the message again later (EX_TEMPFAIL of sysexits.h).
const exitTempFail = 75

const bounceUsage = `optin bounce reads a report about an email from its standard input, as a mail system pipes it:

  optin bounce -config optin.yaml [the address it was sent to]... < message
`

// readBounce reads one message, as a mail system pipes it, and records it if it is a report about one of our emails. A
// message that is no report ends well too: a failure would make the mail system send a report about the report.
func readBounce(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout,
	stderr io.Writer) int {
	f := newFlags("bounce", bounceUsage)
	path := configFlag(f)
	envelope, code, ok := mixedFlags(f, args, stderr)
	if !ok {
		return code
	}
	cfg, _, err := readConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitTempFail // not exitUsage: a mistake in the configuration must not lose a report
	}
	c, err := openCore(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "optin bounce: %v. Deliver the message again, as mail systems do by themselves.\n", err)
		return exitTempFail
	}
	defer c.store.Close()
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	res, err := newBounces(c, log).Message(ctx, stdin, envelope...)
	switch {
	case errors.Is(err, bounce.ErrNoReport):
		fmt.Fprintln(stdout, "This is not a report about an email, perhaps a person's reply. Nothing was changed.")
	case errors.Is(err, bounce.ErrUnreadable):
		fmt.Fprintf(stdout, "%v. Nothing was changed.\n", err)
	case err != nil:
		fmt.Fprintf(stderr, "optin bounce: %v. Deliver the message again, as mail systems do by themselves.\n", err)
		return exitTempFail
	case res.Ours == 0:
		fmt.Fprintln(stdout, "This is a report, but about no email that was sent from here. Nothing was changed.")
	default:
		fmt.Fprintln(stdout, "The report was recorded.")
	}
	return exitOK
}

// newBounces returns a receiver of reports about our emails.
func newBounces(c *core, log *slog.Logger) *bounce.Receiver {
	senders := map[string]string{}
	for _, s := range c.cfg.Sites {
		senders[s.ID] = s.From.Address
	}
	return bounce.New(bounce.Options{Service: c.service, Senders: senders, Cells: c.store, Log: log})
}
