package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func (s *story) asks(id string, t consent.Terms, purposes ...string) []string {
	s.t.Helper()
	a := s.signup(id, purposes...)
	a.Terms = t
	return s.does(a)
}

func (s *story) delivered(id string) {
	s.t.Helper()
	s.does(consent.Delivered{Request: id, Delivery: consent.Delivery{At: s.now}})
}

func TestAReminderComesOnceAndOnlyWhereItIsWanted(t *testing.T) {
	lapse := consent.Expire{Terms: reminded()}
	for name, row := range map[string]struct {
		terms consent.Terms
		then  func(s *story) // a minute after the letter arrived
		want  []string
	}{
		"nobody pressed":          {reminded(), func(*story) {}, []string{"letter r1"}},
		"reminders are off":       {terms, func(*story) {}, nil},
		"at the deadline":         {func() consent.Terms { t := reminded(); t.RemindAfter = t.TTL; return t }(), func(*story) {}, nil},
		"past the deadline":       {func() consent.Terms { t := reminded(); t.RemindAfter = t.TTL + 1; return t }(), func(*story) {}, nil},
		"pressed":                 {reminded(), func(s *story) { s.does(s.press("r1")) }, nil},
		"declined":                {reminded(), func(s *story) { s.does(s.decline()) }, nil},
		"declined and lifted":     {reminded(), func(s *story) { s.does(s.decline()); s.does(consent.Unblock{}) }, nil},
		"bounced":                 {reminded(), func(s *story) { s.does(consent.Bounced{Request: "r1"}) }, nil},
		"complained of":           {reminded(), func(s *story) { s.does(consent.Complained{}) }, nil},
		"taken back":              {reminded(), func(s *story) { s.does(s.withdraw()) }, nil},
		"erased":                  {reminded(), func(s *story) { s.does(consent.Erase{}) }, nil},
		"something newer is open": {reminded(), func(s *story) { s.later(time.Hour).asks("r2", terms) }, nil},
		"sent again, not delivered": {reminded(), func(s *story) {
			s.now = start.Add(23 * time.Hour)
			s.does(consent.Resend{Terms: terms})
		}, nil},
		"the limits allow none": {reminded(), func(s *story) {
			s.now = start.Add(24*time.Hour - time.Minute)
			s.does(consent.Resend{Terms: terms})
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
	owes(t, s.does(consent.Expire{Terms: reminded()}))
	s.delivered("r1")
	s.later(time.Hour)
	owes(t, s.does(consent.Expire{Terms: reminded()}))
}

func TestAReminderCountsAsALetter(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded())
	s.delivered("r1")
	s.later(24 * time.Hour)
	owes(t, s.does(consent.Expire{Terms: reminded()}), "letter r1")
	s.later(10*time.Minute - time.Millisecond)
	owes(t, s.does(consent.Resend{Terms: terms}))
	s.later(time.Millisecond)
	owes(t, s.does(consent.Resend{Terms: terms}), "letter r1")
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
	owes(t, s.does(consent.Expire{Terms: terms}))
	s.later(time.Hour)
	owes(t, s.does(consent.Expire{Terms: reminded()}))
}

func TestTheClockRemindsAfterAnActThatCameFirst(t *testing.T) {
	s := tell(t)
	s.asks("r1", reminded())
	s.delivered("r1")
	alarm := s.sub.ExpireAt
	s.later(24*time.Hour + time.Minute)
	s.does(consent.Delivered{Request: "nothing"})
	if !s.sub.ExpireAt.Equal(alarm) || !alarm.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("the alarm of %v became %v", alarm, s.sub.ExpireAt)
	}
	owes(t, s.does(consent.Expire{Terms: reminded()}), "letter r1")
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

// reminded are terms with a reminder.
func reminded() consent.Terms {
	t := terms
	t.RemindAfter = 24 * time.Hour
	return t
}
