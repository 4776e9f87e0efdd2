package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

func TestResendSendsTheSameLinkWithinTheLimits(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	first := env.email()
	id := env.id("ada@example.org")
	again := func(want bool) {
		t.Helper()
		if due, _, err := env.Website.Resend(t.Context(), "gazette", id); err != nil || due != want {
			t.Fatalf("due %t, %v; want %t", due, err, want)
		}
	}
	again(false) // 1 in 10 minutes
	env.emails(0)
	for range 2 {
		env.later(10 * time.Minute)
		again(true)
		if second := env.email(); second.Confirm != first.Confirm || !second.Deadline.Equal(first.Deadline) {
			t.Errorf("another link: %+v", second)
		}
	}
	env.later(10 * time.Minute)
	again(false) // 3 in 24 hours
	if _, err := env.confirm(tokenOf(first.Confirm)); err != nil {
		t.Fatal(err)
	}
	env.later(25 * time.Hour)
	again(false) // nothing is open
	_, _, err := env.Website.Resend(t.Context(), "gazette", "AAAAAAAAAAAAAAAAAAAAAA")
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
}

func TestResendSendsNothingToAPersonWhoDeclined(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	message := env.email()
	if _, err := env.Person.Decline(t.Context(), tokenOf(message.Decline), consent.Evidence{}); err != nil {
		t.Fatal(err)
	}
	env.later(time.Hour)
	if due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); err != nil || due {
		t.Errorf("due %t, %v", due, err)
	}
}

func TestResendOfAnEmailThatIsStillDueSendsItOnce(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter")
	env.later(11 * time.Minute)
	if due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); err != nil || !due {
		t.Fatalf("due %t, %v", due, err)
	}
	both := env.emails(2)
	if err := env.Relay.Delivered(t.Context(), both[0], nil, consent.Delivery{Reply: "250 ok"}); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Relay.Message(t.Context(), both[1]); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("the second one: %v", err)
	}
}

func TestAResendIsSentHoweverManyEmailsWaitForTheMailbox(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada+news@example.org", "letter")
	env.email()
	for n := range 7 { // as many as may wait
		env.signUp(spelling(n), "letter")
	}
	for _, job := range env.emailJobs() {
		if _, err := env.Relay.Message(t.Context(), job); err == nil {
			continue // it waits
		}
		if err := env.store.End(t.Context(), job, store.Complete()); err != nil {
			t.Fatal(err)
		}
	}
	env.later(11 * time.Minute)
	if due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("ada+news@example.org")); !due || err != nil {
		t.Fatal(due, err)
	}
	for _, job := range env.emailJobs() {
		if m, err := env.Relay.Message(t.Context(), job); err == nil && m.To == mustParse("ada+news@example.org") {
			return
		}
	}
	t.Error("the resend is due, and was dropped")
}

func TestAResendSaysWhyNothingIsDue(t *testing.T) {
	for want, before := range map[consent.NotDue]func(*env, confirm.Message){
		consent.NotDueLimit: func(*env, confirm.Message) {},
		consent.NotDueConfirmed: func(env *env, m confirm.Message) {
			_, _ = env.confirm(tokenOf(m.Confirm))
		},
		consent.NotDueDeclined: func(env *env, m confirm.Message) {
			_, _ = env.Person.Decline(env.t.Context(), tokenOf(m.Decline), consent.Evidence{})
		},
		consent.NotDueClosed: func(env *env, _ confirm.Message) { env.later(49 * time.Hour) },
		"":                   func(env *env, _ confirm.Message) { env.later(11 * time.Minute) },
	} {
		env := newEnv(t)
		env.signUp("ada@example.org", "letter")
		before(env, env.email())
		due, why, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org"))
		if err != nil || why != want || due != (want == "") {
			t.Errorf("due %t, because of %q, %v; want %q", due, why, err, want)
		}
	}
	env := newEnv(t)
	env.signUp("abuse@example.org", "letter")
	env.later(time.Hour)
	if _, why, err := env.Website.Resend(t.Context(), "gazette", env.id("abuse@example.org")); err != nil ||
		why != consent.NotDueRole {
		t.Errorf("a role address: %q, %v", why, err)
	}
}
