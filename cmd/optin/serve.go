package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// serve is the service: it runs until it is told to stop, and then finishes what is in hand.
func serve(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	return serveWith(ctx, extra{}, args, env, stdout, stderr)
}

func serveWith(ctx context.Context, x extra, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	cfg, pages, code := loadConfig("serve", args, env, stderr)
	if cfg == nil {
		return code
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	p, err := start(ctx, cfg, pages, log, x)
	if err != nil {
		fmt.Fprintln(stderr, "optin serve:", err)
		return exitFailed
	}
	log.Info("optin is up", "version", versionText(), "config", cfg)
	fmt.Fprintf(stdout, "http://%s\n", p.addr)
	if err := p.wait(ctx); err != nil {
		fmt.Fprintln(stderr, "optin serve:", err)
		return exitFailed
	}
	log.Info("optin has stopped")
	return exitOK
}
