// Command optin is a self-hosted double opt-in service. See the README; `optin help` lists what it can do.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something went wrong while running
	exitUsage  = 2 // wrong usage or configuration
)

const usage = `optin takes signups, mails a signed link, and counts a consent once the person has pressed its button.

  optin demo                       everything embedded, to try it: a signup page, an inbox, no configuration
  optin serve  -config optin.yaml  the service
  optin check  -config optin.yaml  says what is wrong before it goes wrong
  optin bounce -config optin.yaml  takes in a report about a letter, as a mail system pipes it
  optin keys                       makes a secret, API keys, webhook secrets, a DKIM key and its DNS record
  optin webhook                    tries a website's webhook out; lists and replays what could not be told
  optin healthcheck                asks a running service whether it is alive
  optin version                    says which version this is

optin COMMAND -h explains a command's flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it ends when its work is done, or soon after ctx is.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch name, rest := args[0], args[1:]; name {
	case "demo":
		return demo(ctx, rest, stdout, stderr)
	case "serve":
		return serve(ctx, rest, env, stdout, stderr)
	case "check":
		return check(ctx, rest, env, stdout, stderr)
	case "bounce":
		return takeBounce(ctx, rest, env, os.Stdin, stdout, stderr)
	case "keys":
		return keys(rest, stdout, stderr)
	case "webhook":
		return webhooks(ctx, rest, env, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx, rest, stdout, stderr)
	case "version", "-version", "--version":
		return version(stdout)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	default:
		fmt.Fprintf(stderr, "optin: there is no command %q\n\n%s", name, usage)
		return exitUsage
	}
}
