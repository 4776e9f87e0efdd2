package consent_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

func TestTheLogGetsWhatDecidesAndNothingElse(t *testing.T) {
	env := newEnv(t)
	logged := func(a consent.Action, want ...consent.StepAction) {
		t.Helper()
		env.later(11 * time.Minute)
		before := env.sub
		env.does(a)
		if diff := cmp.Diff(want, consent.Logged(before, env.sub)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", a, diff)
		}
	}
	link := consent.Evidence{At: env.now, How: consent.ByLink}
	sms := consent.Evidence{At: env.now, How: consent.ByServer, Channel: consent.ChannelSMS}
	logged(env.signup("r1", "letter", "offers"))
	logged(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now}})
	logged(env.confirm("r1"), consent.StepConfirmed)
	logged(env.confirm("r1"))
	logged(consent.Use{Purpose: "letter"})
	logged(env.withdraw("offers"), consent.StepWithdrawn)
	logged(env.withdraw("offers"))
	logged(consent.Withdraw{Evidence: sms}, consent.StepWithdrawn) // of another channel
	logged(consent.Unblock{Evidence: sms}, consent.StepUnblocked)
	logged(env.object("offers"), consent.StepObjected)
	logged(env.object("offers"))
	logged(consent.Unblock{Evidence: link}, consent.StepUnblocked)
	logged(consent.Unblock{Evidence: link})
	logged(env.decline(), consent.StepDeclined)
	logged(env.decline())
	logged(consent.Notified{Event: consent.EventDeclined})
	logged(consent.Unblock{Evidence: link}, consent.StepUnblocked)
	logged(consent.Erase{}, consent.StepErased)
	logged(consent.Erase{})
	env.later(24 * time.Hour)
	logged(env.signup("r2"))
	raised := env.confirm("r2")
	logged(raised, consent.StepConfirmed)
	before := env.sub
	env.sub = env.sub.Supersede(map[string]int{"letter": 2}, sinceThen(env.now))
	if diff := cmp.Diff([]consent.StepAction{consent.StepSuperseded}, consent.Logged(before, env.sub)); diff != "" {
		t.Errorf("a raised revision: %s", diff)
	}
	before = env.sub
	logged(env.withdraw(), consent.StepWithdrawn) // was superseded before
	if before.Consents.IsSupersededBy(map[string]int{"letter": 2}, nil) {
		t.Error("what is superseded would be so again")
	}
	logged(env.decline(), consent.StepDeclined)
	logged(consent.Erase{}, consent.StepErased)
}

func TestAConsentToTheRevisionThatAPurposeHasStays(t *testing.T) {
	env := newEnv(t)
	signup := env.signup("r1")
	signup.Statements[0].Revision = 2
	env.does(signup)
	env.does(env.confirm("r1"))
	for revision, over := range map[int]bool{0: false, 1: false, 2: false, 3: true} {
		if got := env.sub.Consents.IsSupersededBy(map[string]int{"letter": revision}, nil); got != over {
			t.Errorf("revision %d supersedes 2: %t", revision, got)
		}
	}
}

func TestTheFirstOfSeveralPurposesCanBeChosenAlone(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "offers"))
	some := env.confirm("r1")
	some.Purposes = []string{"letter"}
	follows(t, env.does(some), "subscription.confirmed")
	env.stands("letter confirmed", "offers expired (not_chosen)")
}

func TestWhoWasErasedAndAgreesAgainDidNotWithdraw(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.does(env.withdraw())
	env.does(consent.Erase{})
	env.is(consent.Withdrawn).later(time.Hour)
	env.does(env.signup("r2"))
	env.does(env.confirm("r2"))
	if !env.sub.WithdrawnAt.IsZero() {
		t.Errorf("it says that they withdrew at %v", env.sub.WithdrawnAt)
	}
	env.does(consent.Erase{})
	if !env.sub.IsEmpty() {
		t.Errorf("left: %+v", env.sub)
	}
}

// Somebody who never confirmed is no one whom the log knows, though an action may find that they are forgotten.
func TestWhoNeverConfirmedLeavesNothingInTheLog(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(terms.TTL).does(consent.Expire{})
	env.later(24 * time.Hour).does(consent.Notified{Event: consent.EventExpired}) // an endpoint that was away
	before := env.sub
	env.now = env.sub.ExpireAt()
	env.does(consent.Expire{})
	if len(env.sub.Requests) > 0 || !env.sub.DeletableAt().Equal(env.now.Add(consent.Grace)) {
		t.Errorf("left until %v: %+v", env.sub.DeletableAt(), env.sub)
	}
	if got := consent.Logged(before, env.sub); len(got) > 0 {
		t.Errorf("logged as %v", got)
	}
}
