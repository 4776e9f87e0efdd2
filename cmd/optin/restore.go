package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/identity"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

const restoreUsage = `optin restore fills a store that lost its data from the consent log:

  optin restore -config optin.yaml

Stop the service first, and start it afterwards. The store must be empty, or hold only what an earlier restore put
there. What comes back are confirmations, withdrawals and refusals with their evidence and the words that were shown,
and every erasure. Signups that nobody had confirmed, and what the log had not taken up yet, do not.

-json writes {"leaves": …, "subscriptions": …, "erased": …, "texts": …}.
`

// restored is what a restore did.
type restored struct {
	Leaves        int64 `json:"leaves"`
	Subscriptions int   `json:"subscriptions"` // that were put into the store
	Erased        int   `json:"erased"`        // people who left nothing but perhaps a refusal
	Texts         int   `json:"texts"`
}

// restore is optin restore.
func restore(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newCall("restore", restoreUsage, env, stdout, stderr).withReason()
	return logCommand[restored]{c, restoreStore}.main(ctx, args)
}

func (did restored) String() string {
	return fmt.Sprintf("%d subscriptions are restored from %d leaves, with %d texts; %d people had been erased.",
		did.Subscriptions, did.Leaves, did.Texts, did.Erased)
}

// latest is the last leaf about a person: the last one that happened. In the log it need not be the last, if jobs came
// again from a backup.
type latest struct {
	key      store.Key
	at       time.Time
	rest     []byte
	erased   bool
	erasedAt time.Time // the last erasure; zero: none
}

// restoreStore restores the store of a configuration. What the log has is verified and read first: a store that lost
// its data stays refused if that fails.
func restoreStore(ctx context.Context, cfg *config.Config, is *call) (did restored, err error) {
	ring, err := keyring.New(cfg.Secrets...)
	if err != nil {
		return did, err
	}
	log, err := openLog(cfg, ring)
	if err != nil {
		return did, err
	}
	if _, err = consentlog.Verify(log.Dir(), log.PublicKey(), nil, is.reading()); err != nil {
		return did, fmt.Errorf("nothing is restored from a log that is not whole: %w", err)
	}
	last, err := latestLeaves(log)
	if err != nil {
		return did, err
	}
	// To fill a store that lost its data is to say that the loss is known.
	c, err := openCoreAfter(ctx, cfg, func(is *identity.Keeper) error { _, err := is.Accept(ctx); return err })
	if err != nil {
		return did, err
	}
	if err = c.noteCommand(ctx, is.by, audit.Entry{Act: audit.Restore, Reason: is.reason}); err == nil {
		did, err = restoreFrom(ctx, c, log, last)
	}
	return did, errors.Join(err, c.store.Close())
}

// restoreFrom puts into a store what the log has: of each person their last leaf, which has their whole record.
func restoreFrom(
	ctx context.Context, c *core, log *consentlog.Log, last map[consentlog.Person]latest,
) (did restored, err error) {
	if err := emptyStore(ctx, c); err != nil {
		return did, err
	}
	err = log.Texts(func(sum string, text []byte) error {
		did.Texts++
		return c.store.PutText(ctx, sum, text)
	})
	if err != nil {
		return did, err
	}
	did.Leaves = log.Size()
	for _, l := range last {
		if l.erased {
			did.Erased++
		}
		done, err := c.service.Log.Restore(ctx, l.key, l.rest)
		if err != nil {
			return did, err
		}
		if done {
			did.Subscriptions++
		}
	}
	return did, consentlog.Adopt(ctx, c.store, log)
}

// latestLeaves returns the last leaf about each person. Of somebody who was erased, that is the erasure, unless they
// came back.
func latestLeaves(log *consentlog.Log) (map[consentlog.Person]latest, error) {
	last := map[consentlog.Person]latest{}
	err := log.Each(func(o consentlog.Opened) error {
		if o.Record == nil {
			return nil // of somebody who was erased, and whose erasure is a leaf of its own
		}
		var record struct {
			Site, Subscription string
			Action             consent.StepAction
			At                 time.Time
		}
		if err := json.Unmarshal(o.Record, &record); err != nil {
			return fmt.Errorf("the record of leaf %d: %w", o.Index, err)
		}
		l := latest{
			store.Key{Site: record.Site, ID: record.Subscription}, record.At, o.Rest,
			record.Action == consent.StepErased, last[o.Person].erasedAt,
		}
		if l.erased {
			l.erasedAt = record.At
		}
		if !record.At.Before(last[o.Person].at) {
			last[o.Person] = l
		}
		return nil
	})
	return last, err
}

// emptyStore returns an error if the store holds subscriptions that no restore put there: it knows the log of a restore
// only at its end.
func emptyStore(ctx context.Context, c *core) error {
	for _, site := range c.service.Sites() {
		page, err := c.store.List(ctx, store.Query{Site: site.ID, State: string(consent.Pending), Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Records) > 0 {
			return errors.New("the store is in use: it has pending signups. Restore into an empty one, and stop the " +
				"service before")
		}
	}
	return nil
}
