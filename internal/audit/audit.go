// Package audit keeps who did what to a person's data, and who looked at it: operators in the dashboard, programs with
// an API key, and commands on the machine itself.
//
// An entry is written before what it is about is done or shown, so nothing is done that the log does not have; and if
// the store does not take the entry, nothing is done. What became of an act is in the timeline of the person. No call
// changes or deletes an entry: it is gone after Options.Keep.
//
// Entries are records of a store, of a site that no configuration can have, because its id begins with a hyphen. So
// they have what records have: they are durable, listed newest first by pages, and expire. What is in them is sealed.
// They name a person only by the id of the subscription.
package audit

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
)

// site is where entries are in a store.
const site = "-audit"

// Kind is what sort of caller did something.
type Kind string

// The kinds of callers.
const (
	Operator Kind = "operator" // in the dashboard
	Key      Kind = "key"      // a program with an API key
	Command  Kind = "command"  // somebody at the machine that runs optin
)

// Act is what was done.
type Act string

// The acts.
const (
	Look     Act = "look"     // at one person
	Find     Act = "find"     // a person was searched for
	Download Act = "download" // of a dossier or receipt
	Export   Act = "export"   // of everybody at a site
	Resend   Act = "resend"
	Try      Act = "try"  // an email that waits, now
	Stop     Act = "stop" // an act on all that match
	Withdraw Act = "withdraw"
	Object   Act = "object"
	Unblock  Act = "unblock" // end an objection that the website passed on
	Erase    Act = "erase"
	Retry    Act = "retry"   // failed events
	Test     Act = "test"    // of an endpoint
	Restore  Act = "restore" // a store, from the consent log
	Audit    Act = "audit"   // the log itself was looked at
)

// Acts returns all acts, in the order in which they are offered to choose from.
func Acts() []Act {
	return []Act{
		Look, Find, Download, Export, Resend, Try, Stop, Withdraw, Object, Unblock, Erase, Retry, Test, Restore, Audit,
	}
}

// takesBack reports whether the act takes a consent back, which a full store still does: see store.Change.EvenIfFull.
func (a Act) takesBack() bool { return a == Withdraw || a == Object || a == Erase }

// Entry is one act.
type Entry struct {
	At           time.Time `json:"at"`
	By           Kind      `json:"by"`
	Name         string    `json:"name,omitempty"` // which operator, key or command
	Act          Act       `json:"act"`
	Site         string    `json:"site,omitempty"`
	Subscription string    `json:"subscription,omitempty"`
	Reason       string    `json:"reason,omitempty"` // as who acted gave it
}

// Options are what a Log needs. All but Now are required.
type Options struct {
	Records store.Records
	Keyring *keyring.Keyring
	Keep    time.Duration    // how long an entry is kept
	Now     func() time.Time // time.Now if nil
	Rand    io.Reader        // read by many goroutines
}

// Log is the audit log of a store. It is safe for concurrent use.
type Log struct {
	Options
	last atomic.Uint64 // of next
}

// New returns the audit log of a store.
func New(o Options) *Log {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Log{Options: o}
}

// Add adds entries, each with the present time. Those before the first error are kept.
func (l *Log) Add(ctx context.Context, entries ...Entry) error {
	for _, e := range entries {
		if err := l.add(ctx, e); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return nil
}

func (l *Log) add(ctx context.Context, e Entry) error {
	e.At = l.Now().UTC().Truncate(time.Millisecond)
	id, err := l.newID()
	if err != nil {
		return err
	}
	key := store.Key{Site: site, ID: id}
	plain, err := json.Marshal(e)
	if err != nil {
		return err
	}
	data := l.Keyring.Seal(sealedFor(key), plain)
	return l.Records.Update(ctx, key, func(r store.Record) (store.Change, error) {
		if r.Exists() {
			return store.Change{}, errExists
		}
		return store.Change{EvenIfFull: e.Act.takesBack(), Put: &store.Record{
			State: string(e.Act), Created: e.At, Expires: e.At.Add(l.Keep), Data: data,
		}}, nil
	})
}

// newID returns an id that is greater than those before. Entries of one millisecond are listed in the order of their
// ids, so those of one process are in the order in which they were added. The rest of it is by chance.
func (l *Log) newID() (string, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], l.next(l.Now()))
	var chance [7]byte
	_, err := io.ReadFull(l.Rand, chance[:])
	ordered := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(number[:])
	return ordered + base64.RawURLEncoding.EncodeToString(chance[:])[:22-len(ordered)], err
}

// next returns the nanoseconds since 1970, or, if that is no more than the last time, one more than it was then.
func (l *Log) next(now time.Time) uint64 {
	for {
		last := l.last.Load()
		if n := max(last+1, uint64(now.UnixNano())); l.last.CompareAndSwap(last, n) { // #nosec G115 -- it is after 1970
			return n
		}
	}
}

var errExists = errors.New("an entry is never changed")

// sealedFor is what an entry is sealed for.
func sealedFor(k store.Key) string { return "audit entry " + k.ID }

// Query asks for entries, newest first.
type Query struct {
	Act          Act    // only these; empty: all
	Subscription string // only those about it; empty: all
	Limit        int    // 1 to 1000
	Before       store.Cursor
}

// Page is one part of a listing. It may be shorter than the limit, and even empty, while Next is not zero: what the
// store cannot filter is looked for among maxRead entries at a time.
type Page struct {
	Entries []Entry
	Next    store.Cursor // zero: there is nothing older
}

// maxRead is how many entries are read for one page.
const maxRead = 5000

// List returns one page of entries.
func (l *Log) List(ctx context.Context, q Query) (page Page, err error) {
	ask := store.Query{Site: site, State: string(q.Act), Limit: q.Limit, Before: q.Before}
	for read := 0; read < maxRead; {
		part, err := l.Records.List(ctx, ask)
		if err != nil {
			return Page{}, err
		}
		for i, r := range part.Records {
			e, err := l.open(r)
			if err != nil {
				return Page{}, err
			}
			if q.Subscription == "" || q.Subscription == e.Subscription {
				page.Entries = append(page.Entries, e)
			}
			if last := i == len(part.Records)-1 &&
				part.Next == (store.Cursor{}); len(page.Entries) == q.Limit &&
				!last {
				page.Next = store.Cursor{Created: r.Created, ID: r.Key.ID}
				return page, nil
			}
		}
		read, ask.Before = read+len(part.Records), part.Next
		if page.Next = part.Next; part.Next == (store.Cursor{}) {
			return page, nil
		}
	}
	return page, nil
}

// All returns all entries, newest first. It ends with the first error.
func (l *Log) All(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for q.Limit = 500; ; {
			page, err := l.List(ctx, q)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range page.Entries {
				if !yield(e, nil) {
					return
				}
			}
			if q.Before = page.Next; q.Before == (store.Cursor{}) {
				return
			}
		}
	}
}

// open opens an entry. One that was sealed with a secret that is not configured any more has its time and act.
func (l *Log) open(r store.Record) (e Entry, err error) {
	plain, err := l.Keyring.Open(sealedFor(r.Key), r.Data)
	if err != nil {
		return Entry{At: r.Created, Act: Act(r.State)}, nil //nolint:nilerr // it is listed by what is known of it
	}
	if err := json.Unmarshal(plain, &e); err != nil {
		return e, fmt.Errorf("audit: entry %s: %w", r.Key.ID, err)
	}
	return e, nil
}

// IsAct reports whether a word is one of Acts.
func IsAct(word string) bool { return slices.Contains(Acts(), Act(word)) }
