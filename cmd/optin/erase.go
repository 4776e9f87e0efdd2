package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/store"
)

const eraseUsage = `optin erase erases people, as DELETE of the API does:

  optin erase -config optin.yaml -site gazette ADDRESS|ID…
  optin erase -config optin.yaml -site gazette -from FILE
      one address or id a line; - reads standard input

What they declined, objected to or withdrew still holds. Who is not known is named, and the others are erased.

  optin erase -config optin.yaml -replay

erases again the people who were erased after a backup of the store was made, and that its restore brought back.
Everything else that the consent log has and the backup does not is put back too: refusals, objections, withdrawals and
confirmations. Stop the service first, and start it afterwards.

-json writes {"erased": [ID…], "unknown": [what was given…]}, and with -replay {"leaves": …, "erased": …,
"subscriptions": …}.
`

// erased is what optin erase did.
type erased struct {
	Erased  []string `json:"erased"`  // ids
	Unknown []string `json:"unknown"` // as they were given
}

// erase is optin erase.
func erase(ctx context.Context, args []string, env environment, stdin io.Reader, stdout, stderr io.Writer) int {
	c := newCall("erase", eraseUsage, env, stdout, stderr).ofSite()
	replay := c.flags.Bool("replay", false, "erase again, after a backup was restored, and bring the store up to date")
	from := c.flags.String("from", "", "a `file` with one address or id a line; - is standard input")
	who, code, ok := c.parse(args)
	if !ok {
		return code
	}
	if *replay && (*from != "" || c.site != "") {
		return c.fail(exitUsage, errors.New("-replay is of everybody in the log: leave -from and -site out"))
	}
	if *replay {
		return logCommand[caughtUp]{c, catchUpStore}.do(ctx, who)
	}
	who, err := withLines(who, *from, stdin)
	if err == nil && len(who) == 0 {
		err = errors.New("say who: addresses, ids of subscriptions, or -from FILE")
	}
	for _, one := range who {
		if _, bad := addressIn(one); bad != nil && err == nil {
			err = bad
		}
	}
	if err != nil {
		return c.fail(exitUsage, err)
	}
	s, code := c.open(ctx)
	if s == nil {
		return code
	}
	defer s.store.Close()
	did, err := s.eraseAll(ctx, who)
	switch {
	case err != nil:
		err = fmt.Errorf("%d are erased, and then: %w", len(did.Erased), err)
		return s.fail(exitFailed, &failure{err, "", map[string]any{"erased": did.Erased, "unknown": did.Unknown}})
	case len(did.Erased) == 0:
		err = &failure{errors.New("nothing is known of " + strings.Join(did.Unknown, ", ")), "unknown",
			map[string]any{"unknown": did.Unknown}}
		return s.fail(exitRefused, err)
	}
	code = s.done(did, did.String())
	if len(did.Unknown) > 0 && code == exitOK {
		code = exitRefused
	}
	return code
}

func (did erased) String() string {
	text := did.Erased[0] + " is erased."
	if n := len(did.Erased); n > 1 {
		text = fmt.Sprintf("%d are erased.", n)
	}
	if len(did.Unknown) > 0 {
		text += " Nothing is known of " + strings.Join(did.Unknown, ", ") + "."
	}
	return text
}

// eraseAll erases people one after the other. Each is noted in the audit log before.
func (s *onSite) eraseAll(ctx context.Context, who []string) (did erased, err error) {
	did = erased{[]string{}, []string{}}
	for i, one := range who {
		s.progress.show("erasing", int64(i), int64(len(who)))
		id, err := s.idOf(ctx, one)
		if err == nil {
			err = s.note(ctx, audit.Erase, id)
		}
		if err == nil {
			err = s.service.Website.Erase(ctx, s.site, id)
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			did.Unknown = append(did.Unknown, one)
		case err != nil:
			return did, err
		default:
			did.Erased = append(did.Erased, id)
		}
	}
	return did, nil
}

// withLines adds the lines of a file that are not empty; - is stdin.
func withLines(all []string, file string, stdin io.Reader) ([]string, error) {
	var text []byte
	var err error
	switch file {
	case "":
		return all, nil
	case "-":
		text, err = io.ReadAll(stdin)
	default:
		text, err = os.ReadFile(file)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all, err
}

// caughtUp is what bringing an older store up to date did.
type caughtUp struct {
	Leaves        int64 `json:"leaves"`
	Erased        int   `json:"erased"`        // people who were there again
	Subscriptions int   `json:"subscriptions"` // others that were behind
}

func (did caughtUp) String() string {
	return fmt.Sprintf("%d people were there again and are erased, and %d subscriptions are brought up to date, by %d "+
		"leaves.", did.Erased, did.Subscriptions, did.Leaves)
}

// catchUpStore is catchUp of the store and the log of a configuration.
func catchUpStore(ctx context.Context, cfg *config.Config, is *call) (did caughtUp, err error) {
	c, err := openCoreAfter(ctx, cfg, storeOptions{existing: true, patience: patient}, nil)
	if err != nil {
		return did, err
	}
	defer c.store.Close()
	log, err := openLog(cfg, c.ring)
	if err != nil {
		return did, err
	}
	if did, err = catchUp(ctx, c, log, is); err != nil {
		return did, err
	}
	// To bring an older copy up to date is to say that it takes the place of the newer data.
	_, err = acceptStore(ctx, cfg, "", slog.New(slog.DiscardHandler))
	return did, err
}

// catchUp brings a store that is an older copy up to the state that the log has. Keys of erased people, which an older
// copy of the file of keys may have brought back, are destroyed once more.
func catchUp(ctx context.Context, c *core, log *consentlog.Log, is *call) (did caughtUp, err error) {
	if err = c.noteCommand(ctx, is.by, audit.Entry{Act: audit.Erase, Reason: is.reason}); err != nil {
		return did, err
	}
	if _, err = consentlog.Verify(log.Dir(), log.PublicKey(), nil, is.reading()); err != nil {
		return did, fmt.Errorf("nothing is changed by a log that is not whole: %w", err)
	}
	last, err := lastLeaves(log, is.progress)
	if err != nil {
		return did, err
	}
	err = log.Texts(func(sum string, text []byte) error { return c.store.PutText(ctx, sum, text) })
	if err != nil {
		return did, err
	}
	did.Leaves = log.Size()
	behind, err := behindOf(ctx, c, log, last, is.progress)
	if err != nil {
		return did, err
	}
	read := int64(0)
	// One after the other, as it happened: what one spelling of a mailbox refused, another may have ended.
	err = eachLast(log, behind, 1, func(l lastLeaf, key store.Key, rest []byte) error {
		var erasedAt time.Time
		if l.erasedAt != 0 {
			erasedAt = time.UnixMilli(l.erasedAt).UTC()
		}
		changed, err := c.service.Log.Reapply(ctx, key, rest, erasedAt)
		if changed && l.erased {
			did.Erased++
		} else if changed {
			did.Subscriptions++
		}
		read++
		is.progress.show("bringing up to date", read, int64(len(behind)))
		return err
	})
	if err != nil {
		return did, err
	}
	for who, l := range last {
		if l.erasedAt == 0 {
			continue
		}
		if err := log.DestroyKey(who, l.erasedAt); err != nil {
			return did, err
		}
	}
	err = consentlog.CatchUp(ctx, c.store, log)
	if errors.Is(err, consentlog.ErrOtherHead) {
		err = fmt.Errorf("the store is no older copy of the one that this log is of: %w", err)
	}
	return did, err
}

// comparers is how many people are compared with the store at once, which reads those together that come at once.
const comparers = 256

// behindOf returns those of the last leaves of which a store has an older state: few, and the rest needs nothing.
func behindOf(
	ctx context.Context, c *core, log *consentlog.Log, last map[consentlog.Person]lastLeaf, shown *progress,
) (map[consentlog.Person]lastLeaf, error) {
	behind, read := map[consentlog.Person]lastLeaf{}, int64(0)
	var mu sync.Mutex
	err := eachLast(log, last, comparers, func(l lastLeaf, key store.Key, rest []byte) error {
		is, err := c.service.Log.IsBehind(ctx, key, rest)
		if err != nil {
			return err
		}
		who, err := personOf(key.ID)
		mu.Lock()
		defer mu.Unlock()
		if is {
			behind[who] = l
		}
		read++
		shown.show("comparing", read, int64(len(last)))
		return err
	})
	return behind, err
}
