package main

import (
	"context"
	"fmt"
	"io"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/templates"
)

const serveUsage = `optin serve is the service:

  optin serve -config optin.yaml

It runs until Ctrl-C or SIGTERM, and then finishes its requests and jobs. SIGHUP makes it read its configuration again.
`

// serve is the service. It runs until it is told to stop, and then finishes its requests and jobs.
func serve(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	return serveWith(ctx, extra{}, args, env, stdout, stderr)
}

func serveWith(ctx context.Context, x extra, args []string, env func(string) (string, bool), stdout,
	stderr io.Writer) int {
	f := newFlags("serve", serveUsage)
	path := configFlag(f)
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	hangups, end := notifyHangups()
	defer end()
	ignoreBrokenPipes()
	cfg, pages, err := readConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	log, lines := newLog(stderr)
	defer lines.flush()
	p, err := start(ctx, cfg, pages, log, x)
	if err != nil {
		fmt.Fprintln(stderr, "optin serve:", err)
		return exitFailed
	}
	lines.count(p.metrics.LinesLost)
	p.background(func(ctx context.Context) { tuneMemory(ctx, env, memoryGoal(cfg.Store)) })
	log.Info("optin has started", "version", versionText(), "config", cfg)
	fmt.Fprintf(stdout, "http://%s\n", p.addr)
	p.reloadOn(hangups, func() (*config.Config, *templates.Set, error) { return readConfig(*path, env) })
	if err := p.wait(ctx); err != nil {
		fmt.Fprintln(stderr, "optin serve:", err)
		return exitFailed
	}
	log.Info("optin has stopped")
	return exitOK
}
