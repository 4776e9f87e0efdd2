package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

func TestAReminderIsTheSameEmailOnceMore(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Sites[0].Terms = reminded() })
	env.signUp("ada@example.org", "letter")
	first := env.email()
	env.later(24 * time.Hour)
	job := env.lease(store.TimerQueue, 1)[0]
	if err := env.Clock.Expire(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	job, second := env.emailOf()
	if !first.ReminderFollows || second.ReminderFollows {
		t.Errorf("the first email says that one may follow: %t; the reminder: %t",
			first.ReminderFollows, second.ReminderFollows)
	}
	if first.Reminder || !second.Reminder {
		t.Errorf("the first is a reminder: %t, the second: %t", first.Reminder, second.Reminder)
	}
	if second.ID == first.ID {
		t.Errorf("both have the Message-ID %s", first.ID)
	}
	second.Reminder, first.ReminderFollows, second.Date, second.ID = false, false, first.Date, first.ID
	same := []cmp.Option{cmp.AllowUnexported(address.Address{}), cmpopts.IgnoreUnexported(confirm.Message{})}
	if !cmp.Equal(second, first, same...) {
		t.Errorf("%+v after %+v", second, first)
	}
	if _, err := env.Relay.Message(t.Context(), job); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("once it was sent: %v", err)
	}
	days, err := env.days("2026-11-22", "2026-11-22")
	if err != nil || len(days) != 1 || days[0].Reminders != 1 {
		t.Errorf("counted: %+v, %v", days, err)
	}
	env.later(time.Hour)
	if due, _, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); err != nil || !due {
		t.Fatal(due, err)
	}
	if third := env.email(); third.Reminder {
		t.Error("the email that the website asked for says that it is a reminder")
	}
	env.later(terms.TTL)
	for _, job := range env.lease(store.TimerQueue, 1) {
		if err := env.Clock.Expire(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if got := env.state("ada@example.org"); got != consent.Expired {
		t.Errorf("after the deadline it is %q", got)
	}
}

func TestAReminderTakesNoneOfTheEmailsOfTheSite(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		withEmails(1, 1)(o)
		o.Sites[0].Terms.RemindAfter = 30 * time.Minute
	})
	env.signUp("ada@example.org", "letter")
	env.email()
	env.later(30 * time.Minute)
	if err := env.Clock.Expire(t.Context(), env.lease(store.TimerQueue, 1)[0]); err != nil {
		t.Fatal(err)
	}
	if !env.email().Reminder {
		t.Error("no reminder")
	}
	env.later(30 * time.Minute)
	if n := env.left("gazette"); n != 1 {
		t.Errorf("%d emails are left, want 1", n)
	}
}
