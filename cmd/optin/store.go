package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/store"
)

const storeUsage = `optin store accept-empty says that the loss of the store's data is known:

  optin store accept-empty -config optin.yaml

The store that is there takes the place of the one that was known. Every process that knew that one goes on within a
second, and links that were mailed before lead to a page that says that the request was lost. Restore a copy instead if
there is one: afterwards, what was signed up meanwhile would be in the way.

It also says that a Redis is meant to have older data than it had, such as a copy that you put back, or that what was
in a key that is missing there is lost.
`

// acceptStore accepts the store that is there, in the place of the one that is known, or of a lost one that this
// machine does not know. It returns a sentence about what was done.
func acceptStore(ctx context.Context, cfg *config.Config, lost string, log *slog.Logger) (done string, err error) {
	less, err := hasLess(ctx, cfg)
	if err != nil {
		return "", err
	}
	st, err := openKnown(ctx, cfg, storeOptions{accept: true, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	defer st.Close()
	c, err := newCore(cfg, st, log, hooks{})
	if err != nil {
		return "", err
	}
	if lost != "" {
		c.identity.Known.ID = lost
	}
	if err := st.Ready(ctx); err != nil {
		return "", err
	}
	done, err = c.identity.Accept(ctx)
	c.identity.Close()
	if less && err == nil {
		done = "the store is accepted as it is, though it has less than it had; what is missing is lost"
	}
	return done, err
}

// hasLess reports whether the data of the store is older than an earlier process saw it, or lacks keys.
func hasLess(ctx context.Context, cfg *config.Config) (bool, error) {
	if cfg.Store.Scheme == "sqlite" { // which may have no file
		return false, nil
	}
	st, err := openKnown(ctx, cfg, storeOptions{readOnly: true, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return false, err
	}
	defer st.Close()
	u := new(store.UnsafeError)
	return errors.As(st.Ready(ctx), &u) && (u.Older || u.Incomplete), nil
}

// storeCommand is optin store.
func storeCommand(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := newFlags("store", storeUsage)
	path := configFlag(f)
	lost := f.String("lost", "", "the `id` of the store that was lost, where this machine does not know it; "+
		"/readyz says it")
	rest, code, ok := mixedFlags(f, args, stderr)
	switch {
	case !ok:
		return code
	case len(rest) != 1 || rest[0] != "accept-empty":
		f.Usage()
		return exitUsage
	}
	cfg, _, err := readConfig(*path, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	done, err := acceptStore(ctx, cfg, *lost, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		fmt.Fprintln(stderr, "optin store:", err)
		return exitFailed
	}
	fmt.Fprintln(stdout, done+".")
	return exitOK
}
