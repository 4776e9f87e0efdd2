package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/consentlog"
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
	err = advised(c.store.Ready(ctx))
	f.add("store", cfg.Store.String(), err)
	if err != nil {
		return
	}
	err = c.identity.Inspect(ctx)
	f.add("secret", fmt.Sprintf("%d configured", len(cfg.Secrets)), err)
	for _, missing := range c.identity.Missing() {
		f.warn("secret", "one is missing", missing+".",
			"Put it back at the end of the list, unless nobody of that time is left.")
	}
	if err == nil {
		f.checkLog(ctx, c)
	}
}

// checkLog says whether the consent log is the one that the store knows of, as far as its length says so. Of several
// processes on one store only one needs it, so another one is no error.
func (f *findings) checkLog(ctx context.Context, c *core) {
	path := c.cfg.Log.Path
	known, err := consentlog.KnownTo(ctx, c.store)
	if path == "" {
		if known > 0 {
			f.warn("consent log", "none", fmt.Sprintf("The store knows a log of %d records, to which this process "+
				"adds nothing.", known), "Let log.path name its folder.")
		}
		return
	}
	leaves, failed := consentlog.LeavesIn(path)
	if err = errors.Join(err, failed, consentlog.Inspect(path, c.cfg.Log.Key)); err == nil && leaves < known {
		f.warn("consent log", path, fmt.Sprintf("It has %d records, and the store knows a log of %d: this process "+
			"adds nothing to it.", leaves, known),
			"Let log.path name the folder of that log, or put a copy of it back, unless another process has it.")
		return
	}
	f.add("consent log", path, err)
}

// checkRecords opens every record of the store, and names those that do not open.
func (f *findings) checkRecords(ctx context.Context, cfg *config.Config, shown *progress) {
	c, err := openToRead(ctx, cfg)
	if errors.Is(err, sqlite.ErrNoFile) {
		return // checkStore has said so
	}
	bad, read := 0, 0
	if err == nil {
		defer c.store.Close()
		err = c.identity.Inspect(ctx)
	}
	if err == nil {
		so := func(n int) { read = n; shown.show("reading records", int64(n), 0) }
		err = c.service.Inspect(ctx, so, func(e *confirm.UnreadableError) {
			bad++
			shown.end()
			f.add("record", fmt.Sprintf("%s %s of site %s", e.What, e.Key.ID, e.Key.Site), e)
		})
	}
	shown.end()
	switch {
	case err != nil:
		f.add("records", fmt.Sprintf("%d read", read), err)
	case bad > 0:
		fmt.Fprintf(f.out, "       %-14s %d of %d; put back the secret that they were sealed with, or a copy of the "+
			"store\n", "records", bad, read)
	default:
		f.add("records", fmt.Sprintf("all %d open", read), nil)
	}
}

// advised adds to the error of a store that cannot be reached what to look at.
func advised(err error) error {
	if errors.Is(err, store.ErrUnavailable) && !errors.As(err, new(*store.UnsafeError)) {
		return fmt.Errorf("%w; check that it runs, that store names it, and that no firewall is in between", err)
	}
	return err
}

// openToRead returns the core on a store that is opened to read only.
func openToRead(ctx context.Context, cfg *config.Config) (*core, error) {
	st, err := openKnown(ctx, cfg, storeOptions{readOnly: true, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	c, err := newCore(cfg, st, slog.New(slog.DiscardHandler), hooks{})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return c, nil
}

// checkFolder says whether the file of a new store can be created, and whether there should be one already.
func checkFolder(cfg *config.Config) error {
	known, err := readKnown(cfg.KnownStore)
	if err != nil {
		return err
	}
	if known.ID != "" {
		return fmt.Errorf("the file is missing, and %s knows the store %s: put the file or a copy back; or if it is "+
			"lost for good, say so: optin store accept-empty -config optin.yaml", cfg.KnownStore, known.ID)
	}
	folder := filepath.Dir(cfg.Store.Path)
	if is, err := os.Stat(folder); err != nil || !is.IsDir() {
		return fmt.Errorf("the folder %s does not exist: make it, writable by the user of optin", folder)
	}
	return nil
}
