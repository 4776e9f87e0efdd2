package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// newDesk makes the rules on a store. owed may be nil.
func newDesk(cfg *config.Config, st store.Store, ring *keyring.Keyring, owed func(store.QueueName)) (*confirm.Service, error) {
	return confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: cfg.PublicURL.String(), Sites: ruleSites(cfg.Sites),
		EmailsPerMailbox: limits(cfg.Limits.EmailsPerAddress), Emails: limits(cfg.Limits.Emails), Enqueued: owed,
	})
}

// openDesk opens the store and the rules on it. Nobody is woken: the running service looks every second.
func openDesk(ctx context.Context, cfg *config.Config) (*confirm.Service, error) {
	st, err := openStore(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	desk, err := newDesk(cfg, st, ring, nil)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return desk, nil
}
