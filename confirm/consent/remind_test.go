package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func (e *env) asks(id string, t consent.Terms, purposes ...string) []string {
	e.t.Helper()
	a := e.signup(id, purposes...)
	a.Terms = t
	return e.does(a)
}

func (e *env) delivered(id string) {
	e.t.Helper()
	e.does(consent.Delivered{Request: id, Delivery: consent.Delivery{At: e.now}})
}

func TestAReminderComesOnceAndOnlyWhereItIsWanted(t *testing.T) {
	lapse := consent.Expire{Terms: reminded()}
	for name, row := range map[string]struct {
		terms consent.Terms
		then  func(e *env) // a minute after the letter arrived
		want  []string
	}{
		"nobody pressed":          {reminded(), func(*env) {}, []string{"email r1"}},
		"reminders are off":       {terms, func(*env) {}, nil},
		"at the deadline":         {func() consent.Terms { t := reminded(); t.RemindAfter = t.TTL; return t }(), func(*env) {}, nil},
		"past the deadline":       {func() consent.Terms { t := reminded(); t.RemindAfter = t.TTL + 1; return t }(), func(*env) {}, nil},
		"pressed":                 {reminded(), func(e *env) { e.does(e.confirm("r1")) }, nil},
		"declined":                {reminded(), func(e *env) { e.does(e.decline()) }, nil},
		"declined and lifted":     {reminded(), func(e *env) { e.does(e.decline()); e.does(consent.Unblock{}) }, nil},
		"bounced":                 {reminded(), func(e *env) { e.does(consent.Bounced{Request: "r1"}) }, nil},
		"complained of":           {reminded(), func(e *env) { e.does(consent.Complained{}) }, nil},
		"taken back":              {reminded(), func(e *env) { e.does(e.withdraw()) }, nil},
		"erased":                  {reminded(), func(e *env) { e.does(consent.Erase{}) }, nil},
		"something newer is open": {reminded(), func(e *env) { e.later(time.Hour).asks("r2", terms) }, nil},
		"sent again, not delivered": {reminded(), func(e *env) {
			e.now = start.Add(23 * time.Hour)
			e.does(consent.Resend{Terms: terms})
		}, nil},
		"the limits allow none": {reminded(), func(e *env) {
			e.now = start.Add(24*time.Hour - time.Minute)
			e.does(consent.Resend{Terms: terms})
			e.delivered("r1")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.asks("r1", row.terms)
			e.later(time.Minute)
			e.delivered("r1")
			row.then(e)
			e.now = start.Add(24*time.Hour - time.Millisecond)
			follows(t, e.does(lapse))
			e.later(time.Millisecond)
			follows(t, e.does(lapse), row.want...)
			for range 20 { // no second one, whatever comes
				e.later(time.Hour)
				e.delivered("r1")
				follows(t, e.does(lapse))
			}
		})
	}
}

func TestAReminderOfALetterThatNoRelayTookDoesNotCome(t *testing.T) {
	e := newEnv(t)
	e.asks("r1", reminded())
	e.later(24 * time.Hour)
	follows(t, e.does(consent.Expire{Terms: reminded()}))
	e.delivered("r1")
	e.later(time.Hour)
	follows(t, e.does(consent.Expire{Terms: reminded()}))
}

func TestAReminderCountsAsALetter(t *testing.T) {
	e := newEnv(t)
	e.asks("r1", reminded())
	e.delivered("r1")
	e.later(24 * time.Hour)
	follows(t, e.does(consent.Expire{Terms: reminded()}), "email r1")
	e.later(10*time.Minute - time.Millisecond)
	follows(t, e.does(consent.Resend{Terms: terms}))
	e.later(time.Millisecond)
	follows(t, e.does(consent.Resend{Terms: terms}), "email r1")
}

func TestARemindersTimeIsThatOfItsLetterAndARenewalHasNone(t *testing.T) {
	e := newEnv(t)
	e.asks("r1", reminded(), "letter")
	follows(t, e.asks("r2", reminded(), "offers"), "email r2 in 10m0s")
	if r := e.sub.Requests[1]; !r.RemindAt.Equal(start.Add(10*time.Minute + 24*time.Hour)) {
		t.Errorf("reminded at %v", r.RemindAt)
	}
	e.later(terms.TTL + time.Hour)
	renewal := e.renew("r2", "r3")
	renewal.Terms = reminded()
	e.does(renewal)
	if r := e.sub.Requests[2]; r.ID != "r3" || !r.RemindAt.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestASiteThatNoLongerWantsRemindersSendsNone(t *testing.T) {
	e := newEnv(t)
	e.asks("r1", reminded())
	e.delivered("r1")
	e.later(24 * time.Hour)
	follows(t, e.does(consent.Expire{Terms: terms}))
	e.later(time.Hour)
	follows(t, e.does(consent.Expire{Terms: reminded()}))
}

func TestTheClockRemindsAfterAnActThatCameFirst(t *testing.T) {
	e := newEnv(t)
	e.asks("r1", reminded())
	e.delivered("r1")
	alarm := e.sub.ExpireAt
	e.later(24*time.Hour + time.Minute)
	e.does(consent.Delivered{Request: "nothing"})
	if !e.sub.ExpireAt.Equal(alarm) || !alarm.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("the alarm of %v became %v", alarm, e.sub.ExpireAt)
	}
	follows(t, e.does(consent.Expire{Terms: reminded()}), "email r1")
	if want := start.Add(terms.TTL); !e.sub.ExpireAt.Equal(want) {
		t.Errorf("the next alarm is at %v, want %v", e.sub.ExpireAt, want)
	}
}

func TestWithoutRemindersNothingIsStoredAndNoClockRings(t *testing.T) {
	e := newEnv(t)
	e.asks("r1", terms)
	late := terms
	late.RemindAfter = terms.TTL
	e.later(11*time.Minute).asks("r2", late)
	for _, r := range e.sub.Requests {
		if !r.RemindAt.IsZero() || !e.sub.ExpireAt.Equal(e.sub.Requests[0].Deadline) {
			t.Errorf("remind of %s at %v, alarm at %v", r.ID, r.RemindAt, e.sub.ExpireAt)
		}
	}
}

// reminded are terms with a reminder.
func reminded() consent.Terms {
	t := terms
	t.RemindAfter = 24 * time.Hour
	return t
}
