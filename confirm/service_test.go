package confirm_test

import (
	"bytes"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

func TestFromSignupToMayIWriteToThisPerson(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	draft := env.email()
	if draft.To != mustParse("ada@example.org") || draft.Locale != "fr" || draft.Purposes[0].Text != "La lettre" || !strings.HasPrefix(draft.Confirm, "https://confirm.example/c/") {
		t.Fatalf("the letter says %+v", draft)
	}
	v, err := env.Person.View(t.Context(), tokenOf(draft.Confirm))
	if err != nil || v.State != consent.Pending || v.Purposes[0].Text != "La lettre" || env.state("ada@example.org") != consent.Pending {
		t.Fatalf("looking: %+v, %v", v, err)
	}
	env.later(time.Minute)
	for range 3 {
		if v, err := env.confirm(tokenOf(draft.Confirm)); err != nil || v.State != consent.Confirmed || v.Unsubscribe == "" {
			t.Fatalf("pressing: %+v, %v", v, err)
		}
	}
	st, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	at := start.Add(time.Minute)
	want := consent.Status{ID: st.ID, Site: "gazette", Email: "ada@example.org", State: consent.Confirmed, Locale: "fr", CreatedAt: start, ConfirmedAt: &at,
		UnsubscribeURL: st.UnsubscribeURL, Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Confirmed, Since: at, Text: "La lettre", TextSHA256: st.Purposes[0].TextSHA256}}}
	if diff := cmp.Diff(want, st); diff != "" || err != nil || len(st.ID) != 22 {
		t.Fatalf("lookup (-want +got), %v:\n%s", err, diff)
	}
	told, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
	if err != nil || told.Type != consent.EventConfirmed {
		t.Fatalf("told %+v, %v", told, err)
	}
	if diff := cmp.Diff(st, told.Data); diff != "" {
		t.Errorf("what the website is told is not what it would be answered:\n%s", diff)
	}

	back := tokenOf(*st.UnsubscribeURL)
	if v, err := env.Person.Agreements(t.Context(), back); err != nil || len(v.Purposes) != 1 {
		t.Fatalf("agreements %+v, %v", v, err)
	}
	if _, err := env.Person.Withdraw(t.Context(), back, nil, consent.Evidence{How: consent.ByOneClick}); err != nil || env.state("ada@example.org") != consent.Withdrawn {
		t.Fatalf("withdrawing: %v", err)
	}
	if v, err := env.confirm(tokenOf(draft.Confirm)); !errors.Is(err, consent.ErrWithdrawn) || v.Site != "gazette" {
		t.Fatalf("pressing what was taken back: %+v, %v", v, err)
	}
}

func TestALetterIsOwedOnlyWhileItsLinkIsOpen(t *testing.T) {
	for name, end := range map[string]func(env *env, v confirm.View){
		"sent already": func(env *env, v confirm.View) {},
		"declined": func(env *env, v confirm.View) {
			_, _ = env.Person.Decline(env.t.Context(), v.Decline, consent.Evidence{})
		},
		"too late":      func(env *env, v confirm.View) { env.later(terms.TTL) },
		"just too late": func(env *env, v confirm.View) { env.later(terms.TTL - time.Minute) },
		"forgotten":     func(env *env, v confirm.View) { env.later(terms.TTL + consent.Grace) },
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("ada@example.org", "letter")
			e := env.emails(1)[0]
			draft, err := env.Relay.Message(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := env.Person.View(t.Context(), tokenOf(draft.Confirm))
			if name == "sent already" {
				if err := env.Relay.Delivered(t.Context(), e, consent.Delivery{Reply: "250 ok"}); err != nil {
					t.Fatal(err)
				}
			}
			end(env, v)
			if _, err := env.Relay.Message(t.Context(), e); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("still owed: %v", err)
			}
		})
	}
}

func TestTheClockClosesWhatNobodyPressed(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	draft := env.email()
	env.lease(confirm.QueueExpire, 0)
	env.later(terms.TTL)
	e := env.lease(confirm.QueueExpire, 1)[0]
	if err := env.Clock.Expire(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := env.Clock.Expire(t.Context(), e); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the same look twice: %v", err)
	}
	told, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
	if err != nil || told.Type != consent.EventExpired || told.Data.Email != "ada@example.org" {
		t.Fatalf("told %+v, %v", told, err)
	}
	v, err := env.confirm(tokenOf(draft.Confirm))
	if !errors.Is(err, consent.ErrExpired) || !v.Renewable {
		t.Fatalf("pressing: %+v, %v", v, err)
	}
	if _, err := env.Person.Renew(t.Context(), tokenOf(draft.Confirm), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	if again := env.email(); again.Confirm == draft.Confirm || !again.Asked.Equal(start) {
		t.Errorf("the new letter: %+v", again)
	}

	env.later(terms.TTL + consent.Grace)
	if got := env.state("ada@example.org"); got != "" {
		t.Errorf("after the grace it is still %q", got)
	}
	if v, err := env.confirm(tokenOf(draft.Confirm)); !errors.Is(err, consent.ErrExpired) || v.Renewable {
		t.Errorf("an old link: %+v, %v", v, err)
	}
	for _, e := range env.lease(confirm.QueueExpire, 2) { // the one that was set last, and one that it took the place of
		if err := env.Clock.Expire(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	env.lease(confirm.QueueExpire, 0)
}

func TestDecliningAnOldLetterCountsThoughAllIsForgotten(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	draft := env.email()
	env.later(terms.TTL + consent.Grace + time.Hour)
	v, err := env.Person.Decline(t.Context(), tokenOf(draft.Decline), consent.Evidence{})
	if err != nil || !v.Declined {
		t.Fatalf("%+v, %v", v, err)
	}
	env.signUp("ada@example.org", "letter")
	env.emails(0)
	if got := env.state("ada@example.org"); got != consent.Declined {
		t.Errorf("state %q", got)
	}
	if _, err := env.Person.Unblock(t.Context(), v.Unblock, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.signUp("ada@example.org", "letter")
	env.email()
}

func TestARotationBreaksNoLinkAndFindsEveryRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	before := open(t, path, "old")
	before.signUp("ada@example.org", "letter")
	draft := before.email()
	during := open(t, path, "new", "old")
	if during.state("ada@example.org") != consent.Pending {
		t.Fatal("not found under the older secret")
	}
	during.later(time.Hour)
	during.signUp("ada@example.org", "letter")
	second := during.email()
	for _, env := range []confirm.Message{draft, second} {
		if _, err := during.confirm(tokenOf(env.Confirm)); err != nil {
			t.Errorf("a link: %v", err)
		}
	}
	if during.state("ada@example.org") != consent.Confirmed {
		t.Error("not confirmed")
	}
	gone := open(t, path, "new")
	if _, err := gone.confirm(tokenOf(draft.Confirm)); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("the secret is listed no more: %v", err)
	}
}

func TestWhatWasShownIsShownAgainWordForWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	env := open(t, path, "s")
	env.signUp("ada@example.org", "letter")
	env.email()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Now: env.clock})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ring, _ := keyring.New(bytes.Repeat([]byte("s"), 32))
	reworded, err := confirm.New(confirm.Options{Store: st, Keyring: ring, PublicURL: &url.URL{Scheme: "https", Host: "confirm.example"}, Now: env.clock, Sites: []confirm.Site{
		{ID: "gazette", Locales: []string{"fr"}, Terms: terms, Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"fr": "Tout autre chose"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := reworded.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	if err != nil || got.Purposes[0].Text != "La lettre" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNothingButASitesOwnPurposesCanBeAsked(t *testing.T) {
	env := newEnv(t)
	for _, a := range []confirm.Signup{
		{Locale: "fr"}, {Locale: "fr", Purposes: []string{"nope"}}, {Locale: "de", Purposes: []string{"letter"}}, {Locale: "fr", Purposes: []string{"letter", "nope"}},
	} {
		a.Address = mustParse("ada@example.org")
		if err := env.Person.SignUp(t.Context(), "gazette", a); !errors.Is(err, confirm.ErrPurpose) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	if err := env.Person.SignUp(t.Context(), "other", confirm.Signup{Purposes: []string{"letter"}, Locale: "fr", Address: mustParse("ada@example.org")}); !errors.Is(err, confirm.ErrPurpose) {
		t.Errorf("another site: %v", err)
	}
	if got := env.state("ada@example.org"); got != "" {
		t.Errorf("stored all the same: %q", got)
	}
}

func TestManyPressesAtOnceAreOneConfirmation(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	tok := tokenOf(env.email().Confirm)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := env.confirm(tok); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	env.lease(endpoint, 1)
}

func TestAnOpenLinkShowsThatAnotherWasFirst(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	first := env.email()
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	if v, err := env.Person.View(t.Context(), tokenOf(first.Confirm)); err != nil || v.State != consent.Confirmed {
		t.Errorf("the first letter's link shows %q, %v", v.State, err)
	}
}

func TestARefusalUnderAnOlderSecretMeetsWhatCameSince(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	before := open(t, path, "old")
	before.signUp("ada@example.org", "letter")
	old := before.email()
	later := terms.TTL + consent.Grace + time.Hour // all is forgotten

	during := open(t, path, "new", "old")
	during.later(later)
	during.signUp("ada@example.org", "letter")
	if _, err := during.confirm(tokenOf(during.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	v, err := during.Person.Decline(t.Context(), tokenOf(old.Decline), consent.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	if got := during.state("ada@example.org"); got != consent.Declined {
		t.Fatalf("state %q", got)
	}
	if _, err := during.Person.Unblock(t.Context(), v.Unblock, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	during.later(2 * consent.Grace)
	if got := during.state("ada@example.org"); got == consent.Confirmed {
		t.Error("confirmed again without a press")
	}
}
