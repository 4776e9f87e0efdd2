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
		Dir: cfg.Log.Path, Origin: cfg.PublicURL.Host + "/log", Key: cfg.Log.Key, Sealer: ring,
	})
}

// newAppender returns what continues the consent log; nil if there is none.
func (g *generation) newAppender(c *core) (*consentlog.Appender, error) {
	log, err := openLog(c.cfg, c.ring)
	if log == nil || err != nil {
		return nil, err
	}
	return consentlog.NewAppender(consentlog.AppenderOptions{
		To: log, Store: c.store, Queue: confirm.QueueLog, Unreadable: confirm.ErrUnreadable, Log: g.log,
		Open: func(ctx context.Context, job store.Job) (consentlog.Leaf, error) { return leafOf(ctx, c, log, job) },
	}), nil
}

// leafOf returns the leaf of a job. The texts that its record names are copied into the log first.
func leafOf(ctx context.Context, c *core, log *consentlog.Log, job store.Job) (consentlog.Leaf, error) {
	leaf := consentlog.Leaf{Salt: consentlog.NewSalt()}
	e, err := c.service.Log.Entry(ctx, job, leaf.Salt)
	if err != nil {
		return leaf, err
	}
	for _, sum := range e.Texts {
		err := log.KeepText(sum, func() ([]byte, error) { return c.service.Log.Text(ctx, sum) })
		if err != nil {
			return leaf, err
		}
	}
	leaf.Person, err = personOf(e.Key.ID)
	leaf.Record, leaf.Rest, leaf.At, leaf.Erases = e.Record, e.Rest, e.At.UnixMilli(), e.Erases()
	return leaf, err
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
