package confirm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// ErrUnreadable means that sealed bytes do not open: damaged, moved, or sealed under a secret that is not listed.
// Trying again is useless, until the secret or a copy of the record is put back. *UnreadableError says which record.
var ErrUnreadable = errors.New("confirm: does not open")

// UnreadableError is an ErrUnreadable of a record, or of what belongs to it.
type UnreadableError struct {
	Key  store.Key // names nobody
	What string    // "record", "job", …
	err  error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("%v: %s %s: %v", ErrUnreadable, e.What, e.Key.ID, e.err)
}

// Unwrap makes it an ErrUnreadable.
func (e *UnreadableError) Unwrap() []error { return []error{ErrUnreadable, e.err} }

// One record that does not open stops nobody else: who reads many goes on, and names it. It is noted in the store, so
// that statistics and the dashboard name it too, whichever process met it.
const (
	mostNoted = 100                 // of a site; there is one cause then, and those after it are found by Inspect
	noteFor   = 90 * 24 * time.Hour // unless it is met again
	noteEvery = time.Hour           // that a process notes the same record
)

// notes are the records that do not open, as they are met.
type notes struct {
	store store.Cells
	now   func() time.Time
	tell  func(*UnreadableError)
	last  sync.Map // store.Key -> time.Time
}

func noteCell(site string) string { return "unreadable " + site }

// note returns err. If that is a record which does not open, it is noted; if it cannot be noted now, it will be when it
// is met again.
func (n *notes) note(ctx context.Context, err error) error {
	var bad *UnreadableError
	if !errors.As(err, &bad) || bad.What == whatJob {
		return err
	}
	now := n.now()
	if at, ok := n.last.Load(bad.Key); ok && now.Sub(at.(time.Time)).Abs() < noteEvery {
		return err
	}
	n.tell(bad)
	if n.add(ctx, bad.Key) == nil {
		n.last.Store(bad.Key, now)
	}
	return err
}

// add adds a record to those of its site.
func (n *notes) add(ctx context.Context, key store.Key) error {
	name := noteCell(key.Site)
	for {
		current, err := n.store.SetNX(ctx, name, []byte(key.ID), noteFor)
		if current == nil || err != nil {
			return err
		}
		all := strings.Fields(string(current))
		if !slices.Contains(all, key.ID) && len(all) < mostNoted {
			all = append(all, key.ID)
		}
		err = n.store.CompareAndSwap(ctx, name, current, []byte(strings.Join(all, "\n")), noteFor)
		if !errors.Is(err, store.ErrChanged) {
			return err
		}
	}
}

// Unreadable returns the ids of the records of a site that were met, by any process, and still do not open: 100 at
// most. Inspect finds all of them.
func (w *Website) Unreadable(ctx context.Context, site string) ([]string, error) {
	noted, err := w.Store.Get(ctx, noteCell(site))
	if noted == nil || err != nil {
		return nil, err
	}
	var keys []store.Key
	for _, id := range strings.Fields(string(noted)) {
		keys = append(keys, store.Key{Site: site, ID: id})
	}
	found, err := w.Store.FindAll(ctx, keys...)
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, rec := range found {
		if _, err := w.sealer.box(rec.Key).subscription(rec); err != nil {
			bad = append(bad, rec.Key.ID)
		}
	}
	slices.Sort(bad)
	return bad, nil
}

// unreadable returns the Status of a subscription that does not open, if err says so.
func unreadable(err error) (consent.Status, bool) {
	var bad *UnreadableError
	if !errors.As(err, &bad) {
		return consent.Status{}, false
	}
	return consent.Status{ID: bad.Key.ID, Site: bad.Key.Site, State: consent.Unreadable}, true
}

// inspectPage is how many records Inspect reads at a time.
const inspectPage = 500

// Inspect opens every record of the configured sites and of mailboxes, looks whether the store has the words that each
// names, and changes nothing. It calls progress with how many records it has read, a page at a time, and bad for each
// that does not open, or whose words are lost.
func (s *Service) Inspect(ctx context.Context, progress func(read int), bad func(*UnreadableError)) error {
	i := inspection{records: s.records, words: map[string]error{}}
	read := 0
	sites := []string{mailboxSite}
	for _, site := range s.Sites() {
		sites = append(sites, site.ID)
	}
	for _, site := range sites {
		for q := (store.Query{Site: site, Limit: inspectPage}); ; {
			page, err := s.records.Store.List(ctx, q)
			if err != nil {
				return err
			}
			for _, rec := range page.Records {
				var e *UnreadableError
				switch err := i.look(ctx, rec); {
				case errors.As(err, &e):
					bad(e)
				case err != nil:
					return err
				}
			}
			read += len(page.Records)
			progress(read)
			if q.Before = page.Next; q.Before == (store.Cursor{}) {
				break
			}
		}
	}
	return nil
}

// inspection is one run of Inspect.
type inspection struct {
	*records
	words map[string]error // by hash: nil if the store has them
}

// look opens a record, and looks for what it names.
func (i inspection) look(ctx context.Context, rec store.Record) error {
	box := i.sealer.box(rec.Key)
	if rec.Key.Site == mailboxSite {
		_, err := box.mailbox(rec)
		return err
	}
	sub, err := box.subscription(rec)
	if err != nil {
		return err
	}
	for _, p := range sub.Purposes(i.Now()) {
		sum := p.TextSHA256
		if _, known := i.words[sum]; !known {
			_, i.words[sum] = i.statements.document(ctx, sum)
		}
		switch err := i.words[sum]; {
		case errors.Is(err, store.ErrNotFound):
			return &UnreadableError{rec.Key, "statement " + sum + " of record", err}
		case err != nil:
			return err
		}
	}
	return nil
}
