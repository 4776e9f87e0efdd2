package audit_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// env is an audit log whose clock a test moves.
type env struct {
	*testing.T
	store store.Store
	log   *audit.Log
	now   time.Time
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{T: t, now: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return e.now }
	var err error
	e.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.store.Close() })
	e.log = e.with("a secret of thirty-two bytes or so")
	return e
}

// with is the log of a process with another secret.
func (e *env) with(secret string) *audit.Log {
	e.Helper()
	ring, err := keyring.New([]byte(secret))
	if err != nil {
		e.Fatal(err)
	}
	return audit.New(audit.Options{
		Records: e.store,
		Keyring: ring,
		Keep:    24 * time.Hour,
		Now:     func() time.Time { return e.now },
		Rand:    rand.Reader,
	})
}

// add adds entries, a second apart, and returns them as they are kept.
func (e *env) add(all ...audit.Entry) []audit.Entry {
	e.Helper()
	for i := range all {
		e.now = e.now.Add(time.Second)
		if err := e.log.Add(e.Context(), all[i]); err != nil {
			e.Fatal(err)
		}
		all[i].At = e.now
	}
	return all
}

// list is all pages of a listing.
func (e *env) list(l *audit.Log, q audit.Query) (all []audit.Entry) {
	e.Helper()
	for {
		page, err := l.List(e.Context(), q)
		if err != nil {
			e.Fatal(err)
		}
		all = append(all, page.Entries...)
		if q.Before = page.Next; page.Next == (store.Cursor{}) {
			return all
		}
	}
}

func TestEntriesAreListedNewestFirstByActAndByPerson(t *testing.T) {
	e := newEnv(t)
	kept := e.add(
		audit.Entry{By: audit.Operator, Name: "ada", Act: audit.Look, Site: "gazette", Subscription: "one"},
		audit.Entry{
			By:           audit.Key,
			Name:         "1a2b",
			Act:          audit.Erase,
			Site:         "gazette",
			Subscription: "two",
			Reason:       "she asked",
		},
		audit.Entry{By: audit.Command, Name: "root", Act: audit.Look, Site: "club", Subscription: "two"},
	)
	for name, row := range map[string]struct {
		ask  audit.Query
		want []audit.Entry
	}{
		"all":             {audit.Query{Limit: 9}, []audit.Entry{kept[2], kept[1], kept[0]}},
		"one a page":      {audit.Query{Limit: 1}, []audit.Entry{kept[2], kept[1], kept[0]}},
		"looks":           {audit.Query{Act: audit.Look, Limit: 1}, []audit.Entry{kept[2], kept[0]}},
		"of a person":     {audit.Query{Subscription: "two", Limit: 1}, []audit.Entry{kept[2], kept[1]}},
		"of nobody":       {audit.Query{Subscription: "three", Limit: 1}, nil},
		"what nobody did": {audit.Query{Act: audit.Withdraw, Limit: 9}, nil},
	} {
		if diff := cmp.Diff(row.want, e.list(e.log, row.ask)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var all []audit.Entry
	for entry, err := range e.log.All(t.Context(), audit.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry)
	}
	if diff := cmp.Diff([]audit.Entry{kept[2], kept[1], kept[0]}, all); diff != "" {
		t.Errorf("exported: %s", diff)
	}
}

func TestAnEntryIsGoneOnlyOnceItsTimeIsOver(t *testing.T) {
	e := newEnv(t)
	e.add(audit.Entry{By: audit.Operator, Act: audit.Look})
	e.now = e.now.Add(24*time.Hour - time.Second)
	if n := len(e.list(e.log, audit.Query{Limit: 9})); n != 1 {
		t.Errorf("%d entries before its time is over", n)
	}
	e.now = e.now.Add(time.Second)
	if n := len(e.list(e.log, audit.Query{Limit: 9})); n != 0 {
		t.Errorf("%d entries after it", n)
	}
}

func TestAnEntryIsSealedAndListedWithoutItsSecretByWhatIsKnown(t *testing.T) {
	e := newEnv(t)
	kept := e.add(audit.Entry{By: audit.Operator, Name: "ada", Act: audit.Erase, Reason: "she asked"})
	page, err := e.store.List(t.Context(), store.Query{Site: "-audit"})
	if err != nil || len(page.Records) != 1 || strings.Contains(string(page.Records[0].Data), "she asked") {
		t.Errorf("%v, %v", page, err)
	}
	other := e.with("another secret of thirty-two bytes")
	want := []audit.Entry{{At: kept[0].At, Act: audit.Erase}}
	if diff := cmp.Diff(want, e.list(other, audit.Query{Limit: 9})); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutItsStoreNothingIsAdded(t *testing.T) {
	e := newEnv(t)
	e.store.Close()
	if err := e.log.Add(context.Background(), audit.Entry{Act: audit.Erase}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestEntriesOfOneMomentAreInTheOrderInWhichTheyWereAdded(t *testing.T) {
	e := newEnv(t)
	for range 20 {
		for _, id := range []string{"first", "second"} {
			if err := e.log.Add(t.Context(), audit.Entry{Act: audit.Look, Subscription: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, entry := range e.list(e.log, audit.Query{Limit: 9}) {
		if want := []string{"second", "first"}[i%2]; entry.Subscription != want {
			t.Fatalf("entry %d is %s, want %s", i, entry.Subscription, want)
		}
	}
}
