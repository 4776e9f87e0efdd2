package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// core is the service on its store, with what watches over it: everything but HTTP, mail and workers.
type core struct {
	cfg       *config.Config
	store     store.Store
	ring      *keyring.Keyring
	service   *confirm.Service
	surge     *surge.Surge
	endpoints *webhook.Endpoints
	identity  *identity.Keeper // of the store
	audit     *audit.Log
	now       func() time.Time
}

// hooks are told of what was committed here; both may be nil.
type hooks struct {
	enqueued func(store.QueueName) // a job is due now
	// as confirm.Options has it
	counted func(ctx context.Context, site string, counts []store.Count)
}

// newCore makes the core on a store. Check its identity before anything else: until then, and while it is not the right
// one, every call of the store is refused.
func newCore(cfg *config.Config, st store.Store, log *slog.Logger, tell hooks) (*core, error) {
	return newCoreAt(cfg, st, log, tell, time.Now)
}

// newCoreAt is newCore with another clock, which must be that of the store.
func newCoreAt(
	cfg *config.Config, st store.Store, log *slog.Logger, tell hooks, now func() time.Time,
) (*core, error) {
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return nil, err
	}
	is, err := newIdentity(cfg, st, ring, log, now)
	if err != nil {
		return nil, err
	}
	st = store.Guard(st, is.Err)
	c := &core{cfg: cfg, store: st, ring: ring, identity: is, now: now,
		surge: surge.New(surge.Options{Store: st, Sites: surgeSites(cfg.Sites), Now: now})}
	sites := serviceSites(cfg.Sites)
	if c.service, err = confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: cfg.PublicURL, FormerURLs: cfg.FormerURLs, Sites: sites, Surge: c.surge,
		Logged:           cfg.Log.Path != "",
		Retention:        consent.Retention(cfg.Retention),
		Receipts:         confirm.Receipts{Keys: cfg.Receipts.Keys, Schema: cfg.Receipts.Schema},
		EmailsPerMailbox: limits(cfg.Limits.EmailsPerAddress), EmailsPerDomain: limits(cfg.Limits.EmailsPerDomain),
		Traced: cfg.Tracing.URL != nil,
		Emails: limits(cfg.Limits.Emails), Enqueued: tell.enqueued, Counted: tell.counted,
		LostBefore: is.LostBefore, Now: now,
		Unreadable: func(e *confirm.UnreadableError) {
			log.Error("a record does not open: put its secret or a copy of it back; optin check -deep names all such",
				"site", e.Key.Site, "record", e.Key.ID, "error", e)
		},
	}); err != nil {
		return nil, err
	}
	c.audit = audit.New(audit.Options{Records: st, Keyring: ring, Keep: cfg.Admin.AuditKept, Rand: rand.Reader,
		Now: now})
	c.endpoints, err = webhook.NewEndpoints(webhook.EndpointsOptions{
		Sites: sites, Queue: st, Cells: st, Open: c.service.Website.OpenEvent, Enqueued: tell.enqueued,
		Sealer: ring, Now: now,
	})
	return c, err
}

// openCore opens the store and returns the core on it, for a command beside a running service. It wakes no worker: the
// running service looks for due jobs every second. A store that does not exist is not made: its name may be wrong.
func openCore(ctx context.Context, cfg *config.Config) (*core, error) {
	c, err := openCoreAfter(ctx, cfg, storeOptions{existing: true}, nil)
	if err == nil {
		_ = c.store.Ready(ctx) // from now on what an incomplete store may lack is refused
	}
	return c, err
}

// patient is how long a call of the store may take for what runs long, and for which nobody waits at a page.
const patient = 30 * time.Second

// openCoreAfter is openCore after something was done about which store this is, if do is not nil.
func openCoreAfter(
	ctx context.Context, cfg *config.Config, o storeOptions, do func(store.Store, *identity.Keeper) error,
) (*core, error) {
	o.log = slog.New(slog.DiscardHandler)
	st, err := openKnown(ctx, cfg, o)
	switch {
	case errors.Is(err, sqlite.ErrNoFile):
		return nil, fmt.Errorf("%w: optin serve makes it; is store right in the configuration?", err)
	case err != nil:
		return nil, err
	}
	c, err := newCore(cfg, st, slog.New(slog.DiscardHandler), hooks{})
	if err == nil && do != nil {
		err = do(st, c.identity)
	}
	if err == nil {
		err = c.identity.Inspect(ctx)
	}
	if err == nil {
		err = c.service.ReadRevisions(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return c, nil
}
