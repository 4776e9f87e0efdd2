package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

func TestAReminderIsTheSameLetterOnceMore(t *testing.T) {
	d := deskAs(t, site(func(s *confirm.Site) { s.Terms = reminded() }))
	d.ask("ada@example.org", "letter")
	first := d.letter()
	d.later(24 * time.Hour)
	e := d.owed(confirm.QueueExpire, 1)[0]
	if err := d.Clock.Expire(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	entry, second := d.letterOf()
	if !first.ReminderFollows || second.ReminderFollows {
		t.Errorf("the first letter says that one may follow: %v; the reminder: %v", first.ReminderFollows, second.ReminderFollows)
	}
	if first.Reminder || !second.Reminder || second.Confirm != first.Confirm || !second.Deadline.Equal(first.Deadline) || second.ReturnPath != first.ReturnPath {
		t.Errorf("%+v after %+v", second, first)
	}
	if _, err := d.Relay.Message(t.Context(), entry); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("once it was sent: %v", err)
	}
	if days, err := d.Website.Stats(t.Context(), "gazette", "2026-11-22", "2026-11-22"); err != nil || len(days) != 1 || days[0].Reminders != 1 {
		t.Errorf("counted: %+v, %v", days, err)
	}
	d.later(time.Hour)
	if owed, err := d.Website.Resend(t.Context(), "gazette", d.id("ada@example.org")); err != nil || !owed {
		t.Fatal(owed, err)
	}
	if third := d.letter(); third.Reminder {
		t.Error("what the website asked for says that it reminds")
	}
	d.later(terms.TTL)
	for _, e := range d.owed(confirm.QueueExpire, 1) {
		if err := d.Clock.Expire(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.state("ada@example.org"); got != consent.Expired {
		t.Errorf("in the end it is %q", got)
	}
}

func TestAReminderTakesNoneOfTheBudgets(t *testing.T) {
	d := deskAs(t, func(o *confirm.Options) {
		frugal(1, 1)(o)
		o.Sites[0].Terms.RemindAfter = 30 * time.Minute
	})
	d.ask("ada@example.org", "letter")
	d.letter()
	d.later(30 * time.Minute)
	if err := d.Clock.Expire(t.Context(), d.owed(confirm.QueueExpire, 1)[0]); err != nil {
		t.Fatal(err)
	}
	if !d.letter().Reminder {
		t.Error("no reminder")
	}
	d.later(30 * time.Minute)
	if n := d.left("gazette"); n != 1 {
		t.Errorf("%d letters are left, want 1", n)
	}
}
