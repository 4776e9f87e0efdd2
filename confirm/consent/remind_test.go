package consent_test

import (
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func (env *env) signUp(id string, t consent.Terms, purposes ...string) []string {
	env.t.Helper()
	a := env.signup(id, purposes...)
	a.Terms = t
	return env.does(a)
}

func (env *env) delivered(id string) {
	env.t.Helper()
	env.does(consent.Delivered{RequestID: id, Delivery: consent.Delivery{At: env.now}})
}

func TestAReminderComesOnceAndOnlyWhileItMakesSense(t *testing.T) {
	expire := consent.Expire{Terms: reminded()}
	for name, row := range map[string]struct {
		terms consent.Terms
		then  func(env *env) // a minute after the email arrived
		want  []string
	}{
		"not confirmed":     {reminded(), func(*env) {}, []string{"email r1"}},
		"reminders are off": {terms, func(*env) {}, nil},
		"at the deadline":   {remindedAfter(terms.TTL), func(*env) {}, nil},
		"past the deadline": {remindedAfter(terms.TTL + 1), func(*env) {}, nil},
		"confirmed":         {reminded(), func(env *env) { env.does(env.confirm("r1")) }, nil},
		"declined":          {reminded(), func(env *env) { env.does(env.decline()) }, nil},
		"declined and unblocked": {reminded(), func(env *env) {
			env.does(env.decline())
			env.does(consent.Unblock{})
		}, nil},
		"bounced":                 {reminded(), func(env *env) { env.does(consent.Bounced{RequestID: "r1"}) }, nil},
		"complained":              {reminded(), func(env *env) { env.does(consent.Complained{}) }, nil},
		"withdrawn":               {reminded(), func(env *env) { env.does(env.withdraw()) }, nil},
		"erased":                  {reminded(), func(env *env) { env.does(consent.Erase{}) }, nil},
		"something newer is open": {reminded(), func(env *env) { env.later(time.Hour).signUp("r2", terms) }, nil},
		"sent again, not delivered": {reminded(), func(env *env) {
			env.now = start.Add(23 * time.Hour)
			env.does(consent.Resend{Terms: terms})
		}, nil},
		"the limits allow none": {reminded(), func(env *env) {
			env.now = start.Add(24*time.Hour - time.Minute)
			env.does(consent.Resend{Terms: terms})
			env.delivered("r1")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.signUp("r1", row.terms)
			env.later(time.Minute)
			env.delivered("r1")
			row.then(env)
			env.now = start.Add(24*time.Hour - time.Millisecond)
			follows(t, env.does(expire))
			env.later(time.Millisecond)
			follows(t, env.does(expire), row.want...)
			for range 20 { // no second one, whatever happens
				env.later(time.Hour)
				env.delivered("r1")
				follows(t, env.does(expire))
			}
		})
	}
}

func TestThereIsNoReminderOfAnEmailThatNoRelayTook(t *testing.T) {
	env := newEnv(t)
	env.signUp("r1", reminded())
	env.later(24 * time.Hour)
	follows(t, env.does(consent.Expire{Terms: reminded()}))
	env.delivered("r1")
	env.later(time.Hour)
	follows(t, env.does(consent.Expire{Terms: reminded()}))
}

func TestAReminderCountsTowardsTheLimitsOfAnAddress(t *testing.T) {
	env := newEnv(t)
	env.signUp("r1", reminded())
	env.delivered("r1")
	env.later(24 * time.Hour)
	follows(t, env.does(consent.Expire{Terms: reminded()}), "email r1")
	env.later(10*time.Minute - time.Millisecond)
	follows(t, env.does(consent.Resend{Terms: terms}))
	env.later(time.Millisecond)
	follows(t, env.does(consent.Resend{Terms: terms}), "email r1")
}

func TestTheTimeToTheReminderStartsWhenTheEmailIsDueAndARenewalHasNone(t *testing.T) {
	env := newEnv(t)
	env.signUp("r1", reminded(), "letter")
	follows(t, env.signUp("r2", reminded(), "offers"), "email r2 in 10m0s")
	if r := env.sub.Requests[1]; !r.RemindAt.Equal(start.Add(10*time.Minute + 24*time.Hour)) {
		t.Errorf("reminded at %v", r.RemindAt)
	}
	env.later(terms.TTL + time.Hour)
	renewal := env.renew("r2", "r3")
	renewal.Terms = reminded()
	env.does(renewal)
	if r := env.sub.Requests[2]; r.ID != "r3" || !r.RemindAt.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestASiteThatNoLongerWantsRemindersSendsNone(t *testing.T) {
	env := newEnv(t)
	env.signUp("r1", reminded())
	env.delivered("r1")
	env.later(24 * time.Hour)
	follows(t, env.does(consent.Expire{Terms: terms}))
	env.later(time.Hour)
	follows(t, env.does(consent.Expire{Terms: reminded()}))
}

func TestTheClockStillRemindsAfterAnotherActionCameFirst(t *testing.T) {
	env := newEnv(t)
	env.signUp("r1", reminded())
	env.delivered("r1")
	due := env.sub.ExpireAt()
	env.later(24*time.Hour + time.Minute)
	env.does(consent.Delivered{RequestID: "nothing"})
	if !env.sub.ExpireAt().Equal(due) || !due.Equal(start.Add(24*time.Hour)) {
		t.Fatalf("Expire was due at %v, now at %v", due, env.sub.ExpireAt())
	}
	follows(t, env.does(consent.Expire{Terms: reminded()}), "email r1")
	if want := start.Add(terms.TTL); !env.sub.ExpireAt().Equal(want) {
		t.Errorf("Expire is next due at %v, want %v", env.sub.ExpireAt(), want)
	}
}

func TestWithoutRemindersExpireIsNotDueBeforeTheDeadline(t *testing.T) {
	env := newEnv(t)
	env.signUp("r1", terms)
	late := terms
	late.RemindAfter = terms.TTL
	env.later(11*time.Minute).signUp("r2", late)
	for _, r := range env.sub.Requests {
		if !r.RemindAt.IsZero() || !env.sub.ExpireAt().Equal(env.sub.Requests[0].Deadline) {
			t.Errorf("reminder of %s at %v, Expire at %v", r.ID, r.RemindAt, env.sub.ExpireAt())
		}
	}
}

// reminded are terms with a reminder after a day.
func reminded() consent.Terms { return remindedAfter(24 * time.Hour) }

func remindedAfter(d time.Duration) consent.Terms {
	t := terms
	t.RemindAfter = d
	return t
}
