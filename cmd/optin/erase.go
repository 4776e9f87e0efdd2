package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/consentlog"
)

const eraseUsage = `optin erase erases one person, as DELETE of the API does:

  optin erase -config optin.yaml -site gazette ADDRESS|ID

What they declined, objected to or withdrew still holds.

  optin erase -config optin.yaml -replay

erases again the people who were erased after a backup of the store was made, and that its restore brought back.
Everything else that the consent log has and the backup does not is put back too: refusals, objections, withdrawals and
confirmations. Stop the service first, and start it afterwards.

Flags:
`

// erase is optin erase.
func erase(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	again := func(arg string) bool { return arg == "-replay" || arg == "--replay" }
	if slices.ContainsFunc(args, again) {
		return eraseAgain(ctx, args, env, stdout, stderr)
	}
	s, code := openSubject(ctx, "erase", args, env, stderr, func(f *flag.FlagSet) {
		f.Bool("replay", false, "erase again, after a backup was restored, and bring the store up to date")
		f.Usage = func() { fmt.Fprint(f.Output(), eraseUsage); f.PrintDefaults() }
	})
	if s == nil {
		return code
	}
	defer s.store.Close()
	if err := s.service.Website.Erase(ctx, s.site.ID, s.id); err != nil {
		fmt.Fprintln(stderr, "optin erase:", s.explain(err))
		return exitFailed
	}
	if s.json {
		return writeJSON(stdout, stderr, map[string]string{"erased": s.id})
	}
	fmt.Fprintf(stdout, "%s is erased.\n", s.id)
	return exitOK
}

// caughtUp is what bringing an older store up to date did.
type caughtUp struct {
	Leaves        int64 `json:"leaves"`
	Erased        int   `json:"erased"`        // people who were there again
	Subscriptions int   `json:"subscriptions"` // others that were behind
}

// eraseAgain is optin erase -replay.
func eraseAgain(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	c := logCommand[caughtUp]{name: "erase", usage: eraseUsage, run: catchUpStore, flags: func(f *flag.FlagSet) {
		f.Bool("replay", true, "erase again, after a backup was restored, and bring the store up to date")
	}}
	return c.main(ctx, args, env, stdout, stderr)
}

func (did caughtUp) String() string {
	return fmt.Sprintf("%d people were there again and are erased, and %d subscriptions are brought up to date, by %d "+
		"leaves.", did.Erased, did.Subscriptions, did.Leaves)
}

// catchUpStore is catchUp of the store and the log of a configuration.
func catchUpStore(ctx context.Context, cfg *config.Config) (did caughtUp, err error) {
	c, err := openCore(ctx, cfg)
	if err != nil {
		return did, err
	}
	defer c.store.Close()
	log, err := openLog(cfg, c.ring)
	if err != nil {
		return did, err
	}
	return catchUp(ctx, c, log)
}

// catchUp brings a store that is an older copy up to the state that the log has. Keys of erased people, which an older
// copy of the file of keys may have brought back, are destroyed once more.
func catchUp(ctx context.Context, c *core, log *consentlog.Log) (did caughtUp, err error) {
	if err = c.noteCommand(ctx, audit.Erase, "", ""); err != nil {
		return did, err
	}
	if _, err = consentlog.Verify(log.Dir(), log.PublicKey(), nil); err != nil {
		return did, fmt.Errorf("nothing is changed by a log that is not whole: %w", err)
	}
	last, err := latestLeaves(log)
	if err != nil {
		return did, err
	}
	err = log.Texts(func(sum string, text []byte) error { return c.store.PutText(ctx, sum, text) })
	if err != nil {
		return did, err
	}
	did.Leaves = log.Size()
	for _, l := range last {
		behind, err := c.service.Log.Reapply(ctx, l.key, l.rest, l.erasedAt)
		if err == nil && !l.erasedAt.IsZero() {
			err = destroyKey(log, l.key.ID, l.erasedAt)
		}
		switch {
		case err != nil:
			return did, err
		case behind && l.erased:
			did.Erased++
		case behind:
			did.Subscriptions++
		}
	}
	err = consentlog.CatchUp(ctx, c.store, log)
	if errors.Is(err, consentlog.ErrOtherHead) {
		err = fmt.Errorf("the store is no older copy of the one that this log is of: %w", err)
	}
	return did, err
}

// destroyKey destroys the key of a person who was erased.
func destroyKey(log *consentlog.Log, id string, at time.Time) error {
	who, err := personOf(id)
	if err != nil {
		return err
	}
	return log.DestroyKey(who, at.UnixMilli())
}
