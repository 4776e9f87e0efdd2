package confirm_test

import (
	"bytes"
	"net/url"
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
		s, err := confirm.New(confirm.Options{Store: st, Keyring: ring, PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"}, Sites: []confirm.Site{{
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
	empty := func(env *env) store.Store {
		t.Helper()
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: env.clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	at := &swapped{}
	env := newEnvWith(t, func(o *confirm.Options) { at.Store, o.Store = o.Store, at })
	env.signUp("ada@example.org", "letter")
	at.Store = empty(env)
	env.later(2 * time.Minute)
	env.signUp("grace@example.org", "letter")
	got, err := env.Website.Lookup(t.Context(), "gazette", mustParse("grace@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := at.Text(t.Context(), got.Purposes[0].TextSHA256); err != nil {
		t.Errorf("what was shown: %v", err)
	}
}

// What is committed is waited for: a signup that committed nothing would tell by its haste that the address is known.
func TestASignupThatChangesNothingIsCommittedLikeAnyOther(t *testing.T) {
	env := newEnv(t)
	version := func() store.Version {
		t.Helper()
		p, err := env.store.List(t.Context(), store.Query{Site: "gazette"})
		if err != nil || len(p.Records) != 1 {
			t.Fatalf("%d records, %v", len(p.Records), err)
		}
		return p.Records[0].Version
	}
	ignored := func(what string) {
		t.Helper()
		before, state := version(), env.state("ada@example.org")
		env.signUp("ada@example.org", "letter")
		env.emails(0)
		if version() == before {
			t.Errorf("%s: nothing was committed", what)
		}
		if now := env.state("ada@example.org"); now != state {
			t.Errorf("%s: %s became %s", what, state, now)
		}
	}
	env.signUp("ada@example.org", "letter")
	draft := env.email()
	ignored("pending")
	if _, err := env.confirm(tokenOf(draft.Confirm)); err != nil {
		t.Fatal(err)
	}
	ignored("confirmed")
	if _, err := env.Person.Decline(t.Context(), tokenOf(draft.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	ignored("declined")
}
