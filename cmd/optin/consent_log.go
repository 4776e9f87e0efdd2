package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// openLog opens the consent log of a configuration; nil if there is none.
func openLog(cfg *config.Config, ring *keyring.Keyring) (*consentlog.Log, error) {
	if cfg.Log.Path == "" {
		return nil, nil
	}
	return consentlog.Open(consentlog.Options{
		Dir: cfg.Log.Path, Origin: cfg.PublicURL.Host + "/log", Key: cfg.Log.Key, Sealer: logSealer(ring),
	})
}

// logSealer returns what seals records of the consent log.
func logSealer(ring *keyring.Keyring) func(context string) consentlog.Sealer {
	return func(context string) consentlog.Sealer { return ring.Shared(context) }
}

// newAppender returns what continues the consent log; nil if there is none.
func (g *generation) newAppender(c *core) (*consentlog.Appender, error) {
	log, err := openLog(c.cfg, c.ring)
	if log == nil || err != nil {
		return nil, err
	}
	return consentlog.NewAppender(consentlog.AppenderOptions{
		To: log, Store: c.store, Queue: confirm.QueueLog, Log: g.log,
		Open: func(ctx context.Context, jobs []store.Job) ([]consentlog.Opening, error) {
			return openLeaves(ctx, c, log, jobs)
		},
	}), nil
}

// openLeaves opens the leaves of jobs. The texts that their records name are copied into the log first.
func openLeaves(
	ctx context.Context, c *core, log *consentlog.Log, jobs []store.Job,
) ([]consentlog.Opening, error) {
	entries, err := c.service.Log.Entries(ctx, jobs, consentlog.NewSalt)
	if err != nil {
		return nil, err
	}
	all, kept := make([]consentlog.Opening, len(jobs)), map[string]bool{}
	for i, e := range entries {
		for _, sum := range e.Texts {
			if kept[sum] {
				continue
			}
			err := log.KeepText(sum, func() ([]byte, error) { return c.service.Log.Text(ctx, sum) })
			if err != nil {
				return nil, err
			}
			kept[sum] = true
		}
		is := &all[i]
		is.Leaf = consentlog.Leaf{
			Record: e.Record, Salt: e.Salt, Rest: e.Rest, At: e.At.UnixMilli(), Erases: e.Erases(),
		}
		if is.Err = e.Err; is.Err == nil {
			is.Leaf.Person, is.Err = personOf(e.Key.ID)
		}
	}
	return all, nil
}

// personOf returns the name of a person in the log: the bytes of the record's id.
func personOf(id string) (who consentlog.Person, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(b) != len(who) {
		return who, fmt.Errorf("%w: a record has the id %q", confirm.ErrUnreadable, id)
	}
	return consentlog.Person(b), nil
}

// watchLog counts where the consent log stands.
func (g *generation) watchLog(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s := g.appender.Status()
		g.metrics.Log(s.Size, s.Lag, s.Other)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
