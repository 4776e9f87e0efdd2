package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// checkStore says whether the store is ready, the right one, and made with the configured secrets. It opens the store
// to read only.
func (f *findings) checkStore(ctx context.Context, cfg *config.Config) {
	c, err := openToRead(ctx, cfg)
	switch {
	case errors.Is(err, sqlite.ErrNoFile):
		f.add("store", cfg.Store.String()+" is created as optin starts", checkFolder(cfg))
		return
	case err != nil:
		f.add("store", cfg.Store.String(), err)
		return
	}
	defer c.store.Close()
	err = c.store.Ready(ctx)
	if errors.Is(err, store.ErrUnavailable) {
		err = fmt.Errorf("%w;\n       check that it runs, that store names it, "+
			"and that no firewall is in between", err)
	}
	f.add("store", cfg.Store.String(), err)
	if err != nil {
		return
	}
	f.add("secret", fmt.Sprintf("%d configured", len(cfg.Secrets)), c.identity.Inspect(ctx))
	for _, missing := range c.identity.Missing() {
		f.warn("secret", "one is missing", missing+".",
			"Put it back at the end of the list, unless nobody of that time is left.")
	}
}

// openToRead returns the core on a store that is opened to read only.
func openToRead(ctx context.Context, cfg *config.Config) (*core, error) {
	st, err := openStoreFor(ctx, cfg.Store, true, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	c, err := newCore(cfg, st, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return c, nil
}

// checkFolder says whether the file of a new store can be created, and whether there should be one already.
func checkFolder(cfg *config.Config) error {
	if known := readKnown(cfg.KnownStore); known.ID != "" {
		return fmt.Errorf("the file is missing, and %s knows the store %s: put the file or a copy back; or if it is "+
			"lost for good, say so: optin store accept-empty -config optin.yaml", cfg.KnownStore, known.ID)
	}
	folder := filepath.Dir(cfg.Store.Path)
	if is, err := os.Stat(folder); err != nil || !is.IsDir() {
		return fmt.Errorf("the folder %s does not exist: make it, writable by the user of optin", folder)
	}
	return nil
}
