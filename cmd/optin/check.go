package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/optin/optin/config"
	"github.com/optin/optin/confirm"
	"github.com/optin/optin/keyring"
	"github.com/optin/optin/store"
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
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err == nil {
		defer st.Close()
		err = st.Ready(ctx)
	}
	r.found("store", cfg.Store.String(), err)
	if st != nil {
		r.found("relay", cfg.SMTP.Addr(), checkRelay(ctx, cfg, pages, st))
	}
	if r.wrong > 0 {
		return exitFailed
	}
	return exitOK
}

func checkRelay(ctx context.Context, cfg *config.Config, pages *templates.Set, st store.Store) error {
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return err
	}
	desk, err := confirm.New(confirm.Options{Store: st, Ring: ring, PublicURL: cfg.PublicURL.String(), Sites: ruleSites(cfg.Sites)})
	if err != nil {
		return err
	}
	m, err := newMailer(cfg, desk, pages, slog.New(slog.DiscardHandler))
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
