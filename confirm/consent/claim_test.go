package consent_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func (env *env) claim(id string, right consent.Right) consent.ClaimRight {
	return consent.ClaimRight{
		ID: id, Right: right, Terms: terms, Evidence: consent.Evidence{At: env.now, How: consent.ByLink},
	}
}

// agreed is somebody who confirmed an hour ago.
func agreed(t *testing.T) *env {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	return env.later(time.Hour)
}

func TestARightIsUsedByALinkOfItsOwnForADay(t *testing.T) {
	env := agreed(t)
	follows(t, env.does(env.claim("c1", consent.RightCopy)), "copy")
	env.later(23 * time.Hour)
	take := consent.TakeCopy{ClaimID: "c1", Evidence: consent.Evidence{At: env.now}}
	follows(t, env.does(take))
	first := env.now
	env.later(59 * time.Minute)
	follows(t, env.does(consent.TakeCopy{ClaimID: "c1", Evidence: consent.Evidence{At: env.now}}))
	if done := env.sub.Claims.Find("c1").Done; !done.At.Equal(first) {
		t.Errorf("the copy was taken at %v, want the first time, %v", done.At, first)
	}
	env.later(time.Minute)
	if _, err := env.tries(take); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("after a day: %v", err)
	}
	env.is(consent.Confirmed)
}

func TestAnErasureByALinkIsAnErasure(t *testing.T) {
	env := agreed(t)
	follows(t, env.does(env.claim("c1", consent.RightErase)), "erase")
	follows(t, env.does(consent.EraseClaimed{ClaimID: "c1"}), "subscription.erased")
	if !env.sub.IsEmpty() {
		t.Errorf("left: %+v", env.sub)
	}
	follows(t, env.does(consent.EraseClaimed{ClaimID: "c1"})) // again: it is done
	env.does(env.signup("r2"))
	if _, err := env.tries(consent.EraseClaimed{ClaimID: "c1"}); !errors.Is(err, consent.ErrUnknownRequest) {
		t.Errorf("an old link erases who signed up anew: %v", err)
	}
}

func TestALinkOfARightIsForNothingElse(t *testing.T) {
	env := agreed(t)
	env.does(env.claim("copy", consent.RightCopy))
	env.later(time.Hour).does(env.claim("erase", consent.RightErase))
	for name, a := range map[string]consent.Action{
		"a copy by the link of an erasure":  consent.TakeCopy{ClaimID: "erase"},
		"an erasure by the link of a copy":  consent.EraseClaimed{ClaimID: "copy"},
		"a copy by no link":                 consent.TakeCopy{ClaimID: "none"},
		"an erasure by a request":           consent.EraseClaimed{ClaimID: "r1"},
		"a confirmation by a right's link":  env.confirm("copy"),
		"a renewal by the link of a right":  consent.Renew{RequestID: "copy", ID: "r9", Terms: terms},
		"an erasure by the wrong spelling ": consent.EraseClaimed{ClaimID: "ERASE"},
	} {
		if got, err := env.tries(a); !errors.Is(err, consent.ErrUnknownRequest) || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	env.is(consent.Confirmed)
}

func TestARightMailsNobodyMoreThanTheLimitsAllow(t *testing.T) {
	for name, before := range map[string]func(env *env){
		"declined": func(env *env) { env.does(consent.Decline{Site: "gazette"}) },
		"erased":   func(env *env) { env.does(consent.Erase{}) },
		"the same, waiting": func(env *env) {
			env.does(env.signup("r2", "news"))
			env.does(env.claim("c0", consent.RightCopy))
			env.later(9 * time.Minute)
		},
		"the same on its way": func(env *env) { env.does(env.claim("c0", consent.RightCopy)); env.later(time.Hour) },
	} {
		env := agreed(t)
		before(env)
		if got := env.does(env.claim("c1", consent.RightCopy)); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	env, mails := agreed(t), 0
	for i := range 22 * 60 {
		for _, right := range []consent.Right{consent.RightCopy, consent.RightErase} {
			env.does(env.claim(fmt.Sprint(right, i), right))
		}
		waiting := 0
		for _, c := range env.sub.Claims {
			switch {
			case c.Email.Taken != nil:
			case c.Email.Due.After(env.now):
				waiting++
			default:
				mails++
				env.does(consent.Delivered{RequestID: c.ID, Delivery: consent.Delivery{At: env.now}})
			}
		}
		if waiting > 2 {
			t.Fatalf("%d emails wait", waiting)
		}
		env.later(time.Minute)
	}
	if mails != 2 { // and the one that asked to confirm
		t.Errorf("%d emails in a day", mails)
	}
}

// The page has said that the email is on its way.
func TestARightThatIsClaimedJustAfterAnotherEmailComesLater(t *testing.T) {
	env := agreed(t)
	env.does(env.signup("r2", "news"))
	env.later(time.Minute)
	follows(t, env.does(env.claim("c1", consent.RightCopy)), "copy")
	c := env.sub.Claims.Find("c1")
	if wait := c.Email.Due.Sub(env.now); wait != 9*time.Minute {
		t.Errorf("the email comes in %v", wait)
	}
	if good := c.Deadline.Sub(c.Email.Due); good != consent.ClaimTTL {
		t.Errorf("its link is good for %v", good)
	}
	follows(t, env.does(env.claim("c2", consent.RightErase)), "erase")
	if wait := env.sub.Claims.Find("c2").Email.Due.Sub(c.Email.Due); wait < 10*time.Minute {
		t.Errorf("the other one comes %v after", wait)
	}
	env.later(9*time.Minute + consent.ClaimTTL - time.Second)
	follows(t, env.does(consent.TakeCopy{ClaimID: "c1", Evidence: consent.Evidence{At: env.now}}))
}

func TestTheTimelineHasWhatBecameOfARight(t *testing.T) {
	env := agreed(t)
	env.does(env.claim("c1", consent.RightCopy))
	env.later(time.Second).does(consent.Delivered{RequestID: "c1", Delivery: consent.Delivery{At: env.now}})
	env.later(time.Minute).does(consent.TakeCopy{ClaimID: "c1", Evidence: consent.Evidence{At: env.now}})
	var got []consent.StepAction
	for _, step := range env.sub.Timeline(func(string, int) string { return "id" }) {
		if !step.At.Before(start.Add(time.Hour)) {
			got = append(got, step.Action)
		}
	}
	want := []consent.StepAction{consent.StepCopyAsked, consent.StepQueued, consent.StepTaken, consent.StepCopied}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name, row := range map[string]struct {
		id    string
		after time.Duration
		left  int
	}{
		"taken, for a year":      {"c1", 364 * 24 * time.Hour, 1},
		"taken, over a year":     {"c1", 366 * 24 * time.Hour, 0},
		"never used, for a week": {"c2", 7 * 24 * time.Hour, 2},
		"never used, over that":  {"c2", 9 * 24 * time.Hour, 1},
	} {
		then := *env
		if row.id == "c2" {
			then.later(time.Hour).does(then.claim("c2", consent.RightErase))
		}
		then.later(row.after).does(consent.Expire{})
		then.does(consent.Notified{Event: consent.EventConfirmed})
		if n := len(then.sub.Claims); n != row.left {
			t.Errorf("%s: %d claims are kept, want %d", name, n, row.left)
		}
	}
}

func TestTheLinkOfAClaimLeadsToThePersonForAsLongAsItIsGood(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("0"))
	env.does(env.confirm("0"))
	env.does(env.withdraw())
	env.does(consent.Erase{})
	env.does(env.signup("1"))
	forgotten := terms.TTL + consent.Grace
	env.later(forgotten - time.Hour)
	follows(t, env.does(env.claim("c1", consent.RightCopy)), "subscription.expired", "copy")
	env.later(consent.ClaimTTL - time.Minute).does(consent.Expire{})
	env.does(consent.TakeCopy{ClaimID: "c1", Evidence: consent.Evidence{At: env.now}})
	if end := env.now.Add(time.Minute); !env.sub.ExpireAt().Equal(end) {
		t.Errorf("known until %v, not %v", env.sub.ExpireAt(), end)
	}
	env.later(time.Minute).does(consent.Expire{})
	if env.is(consent.Withdrawn); !env.sub.Address.IsZero() {
		t.Errorf("%+v", env.sub)
	}
}
