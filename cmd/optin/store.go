package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

const storeUsage = `optin store accept-empty says that the loss of the store's data is known:

  optin store accept-empty -config optin.yaml

The store that is there takes the place of the one that was known. Every process that knew that one goes on within a
second, and links that were mailed before lead to a page that says that the request was lost. Restore a copy instead if
there is one: afterwards, what was signed up meanwhile would be in the way.
`

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
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(stderr, "optin store:", err)
		return exitFailed
	}
	defer st.Close()
	c, err := newCore(cfg, st, slog.New(slog.NewTextHandler(stderr, nil)), hooks{})
	if err == nil && *lost != "" {
		c.identity.Known.ID = *lost
	}
	var done string
	if err == nil {
		err = st.Ready(ctx)
	}
	if err == nil {
		done, err = c.identity.Accept(ctx)
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin store:", err)
		return exitFailed
	}
	fmt.Fprintln(stdout, done+".")
	return exitOK
}
