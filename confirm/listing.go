package confirm

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// Listing asks for a site's subscriptions, newest first.
type Listing struct {
	State   consent.State // only these; with a purpose: those in which that purpose stands so
	Purpose string        // only those that ever asked for this purpose
	From    time.Time     // only those created then or later; zero: all
	To      time.Time     // only those created before then; zero: all
	Limit   int           // 1 to 1000
	Cursor  string        // Listed.Next of the same listing; empty: from the newest
}

// Listed is one page of a listing. It may be shorter than its limit, and even empty, while Next is not: what the store
// cannot filter is looked for among maxScan records at a time.
type Listed struct {
	All        []consent.Status
	Unreadable []string // ids of those that do not open, which are in the listing if they would be by what is known
	Next       string   // empty: there is nothing older
}

const maxScan = 5000

// List returns one page of a listing; ErrCursor.
func (w *Website) List(ctx context.Context, site string, l Listing) (listed Listed, err error) {
	q := store.Query{Site: site, Limit: l.Limit, Before: store.Cursor{Created: l.To}}
	if l.State == consent.Confirmed || l.Purpose == "" && !w.revised(site) {
		q.State = string(l.State)
	}
	if l.Cursor != "" {
		if q.Before, err = l.openCursor(w.Keyring, site); err != nil {
			return Listed{}, err
		}
	}
	for scanned := 0; scanned < maxScan; {
		part, err := w.Store.List(ctx, q)
		if err != nil {
			return Listed{}, err
		}
		for i, r := range part.Records {
			if r.Created.Before(l.From) {
				return listed, nil
			}
			st, err := w.status(ctx, r, time.Time{})
			switch {
			case errors.Is(err, ErrUnreadable):
				listed.Unreadable = append(listed.Unreadable, r.Key.ID)
			case err != nil && !errors.Is(err, store.ErrNotFound):
				return Listed{}, err
			case err == nil && l.matches(st):
				listed.All = append(listed.All, st)
			}
			full := len(listed.All)+len(listed.Unreadable) == l.Limit
			if last := i == len(part.Records)-1 && part.Next == (store.Cursor{}); full && !last {
				listed.Next = l.cursor(w.Keyring, site, store.Cursor{Created: r.Created, ID: r.Key.ID})
				return listed, nil
			}
		}
		if part.Next == (store.Cursor{}) {
			return listed, nil
		}
		scanned, q.Before = scanned+len(part.Records), part.Next
	}
	listed.Next = l.cursor(w.Keyring, site, q.Before)
	return listed, nil
}

// revised reports whether a purpose of a site has a newer revision than its first. Then a record that is stored as
// confirmed may stand elsewhere by now, because the revision ended its consent.
func (r *records) revised(site string) bool {
	for _, revision := range r.revisions.of[site] {
		if revision > 1 {
			return true
		}
	}
	return false
}

// matches reports whether a subscription belongs in the listing.
func (l Listing) matches(st consent.Status) bool {
	if l.Purpose == "" {
		return l.State == "" || l.State == st.State
	}
	for _, p := range st.Purposes {
		if p.ID == l.Purpose {
			return l.State == "" || l.State == p.State
		}
	}
	return false
}

// Export returns every subscription of a site, newest first, a few hundred in memory at a time. One that does not open
// has its id, its site and the state consent.Unreadable. Export ends with the first error.
func (w *Website) Export(ctx context.Context, site string) iter.Seq2[consent.Status, error] {
	return func(yield func(consent.Status, error) bool) {
		for q := (store.Query{Site: site, Limit: 500}); ; {
			part, err := w.Store.List(ctx, q)
			if err != nil {
				yield(consent.Status{}, err)
				return
			}
			for _, r := range part.Records {
				st, err := w.status(ctx, r, time.Time{})
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if bad, is := unreadable(err); is {
					st, err = bad, nil
				}
				if !yield(st, err) || err != nil {
					return
				}
			}
			if q.Before = part.Next; q.Before == (store.Cursor{}) {
				return
			}
		}
	}
}

// ErrCursor means that a cursor was not returned by the same listing.
var ErrCursor = errors.New("confirm: not a cursor of this listing")

// context is what a cursor is sealed for. A site's id has no space, so nothing else is sealed under such a name.
func (l Listing) context(site string) string {
	return strings.Join([]string{
		"list cursor", site, string(l.State), l.Purpose, l.From.UTC().String(), l.To.UTC().String(),
	}, " ")
}

func (l Listing) cursor(ring *keyring.Keyring, site string, at store.Cursor) string {
	plain, err := json.Marshal(at)
	if err != nil {
		panic(err) // our own type
	}
	return base64.RawURLEncoding.EncodeToString(ring.Seal(l.context(site), plain))
}

func (l Listing) openCursor(ring *keyring.Keyring, site string) (at store.Cursor, err error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(l.Cursor)
	if err != nil || len(l.Cursor) > 512 || strings.ContainsAny(l.Cursor, "\r\n") { // which decoding passes over
		return at, ErrCursor
	}
	plain, err := ring.Open(l.context(site), sealed)
	if err != nil || json.Unmarshal(plain, &at) != nil {
		return at, ErrCursor
	}
	return at, nil
}
