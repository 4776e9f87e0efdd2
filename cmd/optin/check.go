package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/optin/optin/config"
	"github.com/optin/optin/confirm"
	"github.com/optin/optin/templates"
)

// check says what is wrong before it goes wrong: configuration, templates, store, relay. It sends nothing, and of what is kept changes
// nothing; an SQLite file that is not there is made, as serve would.
func check(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	cfg, pages, code := loadConfig("check", args, env, stderr)
	if cfg == nil {
		return code
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r := &findings{out: stdout}
	r.found("configuration", fmt.Sprintf("%d site(s)", len(cfg.Sites)), nil)
	r.found("templates", fmt.Sprintf("%d languages", len(pages.Languages())), nil)
	r.found("store", cfg.Store.String(), checkStore(ctx, cfg))
	r.found("relay", cfg.SMTP.Addr(), checkRelay(ctx, cfg, pages))
	if r.wrong > 0 {
		return exitFailed
	}
	return exitOK
}

func checkStore(ctx context.Context, cfg *config.Config) error {
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer st.Close()
	return st.Ready(ctx)
}

func checkRelay(ctx context.Context, cfg *config.Config, pages *templates.Set) error {
	m, err := newMailer(cfg, &confirm.Service{}, pages, slog.New(slog.DiscardHandler)) // no letter is asked for
	if err != nil {
		return err
	}
	defer m.Close()
	return m.Check(ctx)
}

// findings prints what was looked at, one line each.
type findings struct {
	out   io.Writer
	wrong int
}

func (f *findings) found(what, detail string, err error) {
	if err != nil {
		f.wrong++
		fmt.Fprintf(f.out, "WRONG  %-14s %s\n       %v\n", what, detail, err)
		return
	}
	fmt.Fprintf(f.out, "ok     %-14s %s\n", what, detail)
}
