package consent_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// byServer is evidence of what a website passes on.
func (env *env) byServer() consent.Evidence {
	return consent.Evidence{At: env.now, How: consent.ByServer, Detail: "asked our desk"}
}

func (env *env) object(purposes ...string) consent.Object {
	return consent.Object{Site: "gazette", Mailbox: "m", Purposes: purposes, Evidence: env.byServer()}
}

func (env *env) allows(purpose string) consent.Permission {
	return env.sub.Allows(purpose, consent.Mailbox{}, env.now)
}

func TestAnObjectionStopsEveryEmailUntilItEnds(t *testing.T) {
	for name, unblock := range map[string]func(*env) consent.Unblock{
		"by the mailbox": func(env *env) consent.Unblock {
			return consent.Unblock{Evidence: consent.Evidence{At: env.now, How: consent.ByLink}}
		},
		"by the website": func(env *env) consent.Unblock { return consent.Unblock{Evidence: env.byServer()} },
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.does(env.signup("r1"))
			env.does(env.confirm("r1"))
			env.later(time.Hour)
			env.does(env.signup("r2", "offers"))
			follows(t, env.does(env.object()), "subscription.declined")
			env.is(consent.Declined).stands("letter declined (objected)", "offers declined (objected)")
			follows(t, env.does(env.object())) // a second time nothing is left
			follows(t, env.does(env.object("letter")))
			follows(t, env.does(env.signup("r3", "letter")))
			for _, link := range []string{"r1", "r2"} {
				if _, err := env.tries(env.confirm(link)); !errors.Is(err, consent.ErrDeclined) {
					t.Errorf("confirming by the link of %s: %v", link, err)
				}
			}
			env.later(time.Hour)
			env.does(unblock(env))
			env.is(consent.Declined).stands("letter declined (objected)", "offers declined (objected)")
			for _, link := range []string{"r1", "r2"} {
				if _, err := env.tries(env.confirm(link)); !errors.Is(err, consent.ErrWithdrawn) {
					t.Errorf("confirming by the link of %s afterwards: %v", link, err)
				}
			}
			follows(t, env.does(env.signup("r4")), "email r4")
			follows(t, env.does(env.confirm("r4")), "subscription.confirmed")
		})
	}
}

func TestAnObjectionToOnePurposeLeavesTheOthers(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "offers"))
	env.later(time.Hour)
	follows(t, env.does(env.object("offers")), "subscription.declined")
	if asked := env.sub.Requests[0].Statements; len(asked) != 1 || asked[0].Purpose != "letter" {
		t.Errorf("the open request asks for %v", asked)
	}
	follows(t, env.does(env.confirm("r1")), "subscription.confirmed")
	env.later(time.Hour)
	follows(t, env.does(env.signup("r2", "offers")))
	follows(t, env.does(env.signup("r3", "events", "offers")), "email r3")
	if asked := env.sub.Requests[1].Statements; len(asked) != 1 || asked[0].Purpose != "events" {
		t.Errorf("the second request asks for %v", asked)
	}
	for purpose, want := range map[string]consent.Permission{
		"letter": {Allowed: true, Reason: "confirmed"}, "offers": {Reason: "objected"},
		"events": {Reason: "pending"}, "jobs": {Reason: "never_asked"},
	} {
		if got := env.allows(purpose); got != want {
			t.Errorf("%s: %+v, want %+v", purpose, got, want)
		}
	}
}

func TestAWebsiteCannotEndWhatTheMailboxDeclined(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.decline())
	env.does(env.object())
	env.later(time.Hour)
	env.does(consent.Unblock{Evidence: env.byServer()})
	env.is(consent.Declined)
	follows(t, env.does(env.signup("r2")))
	if got := env.allows("letter"); got != (consent.Permission{Reason: "declined"}) {
		t.Errorf("%+v", got)
	}
}

func TestStopOfAnotherChannelEndsNoConsentToEmails(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	sms := env.byServer()
	sms.Channel, sms.Detail = consent.ChannelSMS, "STOP"
	env.later(time.Hour)
	follows(t, env.does(consent.Withdraw{Purposes: []string{"letter"}, Evidence: sms}))
	before := env.sub
	follows(t, env.does(consent.Withdraw{Purposes: []string{"letter"}, Evidence: sms}))
	if diff := cmp.Diff(encoded(before), encoded(env.sub)); diff != "" {
		t.Errorf("the same again changed something: %s", diff)
	}
	env.is(consent.Confirmed).stands("letter confirmed")
	of := env.sub.Status("id", env.now).Objections
	want := []consent.ObjectionTo{{Channel: consent.ChannelSMS, Purposes: []string{"letter"}, Since: sms.At}}
	if diff := cmp.Diff(want, of); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	steps := env.timeline()
	if last := steps[len(steps)-1]; last != "withdrawn letter seen server said smsSTOP" {
		t.Errorf("the last step is %q", last)
	}
	// Neither the mailbox nor the website says anything about telephones when they allow emails.
	env.does(consent.Unblock{Evidence: consent.Evidence{At: env.now, How: consent.ByLink}})
	env.does(consent.Unblock{Evidence: env.byServer()})
	if env.sub.Objections.Against(consent.ChannelSMS, "letter") == nil {
		t.Error("an unblocking of emails ended it")
	}
}

func TestAnObjectionOutlivesTheErasureAndNamesNobody(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.does(env.object("letter"))
	env.later(time.Hour)
	follows(t, env.does(consent.Erase{}), "subscription.erased")
	if o := env.sub.Objections; len(o) != 1 || o[0].Evidence.Detail != "" || o[0].Mailbox != "m" ||
		!slices.Equal(o[0].Purposes, []string{"letter"}) || env.sub.IsEmpty() || !env.sub.DeletableAt().IsZero() {
		t.Errorf("%+v", env.sub)
	}
	follows(t, env.does(env.signup("r2")))
	follows(t, env.does(env.signup("r3", "offers")), "email r3")
	env.later(10 * 24 * time.Hour)
	env.does(consent.Expire{})
	if !env.sub.Address.IsZero() || len(env.sub.Objections) != 1 {
		t.Errorf("left of a signup that nobody confirmed: %+v", env.sub)
	}
}

func TestAnObjectionHoldsForAnAddressOfWhichNothingIsKnown(t *testing.T) {
	env := newEnv(t)
	follows(t, env.does(env.object()))
	env.is(consent.Declined)
	follows(t, env.does(env.signup("r1")))
	if got := consent.Logged(consent.Subscription{}, env.sub); !slices.Equal(got, []consent.StepAction{"objected"}) {
		t.Errorf("logged as %v", got)
	}
	if n := count(consent.Counts(consent.Subscription{}, env.sub, nil), consent.CountObjections); n != 1 {
		t.Errorf("counted as %d", n)
	}
}

func TestObjectionsThatEndedHaveABound(t *testing.T) {
	env := newEnv(t)
	for range 100 {
		env.later(time.Hour)
		env.does(env.object())
		env.later(time.Hour)
		env.does(consent.Unblock{Evidence: env.byServer()})
	}
	if n := len(env.sub.Objections); n != 64 {
		t.Errorf("%d are kept", n)
	}
	for n := range 100 {
		env.does(env.object(fmt.Sprint("p", n)))
	}
	for n := range 100 {
		if env.sub.Objections.Against(consent.ChannelEmail, fmt.Sprint("p", n)) == nil {
			t.Fatalf("an objection that holds was forgotten: p%d", n)
		}
	}
}

func TestEachActionHasItsLeaf(t *testing.T) {
	env := newEnv(t)
	old := env.signup("r1")
	old.Statements[0].Revision = 1
	env.does(old)
	leaf := func(a consent.Action, want ...consent.StepAction) {
		t.Helper()
		env.later(time.Hour)
		before := env.sub
		env.does(a)
		if diff := cmp.Diff(want, consent.Logged(before, env.sub)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", a, diff)
		}
	}
	leaf(env.confirm("r1"), "confirmed")
	leaf(consent.Use{Purpose: "letter"})
	stored := env.sub
	env.sub = env.sub.Supersede(map[string]int{"letter": 2}, sinceThen(env.now))
	env.later(time.Hour)
	env.does(env.withdraw())
	if got := consent.Logged(stored, env.sub); !slices.Equal(got, []consent.StepAction{"superseded", "withdrawn"}) {
		t.Errorf("a withdrawal of what was superseded: %v", got)
	}
	leaf(env.object(), "objected")
	sms := consent.Evidence{At: env.now, How: consent.ByServer, Channel: consent.ChannelSMS}
	leaf(consent.Withdraw{Evidence: sms}, "withdrawn")
	leaf(consent.Unblock{Evidence: env.byServer()}, "unblocked")
	leaf(consent.Erase{}, "erased")
}

func TestUseIsNotedOnceADay(t *testing.T) {
	env := newEnv(t)
	use := consent.Use{Purpose: "letter"}
	env.does(env.signup("r1"))
	env.does(use)
	env.does(env.confirm("r1"))
	for day, wait := range []time.Duration{time.Hour, 24 * time.Hour} {
		env.later(wait)
		env.does(use)
		noted := env.sub
		if got := env.sub.Purpose("letter", env.now).LastUse; got != env.now.Format(time.DateOnly) {
			t.Errorf("day %d: %q", day, got)
		}
		c, err := consent.Apply(env.sub, use, env.now.Add(time.Hour))
		if err != nil || c.Changed || encoded(c.Subscription) != encoded(noted) {
			t.Errorf("day %d: a second use changed something, %v", day, err)
		}
	}
	env.does(env.withdraw())
	env.later(24 * time.Hour)
	if c, _ := consent.Apply(env.sub, use, env.now); c.Changed {
		t.Error("the use of a withdrawn consent is noted")
	}
}

// TestNothingBringsBackWhatWasTakenBackButANewConfirmation has anything happen in any order, also with links from
// before what was taken back: a purpose that was withdrawn, declined or objected to is confirmed by nothing but the
// confirmation of a request that was made later; and one that may not be asked for, not even by that.
func TestNothingBringsBackWhatWasTakenBackButANewConfirmation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{now: start}
		terms := someTerms.Draw(t, "terms")
		terms.EmailsPerAddress = []store.Limit{{N: 50, Per: time.Hour}} // all links that can be, so that all are tried
		waits := []time.Duration{time.Millisecond, time.Minute, 11 * time.Minute, 9 * time.Hour, 9 * 24 * time.Hour}
		h.bringsNothingBack(t, waits, func() consent.Action { return h.action(t, terms) })
	})
}

// bringsNothingBack does actions until as many were done as is drawn.
func (h *history) bringsNothingBack(t *rapid.T, waits []time.Duration, next func() consent.Action) {
	taken := map[string]time.Time{}
	for range rapid.IntRange(1, 60).Draw(t, "length") {
		h.now = h.now.Add(rapid.SampledFrom(waits).Draw(t, "later"))
		action, before := next(), h.sub
		change, err := consent.Apply(before, action, h.now)
		if h.sub = change.Subscription; err != nil {
			continue
		}
		for _, job := range h.due(change.Jobs) {
			h.known = append(h.known, job.RequestID)
		}
		for _, id := range takenBackBy(action) {
			taken[id] = h.now
		}
		for id, request := range confirmedBy(h.sub) {
			when, was := taken[id]
			if !was || confirmedBy(before)[id] == request {
				continue
			}
			confirm, ok := action.(consent.Confirm)
			asked := h.sub.Requests.Find(request)
			if !ok || confirm.RequestID != request || asked == nil || asked.Emails[0].Queued.Before(when) {
				t.Fatalf("%T brings %s back, which was taken back at %v", action, id, when)
			}
			delete(taken, id)
		}
	}
}

// takenBackBy returns the purposes that an action takes back.
func takenBackBy(a consent.Action) []string {
	all := []string{"a", "b", "c"}
	named := func(purposes []string) []string {
		if len(purposes) == 0 {
			return all
		}
		return purposes
	}
	switch a := a.(type) {
	case consent.Withdraw:
		if a.Evidence.Channel == "" {
			return named(a.Purposes)
		}
	case consent.Object:
		return named(a.Purposes)
	case consent.Decline, consent.Complained, consent.Erase:
		return all
	}
	return nil
}
