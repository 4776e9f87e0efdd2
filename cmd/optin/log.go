package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const logUsage = `optin log prints what is published of the consent log:

  optin log checkpoint -config optin.yaml
      the signed head; who keeps it can tell later whether history was rewritten
  optin log key -config optin.yaml
      the public key of checkpoints, for optin verify
`

// consentLog runs the subcommands of optin log.
func consentLog(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	name, rest := firstOf(args)
	if name != "checkpoint" && name != "key" {
		return noCommand("optin log", name, logUsage, stdout, stderr)
	}
	f := newFlags("log "+name, logUsage)
	path := configFlag(f)
	if code, ok := parseFlags(f, rest, stderr); !ok {
		return code
	}
	cfg, err := logConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	log, err := openLog(cfg, nil)
	if err == nil && name == "key" {
		fmt.Fprintln(stdout, log.PublicKey())
		return exitOK
	}
	var text []byte
	if err == nil {
		text, err = log.Checkpoint()
	}
	if errors.Is(err, os.ErrNotExist) {
		err = errors.New("there is no checkpoint yet: the service makes one within a second of its start")
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin log:", err)
		return exitFailed
	}
	_, err = stdout.Write(text)
	if err != nil || ctx.Err() != nil {
		return exitFailed
	}
	return exitOK
}
