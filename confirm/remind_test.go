package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

func TestAReminderIsTheSameLetterOnceMore(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) { o.Sites[0].Terms = reminded() })
	env.signUp("ada@example.org", "letter")
	first := env.email()
	env.later(24 * time.Hour)
	e := env.lease(confirm.QueueExpire, 1)[0]
	if err := env.Clock.Expire(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	entry, second := env.emailOf()
	if !first.ReminderFollows || second.ReminderFollows {
		t.Errorf("the first letter says that one may follow: %v; the reminder: %v", first.ReminderFollows, second.ReminderFollows)
	}
	if first.Reminder || !second.Reminder || second.Confirm != first.Confirm || !second.Deadline.Equal(first.Deadline) || second.ReturnPath != first.ReturnPath {
		t.Errorf("%+v after %+v", second, first)
	}
	if _, err := env.Relay.Message(t.Context(), entry); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("once it was sent: %v", err)
	}
	if days, err := env.Website.Stats(t.Context(), "gazette", "2026-11-22", "2026-11-22"); err != nil || len(days) != 1 || days[0].Reminders != 1 {
		t.Errorf("counted: %+v, %v", days, err)
	}
	env.later(time.Hour)
	if owed, err := env.Website.Resend(t.Context(), "gazette", env.id("ada@example.org")); err != nil || !owed {
		t.Fatal(owed, err)
	}
	if third := env.email(); third.Reminder {
		t.Error("what the website asked for says that it reminds")
	}
	env.later(terms.TTL)
	for _, e := range env.lease(confirm.QueueExpire, 1) {
		if err := env.Clock.Expire(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if got := env.state("ada@example.org"); got != consent.Expired {
		t.Errorf("in the end it is %q", got)
	}
}

func TestAReminderTakesNoneOfTheBudgets(t *testing.T) {
	env := newEnvWith(t, func(o *confirm.Options) {
		frugal(1, 1)(o)
		o.Sites[0].Terms.RemindAfter = 30 * time.Minute
	})
	env.signUp("ada@example.org", "letter")
	env.email()
	env.later(30 * time.Minute)
	if err := env.Clock.Expire(t.Context(), env.lease(confirm.QueueExpire, 1)[0]); err != nil {
		t.Fatal(err)
	}
	if !env.email().Reminder {
		t.Error("no reminder")
	}
	env.later(30 * time.Minute)
	if n := env.left("gazette"); n != 1 {
		t.Errorf("%d letters are left, want 1", n)
	}
}
