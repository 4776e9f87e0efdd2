package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/optin/optin/confirm"
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
there. Until a restore has ended the store is refused; one that was stopped is run again. None begins while the store
has changes that are not in the log yet. What comes back are confirmations, withdrawals and refusals with their evidence
and the words that were shown, and every erasure. Signups that nobody had confirmed, and what the log had not taken up
yet, do not.

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
	c := newCall("restore", restoreUsage, env, stdout, stderr)
	return logCommand[restored]{c, restoreStore}.main(ctx, args)
}

func (did restored) String() string {
	return fmt.Sprintf("%d subscriptions are restored from %d leaves, with %d texts; %d people had been erased.",
		did.Subscriptions, did.Leaves, did.Texts, did.Erased)
}

// lastLeaf is the last leaf about a person: the last one that happened. In the log it need not be the last, if jobs
// came again from a backup. There is one for each person, so it has no pointer that the collector would follow.
type lastLeaf struct {
	index    int64
	at       int64 // in ms since 1970
	erased   bool
	erasedAt int64 // the last erasure, as at; 0: none
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
	last, err := lastLeaves(log, is.progress)
	if err != nil {
		return did, err
	}
	// To fill a store that lost its data is to say that the loss is known.
	c, err := openCoreAfter(ctx, cfg, storeOptions{patience: patient}, func(st store.Store, is *identity.Keeper) error {
		if err := errors.Join(fillable(ctx, cfg, st), consentlog.Adoptable(ctx, st, log)); err != nil {
			return err
		}
		return is.BeginRestore(ctx)
	})
	if err != nil {
		return did, err
	}
	if err = c.noteCommand(ctx, is.by, audit.Entry{Act: audit.Restore, Reason: is.reason}); err == nil {
		did, err = restoreFrom(ctx, c, log, last, is.progress)
	}
	return did, errors.Join(err, c.store.Close())
}

// restoreFrom puts into a store what the log has: of each person their last leaf, which has their whole record.
func restoreFrom(
	ctx context.Context, c *core, log *consentlog.Log, last map[consentlog.Person]lastLeaf, shown *progress,
) (did restored, err error) {
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
	}
	r := restorer{log: c.service.Log, shown: shown, of: int64(len(last))}
	err = eachLast(log, last, restorers, func(_ lastLeaf, key store.Key, rest []byte) error {
		return r.restore(ctx, confirm.Restorable{Key: key, Rest: rest})
	})
	if err == nil {
		err = r.flush(ctx)
	}
	if did.Subscriptions = r.restored; err != nil {
		return did, err
	}
	if err := consentlog.Adopt(ctx, c.store, log); err != nil {
		return did, err
	}
	return did, c.identity.EndRestore(ctx)
}

// restorers is how many batches are on their way into the store at most: while it puts some, others are read.
const restorers = 8

// batchBytes is how large a batch becomes, about: records are small, and a few may be large.
const batchBytes = 4 << 20

// restorer puts people into a store, many at a time. Its methods may be called from any goroutine.
type restorer struct {
	log   *confirm.Log
	shown *progress
	of    int64 // how many there are

	mu       sync.Mutex
	batch    []confirm.Restorable
	bytes    int // of the batch
	read     int64
	restored int
}

// restore restores somebody, with those before once they are many.
func (r *restorer) restore(ctx context.Context, one confirm.Restorable) error {
	var batch []confirm.Restorable
	r.mu.Lock()
	r.batch, r.bytes = append(r.batch, one), r.bytes+len(one.Rest)
	if len(r.batch) == store.MaxAdded || r.bytes >= batchBytes {
		batch, r.batch, r.bytes = r.batch, nil, 0
	}
	r.mu.Unlock()
	return r.put(ctx, batch)
}

// flush restores those who waited to become many. Nobody may call restore at the same time.
func (r *restorer) flush(ctx context.Context) error { return r.put(ctx, r.batch) }

func (r *restorer) put(ctx context.Context, batch []confirm.Restorable) error {
	if len(batch) == 0 {
		return nil
	}
	n, err := r.log.Restore(ctx, batch...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restored += n
	r.read += int64(len(batch))
	r.shown.show("restoring", r.read, r.of)
	return err
}

// eachLast calls f with the last leaf about each person, whose record it is, and what restores that, by so many
// goroutines at once.
func eachLast(
	log *consentlog.Log, last map[consentlog.Person]lastLeaf, goroutines int,
	f func(l lastLeaf, key store.Key, rest []byte) error,
) error {
	wanted := make([]bool, log.Size())
	for _, l := range last {
		wanted[l.index] = true
	}
	is := func(index int64) bool { return index < int64(len(wanted)) && wanted[index] }
	return log.EachAtOnce(goroutines, is, func(o consentlog.Opened) error {
		head, err := confirm.ReadLogHead(o.Record)
		if err != nil {
			return fmt.Errorf("the record of leaf %d: %w", o.Index, err)
		}
		return f(last[o.Person], head.Key, o.Rest)
	})
}

// lastLeaves returns the last leaf about each person. Of somebody who was erased, that is the erasure, unless they came
// back.
func lastLeaves(log *consentlog.Log, shown *progress) (map[consentlog.Person]lastLeaf, error) {
	last, read, size := map[consentlog.Person]lastLeaf{}, int64(0), log.Size()
	var mu sync.Mutex
	every := func(int64) bool { return true }
	err := log.EachAtOnce(runtime.GOMAXPROCS(0), every, func(o consentlog.Opened) error {
		var head confirm.LogHead
		var err error
		if o.Record != nil { // nil: of somebody who was erased, and whose erasure is a leaf of its own
			if head, err = confirm.ReadLogHead(o.Record); err != nil {
				return fmt.Errorf("the record of leaf %d: %w", o.Index, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		read++
		shown.show("reading the log", read, size)
		if o.Record == nil {
			return nil
		}
		l := lastLeaf{index: o.Index, at: head.At.UnixMilli(), erased: head.Action == consent.StepErased}
		was, known := last[o.Person]
		erasedAt := was.erasedAt
		if l.erased {
			erasedAt = max(erasedAt, l.at)
		}
		if known && (l.at < was.at || l.at == was.at && l.index < was.index) {
			l = was
		}
		l.erasedAt = erasedAt
		last[o.Person] = l
		return nil
	})
	return last, err
}

// fillable returns an error if the store holds subscriptions that no restore put there, as far as that can be seen, or
// changes that are not in the log yet: an erasure may be among them, and its person would come back.
func fillable(ctx context.Context, cfg *config.Config, st store.Store) error {
	for _, site := range cfg.Sites {
		page, err := st.List(ctx, store.Query{Site: site.ID, State: string(consent.Pending), Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Records) > 0 {
			return errors.New("the store is in use: it has pending signups. Restore into an empty one, and stop the " +
				"service before")
		}
	}
	waits, err := st.Backlogs(ctx, confirm.QueueLog)
	if err != nil {
		return err
	}
	if n := waits[0].Jobs + waits[0].Failed; n > 0 {
		return fmt.Errorf("the store is in use: %d changes of it are not in the log yet, such as erasures, whose "+
			"people a restore would bring back. Start the service, which writes them, and stop it when /readyz says "+
			"that nothing waits", n)
	}
	return nil
}
