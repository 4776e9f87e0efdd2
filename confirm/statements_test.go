package confirm_test

import (
	"bytes"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// newReworded is a service on the store at path, with another text for the letter.
func newReworded(t *testing.T, path, text string) *confirm.Service {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := confirm.New(confirm.Options{
		Store: st, Keyring: ring, PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"},
		Now: func() time.Time { return start },
		Sites: []confirm.Site{{
			ID: "gazette", Locales: []string{"fr"}, Terms: terms,
			Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"fr": text}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATextIsStoredBeforeASignupIsAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	// Nobody has called PutStatements: the store was not ready when the program started.
	before := newReworded(t, path, "La lettre")
	if err := before.Person.SignUp(t.Context(), "gazette", signupOf("ada@example.org", "letter")); err != nil {
		t.Fatal(err)
	}
	reworded := newReworded(t, path, "Tout autre chose")
	got, err := reworded.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil || got.Purposes[0].Text != "La lettre" {
		t.Errorf("%+v, %v", got, err)
	}
}

// swapped is a store that an empty one replaces: a Redis that lost everything.
type swapped struct{ store.Store }

func TestTextsAreStoredAgainInAStoreThatLostThem(t *testing.T) {
	empty := func(env *env) store.Store {
		t.Helper()
		path := filepath.Join(t.TempDir(), "optin.db")
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Now: env.clock})
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

func TestWhatWasShownIsShownAgainWordForWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := open(t, path, "s")
	env.signUp("ada@example.org", "letter")
	env.email()
	reworded := newReworded(t, path, "Tout autre chose")
	got, err := reworded.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil || got.Purposes[0].Text != "La lettre" {
		t.Errorf("%+v, %v", got, err)
	}
}
