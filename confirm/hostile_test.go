package confirm_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

func TestATextIsKeptBeforeAnybodyIsToldThatTheySignedUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	ring, err := keyring.New(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	worded := func(text string) *confirm.Service {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		s, err := confirm.New(confirm.Options{Store: st, Keyring: ring, PublicURL: "https://confirm.example", Sites: []confirm.Site{{
			ID: "gazette", Locales: []string{"fr"}, Terms: terms, Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"fr": text}}}}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// Nobody has called PutTexts: the store was not ready when the program started.
	err = worded("La lettre").Person.SignUp(t.Context(), "gazette", confirm.Signup{Address: mustParse("ada@example.org"), Purposes: []string{"letter"}, Locale: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := worded("Tout autre chose").Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil || got.Purposes[0].Text != "La lettre" {
		t.Errorf("%+v, %v", got, err)
	}
}

// swapped is a store in whose place an empty one came: a Redis that lost everything.
type swapped struct{ store.Store }

func TestTextsAreKeptAgainInAStoreThatLostThem(t *testing.T) {
	empty := func(d *desk) store.Store {
		t.Helper()
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: d.clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	d := newDesk(t)
	at := &swapped{d.store}
	d.Store = at
	d.ask("ada@example.org", "letter")
	at.Store = empty(d)
	d.later(2 * time.Minute)
	d.ask("grace@example.org", "letter")
	got, err := d.Website.Lookup(t.Context(), "gazette", mustParse("grace@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := at.Text(t.Context(), got.Purposes[0].TextSHA256); err != nil {
		t.Errorf("what was shown: %v", err)
	}
}

// What is committed is waited for: a signup that committed nothing would tell by its haste that the address is known.
func TestASignupThatChangesNothingIsCommittedLikeAnyOther(t *testing.T) {
	d := newDesk(t)
	version := func() store.Version {
		t.Helper()
		p, err := d.store.List(t.Context(), store.Query{Site: "gazette"})
		if err != nil || len(p.Records) != 1 {
			t.Fatalf("%d records, %v", len(p.Records), err)
		}
		return p.Records[0].Version
	}
	ignored := func(what string) {
		t.Helper()
		before, state := version(), d.state("ada@example.org")
		d.ask("ada@example.org", "letter")
		d.letters(0)
		if version() == before {
			t.Errorf("%s: nothing was committed", what)
		}
		if now := d.state("ada@example.org"); now != state {
			t.Errorf("%s: %s became %s", what, state, now)
		}
	}
	d.ask("ada@example.org", "letter")
	draft := d.letter()
	ignored("pending")
	if _, err := d.press(tokenOf(draft.Confirm)); err != nil {
		t.Fatal(err)
	}
	ignored("confirmed")
	if _, err := d.Person.Decline(t.Context(), tokenOf(draft.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	ignored("declined")
}
