package confirm_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/store"
)

func TestASignupIsConfirmedLookedUpAndWithdrawn(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	message := env.email()
	if message.To != mustParse("ada@example.org") || message.Locale != "fr" || message.Purposes[0].Text != "La lettre" {
		t.Fatalf("the email says %+v", message)
	}
	if !strings.HasPrefix(message.Confirm, "https://confirm.example/c/") {
		t.Fatalf("the link is %s", message.Confirm)
	}
	v, err := env.Person.View(t.Context(), tokenOf(message.Confirm))
	if err != nil || v.State != consent.Pending || v.Purposes[0].Text != "La lettre" {
		t.Fatalf("looking: %+v, %v", v, err)
	}
	if got := env.state("ada@example.org"); got != consent.Pending {
		t.Fatalf("looking made it %q", got)
	}
	env.later(time.Minute)
	for range 3 {
		v, err := env.confirm(tokenOf(message.Confirm))
		if err != nil || v.State != consent.Confirmed || v.Unsubscribe == "" {
			t.Fatalf("confirming: %+v, %v", v, err)
		}
	}
	st, err := env.Website.Lookup(t.Context(), "gazette", mustParse("ada@example.org"))
	at := start.Add(time.Minute)
	want := consent.Status{
		ID: st.ID, Site: "gazette", Email: "ada@example.org", State: consent.Confirmed, Locale: "fr",
		CreatedAt: start, ConfirmedAt: &at, UnsubscribeURL: st.UnsubscribeURL,
		Purposes: []consent.PurposeStatus{{
			ID: "letter", State: consent.Confirmed, Since: at,
			Text: "La lettre", TextSHA256: st.Purposes[0].TextSHA256,
		}},
	}
	if diff := cmp.Diff(want, st); diff != "" || err != nil || len(st.ID) != 22 {
		t.Fatalf("lookup (-want +got), %v:\n%s", err, diff)
	}
	event, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
	if err != nil || event.Type != consent.EventConfirmed {
		t.Fatalf("event %+v, %v", event, err)
	}
	if diff := cmp.Diff(st, event.Data); diff != "" {
		t.Errorf("the event is not what a lookup returns:\n%s", diff)
	}

	back := tokenOf(*st.UnsubscribeURL)
	if v, err := env.Person.Consents(t.Context(), back); err != nil || len(v.Purposes) != 1 {
		t.Fatalf("agreements %+v, %v", v, err)
	}
	if _, err := env.Person.Withdraw(t.Context(), back, nil, consent.Evidence{How: consent.ByOneClick}); err != nil {
		t.Fatal(err)
	}
	if got := env.state("ada@example.org"); got != consent.Withdrawn {
		t.Fatalf("withdrawing made it %q", got)
	}
	if v, err := env.confirm(tokenOf(message.Confirm)); !errors.Is(err, consent.ErrWithdrawn) || v.Site != "gazette" {
		t.Fatalf("confirming what was withdrawn: %+v, %v", v, err)
	}
}

func TestAnEmailIsDueOnlyWhileItsLinkIsOpen(t *testing.T) {
	for name, end := range map[string]func(env *env, v confirm.View){
		"sent already": func(env *env, v confirm.View) {},
		"declined": func(env *env, v confirm.View) {
			_, _ = env.Person.Decline(env.t.Context(), v.Decline, consent.Evidence{})
		},
		"too late":      func(env *env, v confirm.View) { env.later(terms.TTL) },
		"just too late": func(env *env, v confirm.View) { env.later(terms.TTL - time.Minute) },
		"deleted":       func(env *env, v confirm.View) { env.later(terms.TTL + consent.Grace) },
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("ada@example.org", "letter")
			job := env.emails(1)[0]
			message, err := env.Relay.Message(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := env.Person.View(t.Context(), tokenOf(message.Confirm))
			if name == "sent already" {
				if err := env.Relay.Delivered(t.Context(), job, nil, consent.Delivery{Reply: "250 ok"}); err != nil {
					t.Fatal(err)
				}
			}
			end(env, v)
			if _, err := env.Relay.Message(t.Context(), job); !errors.Is(err, confirm.ErrNotDue) {
				t.Errorf("still due: %v", err)
			}
		})
	}
}

func TestTheClockClosesWhatNobodyConfirmed(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	message := env.email()
	env.lease(store.TimerQueue, 0)
	env.later(terms.TTL)
	job := env.lease(store.TimerQueue, 1)[0]
	if err := env.Clock.Expire(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if err := env.Clock.Expire(t.Context(), job); err != nil {
		t.Errorf("the same timer twice: %v", err)
	}
	event, err := env.Website.Event(t.Context(), env.lease(endpoint, 1)[0])
	if err != nil || event.Type != consent.EventExpired || event.Data.Email != "ada@example.org" {
		t.Fatalf("event %+v, %v", event, err)
	}
	v, err := env.confirm(tokenOf(message.Confirm))
	if !errors.Is(err, consent.ErrExpired) || !v.Renewable {
		t.Fatalf("confirming: %+v, %v", v, err)
	}
	if _, err := env.Person.Renew(t.Context(), tokenOf(message.Confirm), nil, consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	if again := env.email(); again.Confirm == message.Confirm || !again.Asked.Equal(start) {
		t.Errorf("the new email: %+v", again)
	}

	env.later(terms.TTL + consent.Grace)
	if got := env.state("ada@example.org"); got != "" {
		t.Errorf("after the grace it is still %q", got)
	}
	if v, err := env.confirm(tokenOf(message.Confirm)); !errors.Is(err, consent.ErrExpired) || v.Renewable {
		t.Errorf("an old link: %+v, %v", v, err)
	}
	env.lease(store.TimerQueue, 0) // it is gone with its record
}

func TestDecliningCountsEvenIfTheRecordWasDeleted(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	message := env.email()
	env.later(terms.TTL + consent.Grace + time.Hour)
	v, err := env.Person.Decline(t.Context(), tokenOf(message.Decline), consent.Evidence{})
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

func TestARotationOfSecretsBreaksNoLinkAndFindsEveryRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	before := open(t, path, "old")
	before.signUp("ada@example.org", "letter")
	message := before.email()
	during := open(t, path, "new", "old")
	if during.state("ada@example.org") != consent.Pending {
		t.Fatal("not found under the older secret")
	}
	during.later(time.Hour)
	during.signUp("ada@example.org", "letter")
	second := during.email()
	for _, m := range []confirm.Message{message, second} {
		if _, err := during.confirm(tokenOf(m.Confirm)); err != nil {
			t.Errorf("a link: %v", err)
		}
	}
	if during.state("ada@example.org") != consent.Confirmed {
		t.Error("not confirmed")
	}
	gone := open(t, path, "new")
	if _, err := gone.confirm(tokenOf(message.Confirm)); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("the secret is no longer listed: %v", err)
	}
}

func TestManyConfirmationsAtOnceAreOne(t *testing.T) {
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

func TestALinkShowsThatAnotherConfirmedItsPurposes(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	first := env.email()
	env.later(time.Hour)
	env.signUp("ada@example.org", "letter")
	if _, err := env.confirm(tokenOf(env.email().Confirm)); err != nil {
		t.Fatal(err)
	}
	if v, err := env.Person.View(t.Context(), tokenOf(first.Confirm)); err != nil || v.State != consent.Confirmed {
		t.Errorf("the first email's link shows %q, %v", v.State, err)
	}
}

func TestARefusalUnderAnOlderSecretIsMergedWithTheNewerRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "optin.db")
	before := open(t, path, "old")
	before.signUp("ada@example.org", "letter")
	old := before.email()
	later := terms.TTL + consent.Grace + time.Hour // its record is deleted

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
		t.Error("confirmed again without a confirmation")
	}
}
