package confirm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
)

// reminded are terms with one reminder, a day after the letter.
func reminded() confirm.Terms {
	t := terms
	t.RemindAfter = 24 * time.Hour
	return t
}

func (s *story) asks(id string, t confirm.Terms, purposes ...string) []string {
	s.t.Helper()
	a := s.signup(id, purposes...)
	a.Terms = t
	return s.does(a)
}

func (s *story) delivered(id string) {
	s.t.Helper()
	s.does(confirm.Delivered{Request: id, Delivery: confirm.Delivery{At: s.now}})
}

func TestAReminderComesOnceAndOnlyWhereItIsWanted(t *testing.T) {
	lapse := confirm.Expire{Terms: reminded()}
	for name, row := range map[string]struct {
		terms confirm.Terms
		then  func(s *story) // a minute after the letter arrived
		want  []string
	}{
		"nobody pressed":          {reminded(), func(*story) {}, []string{"letter r1"}},
		"reminders are off":       {terms, func(*story) {}, nil},
		"at the deadline":         {func() confirm.Terms { t := reminded(); t.RemindAfter = t.TTL; return t }(), func(*story) {}, nil},
		"past the deadline":       {func() confirm.Terms { t := reminded(); t.RemindAfter = t.TTL + 1; return t }(), func(*story) {}, nil},
		"pressed":                 {reminded(), func(s *story) { s.does(s.press("r1")) }, nil},
		"declined":                {reminded(), func(s *story) { s.does(s.decline()) }, nil},
		"declined and lifted":     {reminded(), func(s *story) { s.does(s.decline()); s.does(confirm.Unblock{}) }, nil},
		"bounced":                 {reminded(), func(s *story) { s.does(confirm.Bounced{Request: "r1"}) }, nil},
		"complained of":           {reminded(), func(s *story) { s.does(confirm.Complained{}) }, nil},
		"taken back":              {reminded(), func(s *story) { s.does(s.withdraw()) }, nil},
		"erased":                  {reminded(), func(s *story) { s.does(confirm.Erase{}) }, nil},
		"something newer is open": {reminded(), func(s *story) { s.later(time.Hour).asks("r2", terms) }, nil},
		"sent again, not delivered": {reminded(), func(s *story) {
			s.now = start.Add(23 * time.Hour)
			s.does(confirm.Resend{Terms: terms})
		}, nil},
		"the limits allow none": {reminded(), func(s *story) {
			s.now = start.Add(24*time.Hour - time.Minute)
			s.does(confirm.Resend{Terms: terms})
			s.delivered("r1")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			s.asks("r1", row.terms)
			s.later(time.Minute)
			s.delivered("r1")
			row.then(s)
			s.now = start.Add(24*time.Hour - time.Millisecond)
			owes(t, s.does(lapse))
			s.later(time.Millisecond)
			owes(t, s.does(lapse), row.want...)
			for range 20 { // no second one, whatever comes
				s.later(time.Hour)
				s.delivered("r1")
				owes(t, s.does(lapse))
			}
		})
	}
}

func TestAReminderOfALetterThatNoRelayTookDoesNotCome(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded())
	s.later(24 * time.Hour)
	owes(t, s.does(confirm.Expire{Terms: reminded()}))
	s.delivered("r1")
	s.later(time.Hour)
	owes(t, s.does(confirm.Expire{Terms: reminded()}))
}

func TestAReminderCountsAsALetter(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded())
	s.delivered("r1")
	s.later(24 * time.Hour)
	owes(t, s.does(confirm.Expire{Terms: reminded()}), "letter r1")
	s.later(10*time.Minute - time.Millisecond)
	owes(t, s.does(confirm.Resend{Terms: terms}))
	s.later(time.Millisecond)
	owes(t, s.does(confirm.Resend{Terms: terms}), "letter r1")
}

func TestARemindersTimeIsThatOfItsLetterAndARenewalHasNone(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded(), "letter")
	owes(t, s.asks("r2", reminded(), "offers"), "letter r2 in 10m0s")
	if r := s.sub.Requests[1]; !r.RemindAt.Equal(start.Add(10*time.Minute + 24*time.Hour)) {
		t.Errorf("reminded at %v", r.RemindAt)
	}
	s.later(terms.TTL + time.Hour)
	renewal := s.renew("r2", "r3")
	renewal.Terms = reminded()
	s.does(renewal)
	if r := s.sub.Requests[2]; r.ID != "r3" || !r.RemindAt.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestASiteThatNoLongerWantsRemindersSendsNone(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded())
	s.delivered("r1")
	s.later(24 * time.Hour)
	owes(t, s.does(confirm.Expire{Terms: terms}))
	s.later(time.Hour)
	owes(t, s.does(confirm.Expire{Terms: reminded()}))
}

func TestTheClockRemindsAfterAnActThatCameFirst(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded())
	s.delivered("r1")
	alarm := s.sub.ExpireAt
	s.later(24*time.Hour + time.Minute)
	s.does(confirm.Delivered{Request: "nothing"})
	if !s.sub.ExpireAt.Equal(alarm) || !alarm.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("the alarm of %v became %v", alarm, s.sub.ExpireAt)
	}
	owes(t, s.does(confirm.Expire{Terms: reminded()}), "letter r1")
	if want := start.Add(terms.TTL); !s.sub.ExpireAt.Equal(want) {
		t.Errorf("the next alarm is at %v, want %v", s.sub.ExpireAt, want)
	}
}

func TestWithoutRemindersNothingIsStoredAndNoClockRings(t *testing.T) {
	s := tell(t)
	s.asks("r1", terms)
	late := terms
	late.RemindAfter = terms.TTL
	s.later(11*time.Minute).asks("r2", late)
	for _, r := range s.sub.Requests {
		if !r.RemindAt.IsZero() || !s.sub.ExpireAt.Equal(s.sub.Requests[0].Deadline) {
			t.Errorf("remind of %s at %v, alarm at %v", r.ID, r.RemindAt, s.sub.ExpireAt)
		}
	}
}

func TestAReminderIsTheSameLetterOnceMore(t *testing.T) {
	d := deskAs(t, site(func(t *confirm.Terms) { *t = reminded() }))
	d.ask("ada@example.org", "letter")
	first := d.letter()
	d.later(24 * time.Hour)
	e := d.owed(confirm.QueueExpire, 1)[0]
	if err := d.Expire(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	entry, second := d.letterOf()
	if !first.ReminderFollows || second.ReminderFollows {
		t.Errorf("the first letter says that one may follow: %v; the reminder: %v", first.ReminderFollows, second.ReminderFollows)
	}
	if first.Reminder || !second.Reminder || second.Confirm != first.Confirm || !second.Deadline.Equal(first.Deadline) || second.ReturnPath != first.ReturnPath {
		t.Errorf("%+v after %+v", second, first)
	}
	if _, err := d.Message(t.Context(), entry); !errors.Is(err, confirm.ErrNotDue) {
		t.Errorf("once it was sent: %v", err)
	}
	if days, err := d.Stats(t.Context(), "gazette", "2026-11-22", "2026-11-22"); err != nil || len(days) != 1 || days[0].Reminders != 1 {
		t.Errorf("counted: %+v, %v", days, err)
	}
	d.later(time.Hour)
	if owed, err := d.Resend(t.Context(), "gazette", d.id("ada@example.org")); err != nil || !owed {
		t.Fatal(owed, err)
	}
	if third := d.letter(); third.Reminder {
		t.Error("what the website asked for says that it reminds")
	}
	d.later(terms.TTL)
	for _, e := range d.owed(confirm.QueueExpire, 1) {
		if err := d.Expire(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.state("ada@example.org"); got != confirm.Expired {
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
	if err := d.Expire(t.Context(), d.owed(confirm.QueueExpire, 1)[0]); err != nil {
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
