package consent_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

const validFor = 730 * day

// ending are terms under which consents hold for two years, and people are asked a month before their end.
func ending() consent.Terms {
	t := terms
	t.Validity = consent.Validity{For: validFor, RenewBefore: 30 * day}
	return t
}

// agreedFor is somebody who confirmed at the start, for a time.
func agreedFor(t *testing.T, purposes ...string) *env {
	t.Helper()
	env := newEnv(t)
	env.does(env.signup("r1", purposes...))
	confirm := env.confirm("r1")
	confirm.Validity = ending().Validity
	env.does(confirm)
	env.delivered("r1")
	return env
}

// at sets the clock to a time after the start.
func (env *env) at(d time.Duration) *env { env.now = start.Add(d); return env }

func (env *env) clock(id string) []string {
	env.t.Helper()
	return env.does(consent.Expire{Terms: ending(), ID: id})
}

func (env *env) renewal(id string) consent.Confirm {
	confirm := env.confirm(id)
	confirm.Validity = ending().Validity
	return confirm
}

func TestAConsentIsAskedAboutOnceBeforeItEndsAndHoldsMeanwhile(t *testing.T) {
	env := agreedFor(t)
	if p := env.sub.Purpose("letter", env.now); !p.ValidUntil.Equal(start.Add(validFor)) {
		t.Fatalf("valid until %v", p.ValidUntil)
	}
	if at := env.sub.ExpireAt(); !at.Equal(start.Add(validFor - 30*day)) {
		t.Fatalf("the clock is due at %v", at)
	}
	follows(t, env.at(validFor-30*day-1).clock("n0"))
	follows(t, env.at(validFor-30*day).clock("n1"), "renew n1")
	env.is(consent.Confirmed).delivered("n1")
	for at := validFor - 29*day; at < validFor; at += day {
		follows(t, env.at(at).clock("n2"))
		env.is(consent.Confirmed)
	}
	env.at(validFor - 1).is(consent.Confirmed)
	follows(t, env.at(validFor).clock("n3"), "subscription.expired")
	env.is(consent.Expired).stands("letter expired (validity)")
	for range 100 { // nobody is asked any more
		follows(t, env.later(30*day).clock("n4"))
	}
	env.is(consent.Expired)
}

func TestARenewalStartsANewValidity(t *testing.T) {
	env := agreedFor(t)
	env.at(validFor - 30*day).clock("n1")
	env.delivered("n1")
	env.later(20 * day)
	given := env.now
	env.does(consent.Use{Purpose: "letter"})
	before := env.sub
	follows(t, env.does(env.renewal("n1")), "subscription.confirmed")
	follows(t, env.does(env.renewal("n1")))
	for name, want := range map[string]int64{consent.CountRenewals: 1, consent.CountConfirmations: 0} {
		if n := count(consent.Counts(before, env.sub, nil), name); n != want {
			t.Errorf("%d %s, want %d", n, name, want)
		}
	}
	if got := consent.Logged(before, env.sub); !slices.Equal(got, []consent.StepAction{consent.StepConfirmed}) {
		t.Errorf("leaves: %v", got)
	}
	p := env.sub.Purpose("letter", env.now)
	if !p.Since.Equal(given) || !p.ValidUntil.Equal(given.Add(validFor)) || p.LastUse == "" {
		t.Errorf("renewed at %v, it stands as %+v", given, p)
	}
	follows(t, env.at(validFor).clock("n2")) // the old one's end is none any more
	env.is(consent.Confirmed)
	env.now = given.Add(validFor - 30*day)
	follows(t, env.clock("n3"), "renew n3")
	follows(t, env.does(env.withdraw()), "subscription.withdrawn")
	env.is(consent.Withdrawn)
	for _, ago := range []time.Duration{day, 700 * day, 1400 * day} {
		if then, _ := env.sub.AsOf(env.now.Add(-ago)); then.State(env.now.Add(-ago)) != consent.Confirmed {
			t.Errorf("%v before, it was %s", ago, then.State(env.now))
		}
	}
}

// TestNobodyIsAskedWhoMustNotBe has each of them asked a moment later if nothing held it.
func TestNobodyIsAskedWhoMustNotBe(t *testing.T) {
	bounced := consent.Evidence{At: start.Add(2 * day), How: consent.ByReport}
	for name, row := range map[string]struct {
		act  func(env *env)
		asks bool
	}{
		"nothing happened":       {func(*env) {}, true},
		"declined":               {func(env *env) { env.does(env.decline()) }, false},
		"declined and unblocked": {func(env *env) { env.does(env.decline()); env.does(consent.Unblock{}) }, false},
		"withdrawn":              {func(env *env) { env.does(env.withdraw()) }, false},
		"complained":             {func(env *env) { env.does(consent.Complained{}) }, false},
		"erased":                 {func(env *env) { env.does(consent.Erase{}) }, false},
		"objected":               {func(env *env) { env.does(consent.Object{Site: "gazette", Mailbox: "m"}) }, false},
		"objected to SMS": {func(env *env) {
			env.does(consent.Object{Mailbox: "m", Evidence: consent.Evidence{Channel: consent.ChannelSMS}})
		}, true},
		"superseded": {func(env *env) {
			env.sub = env.sub.Supersede(map[string]int{"letter": 7}, sinceThen(env.now))
		}, false},
		"a notice bounced": {func(env *env) {
			env.does(env.signup("again"))
			env.delivered("again")
			env.does(consent.Bounced{RequestID: "again", Evidence: bounced})
		}, false},
		"a request for more bounced": {func(env *env) {
			env.does(env.signup("more", "offers"))
			env.does(consent.Bounced{RequestID: "more", Evidence: consent.Evidence{At: env.now, How: consent.ByRelay}})
		}, false},
		"a notice bounced, and a later one did not": {func(env *env) {
			env.does(env.signup("again"))
			env.does(consent.Bounced{RequestID: "again", Evidence: bounced})
			env.later(2 * day).does(env.signup("once more"))
			env.delivered("once more")
		}, true},
		"a role address": {func(env *env) {
			env.sub.Address = address.Address{}
			env.sub.Address = mustParse("postmaster@example.org")
		}, false},
	} {
		env := agreedFor(t)
		env.later(day)
		row.act(env)
		got := env.at(validFor - 30*day).clock("n1")
		if asked := slices.Contains(got, "renew n1"); asked != row.asks {
			t.Errorf("%s: asked is %v: %v", name, asked, got)
		}
	}
}

func TestWhoIsAskedAndRefusesIsNotBroughtBackByTheLink(t *testing.T) {
	for name, act := range map[string]func(env *env) consent.Action{
		"withdrawn":  func(env *env) consent.Action { return env.withdraw() },
		"declined":   func(env *env) consent.Action { return env.decline() },
		"complained": func(*env) consent.Action { return consent.Complained{} },
		"objected":   func(*env) consent.Action { return consent.Object{Site: "gazette", Mailbox: "m"} },
		"erased":     func(*env) consent.Action { return consent.Erase{} },
		"over":       func(env *env) consent.Action { env.at(validFor); return consent.Expire{} },
	} {
		env := agreedFor(t)
		env.at(validFor - 30*day).clock("n1")
		env.delivered("n1")
		env.later(day)
		env.does(act(env))
		if _, err := env.tries(env.renewal("n1")); err == nil {
			t.Errorf("%s: the link renews it", name)
		}
		if env.sub.State(env.now) == consent.Confirmed {
			t.Errorf("%s: it is confirmed", name)
		}
	}
}

func TestAfterAnOutageItIsAskedLateButNeverAfterTheEnd(t *testing.T) {
	for late, want := range map[time.Duration][]string{
		20 * day: {"renew n1"}, 30*day - 2*time.Minute: {"renew n1"}, 30*day - time.Second: nil,
		30 * day: {"subscription.expired"}, 300 * day: {"subscription.expired"},
	} {
		env := agreedFor(t)
		follows(t, env.at(validFor-30*day+late).clock("n1"), want...)
		follows(t, env.clock("n2"))
	}
	// An email that waited too long is not sent.
	env := agreedFor(t)
	env.at(validFor - 30*day).clock("n1")
	if is := env.sub.EmailDue("n1", start.Add(validFor)); is != "" {
		t.Errorf("after the end, %q is due", is)
	}
}

func TestARenewalWaitsForTheLimitsAndForNothingElse(t *testing.T) {
	env := agreedFor(t)
	env.at(validFor - 30*day - time.Minute)
	follows(t, env.does(env.signup("r2", "offers")), "email r2")
	follows(t, env.later(time.Minute).clock("n1"), "renew n1 in 9m0s")
}

func TestWhatWasAgreedToByTwoRequestsIsAskedAboutOneAfterTheOther(t *testing.T) {
	env := agreedFor(t, "letter")
	env.later(time.Hour)
	env.does(env.signup("r2", "offers", "events"))
	env.does(env.renewal("r2"))
	env.at(validFor - 30*day + 2*time.Hour) // the clock was away
	follows(t, env.clock("n1"), "renew n1")
	follows(t, env.clock("n2"))
	env.now = env.sub.ExpireAt()
	follows(t, env.clock("n2"), "renew n2")
	some := env.renewal("n2")
	some.Purposes = []string{"events"}
	follows(t, env.does(some), "subscription.confirmed")
	env.stands("letter confirmed", "offers confirmed", "events confirmed")
	env.at(validFor + 2*time.Hour)
	follows(t, env.clock("n3"), "subscription.expired")
	env.stands("letter expired (validity)", "offers expired (validity)", "events confirmed")
}

func TestWhatEndedByItsValidityIsTakenBackAllTheSame(t *testing.T) {
	env := agreedFor(t)
	env.at(validFor + day)
	before := env.sub
	follows(t, env.does(env.withdraw()), "subscription.expired", "subscription.withdrawn")
	env.is(consent.Withdrawn)
	want := []consent.StepAction{consent.StepValidityEnded, consent.StepWithdrawn}
	if got := consent.Logged(before, env.sub); !slices.Equal(got, want) {
		t.Errorf("leaves: %v", got)
	}
	for ago, want := range map[time.Duration]consent.State{
		time.Hour: consent.Expired, 25 * time.Hour: consent.Confirmed,
	} {
		if then, _ := env.sub.AsOf(env.now.Add(-ago)); then.State(env.now.Add(-ago)) != want {
			t.Errorf("%v before, it was %s", ago, then.State(env.now))
		}
	}
}

func TestReadingEndsWhatNoActionHasYet(t *testing.T) {
	env := agreedFor(t)
	now := start.Add(validFor)
	read := env.sub.EndValidity(now)
	if read.State(now) != consent.Expired || read.Allows("letter", consent.Mailbox{}, now).Allowed {
		t.Errorf("it is %s", read.State(now))
	}
	if env.sub.Consents[0].State != consent.Confirmed {
		t.Error("EndValidity changed its input")
	}
	if _, err := read.Confirmable("r1", now, nil); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("the first link: %v", err)
	}
	env.now = now
	renew := env.renew("r1", "r2")
	follows(t, env.does(renew), "subscription.expired", "email r2") // who asks for it themselves is asked
}

func TestConsentsFromBeforeThereWasAValidityGetAnEndAndAreAskedFirst(t *testing.T) {
	for age, want := range map[time.Duration]time.Duration{
		day: validFor - day, 700 * day: 30 * day, 720 * day: 30 * day, 3000 * day: 30 * day,
	} {
		env := newEnv(t)
		env.does(env.signup("r1"))
		env.does(env.confirm("r1"))
		env.later(age)
		retain := consent.Retain{
			Retention: consent.Retention{IP: 30 * day, Evidence: 3000 * day}, Validity: ending().Validity,
		}
		follows(t, env.does(retain))
		c := env.sub.Consents[0]
		if !c.ValidUntil.Equal(env.now.Add(want)) || c.ValidUntil.Sub(c.RenewAt) != 30*day {
			t.Errorf("after %v: valid until %v, renewed from %v", age, c.ValidUntil.Sub(env.now), c.RenewAt)
		}
		env.later(day)
		if change, err := consent.Apply(env.sub, retain, env.now); err != nil || change.Changed {
			t.Errorf("a second time: changed is %v, %v", change.Changed, err)
		}
	}
}

func TestTheTimelineTellsOfARenewalAndOfAnEnd(t *testing.T) {
	env := agreedFor(t)
	env.at(validFor - 30*day).clock("n1")
	env.delivered("n1")
	env.later(day).does(env.renewal("n1"))
	env.later(validFor).clock("n2")
	var got []consent.StepAction
	for _, step := range env.sub.Timeline(func(string, int) string { return "id" }) {
		got = append(got, step.Action)
	}
	want := []consent.StepAction{
		consent.StepAsked, consent.StepQueued, consent.StepTaken, consent.StepConfirmed, consent.StepRenewalAsked,
		consent.StepQueued, consent.StepTaken, consent.StepConfirmed, consent.StepValidityEnded,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v,\nwant %v", got, want)
	}
}

// TestNoRenewalBringsBackWhatWasTakenBack has people who are often asked whether to renew do anything in any order:
// what was taken back stays so, and nobody who refused is asked.
func TestNoRenewalBringsBackWhatWasTakenBack(t *testing.T) {
	renewed := 0
	rapid.Check(t, func(t *rapid.T) {
		h := &history{now: start}
		terms := consent.Terms{
			TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 50, Per: time.Hour}},
			Validity: consent.Validity{For: 50 * time.Hour, RenewBefore: 40 * time.Hour},
		}
		waits := []time.Duration{time.Minute, time.Hour, 11 * time.Hour, 11 * time.Hour, 41 * time.Hour}
		h.bringsNothingBack(t, waits, func() consent.Action {
			for _, c := range h.sub.Consents {
				if c.Ended != nil && c.Ended.How == consent.ByRenewal {
					renewed++
				}
			}
			h.serial++
			id := fmt.Sprint("r", h.serial)
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what == 0:
				return h.signup(id, terms)
			case what <= 2 && len(h.known) > 0:
				newest := h.known[len(h.known)-1]
				by := consent.Evidence{At: h.now, How: consent.ByLink}
				return consent.Confirm{RequestID: newest, Validity: terms.Validity, Evidence: by}
			case what <= 4:
				return consent.Expire{Terms: terms, ID: id}
			}
			return h.action(t, terms)
		})
		for _, r := range h.sub.Requests {
			if is := h.sub.EmailDue(r.ID, h.now); is != "" && h.sub.Refused() != nil {
				t.Fatalf("an email %s is due to somebody who refused", is)
			}
		}
	})
	if renewed == 0 {
		t.Error("nothing was ever renewed")
	}
}

// signup returns somebody's signup for everything.
func (h *history) signup(id string, terms consent.Terms) consent.Signup {
	return consent.Signup{
		ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Terms: terms,
		Statements: []consent.Statement{{Purpose: "a"}, {Purpose: "b"}},
		Evidence:   consent.Evidence{At: h.now, How: consent.ByForm},
	}
}

func TestAConsentEndsByItselfWhereNobodyIsAskedToRenewIt(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	confirm := env.confirm("r1")
	confirm.Validity = consent.Validity{For: validFor}
	env.does(confirm)
	if c := env.sub.Consents[0]; !c.RenewAt.IsZero() || !env.sub.ExpireAt().Equal(start.Add(validFor)) {
		t.Errorf("asked at %v, and the clock is due at %v", c.RenewAt, env.sub.ExpireAt())
	}
	before := env.sub
	follows(t, env.at(validFor).clock("n1"), "subscription.expired")
	if n := count(consent.Counts(before, env.sub, nil), consent.CountValidityEnded); n != 1 {
		t.Errorf("counted %d times", n)
	}
	before = env.sub
	env.later(time.Hour).does(env.withdraw())
	if n := count(consent.Counts(before, env.sub, nil), consent.CountValidityEnded); n != 0 {
		t.Errorf("counted again, when it was withdrawn: %d", n)
	}
}

func TestConsentsThatLackAnEndAreThoseThatHoldWithoutOne(t *testing.T) {
	env := newEnv(t)
	lacks := func(want bool) {
		t.Helper()
		if got := env.sub.Consents.LackEnd(); got != want {
			t.Errorf("%v: %t", env.where(), got)
		}
	}
	lacks(false)
	env.does(env.signup("r1", "letter"))
	env.does(env.confirm("r1"))
	lacks(true)
	env.does(env.withdraw())
	lacks(false)
	env.later(25 * time.Hour).does(env.signup("r2", "offers"))
	env.does(env.renewal("r2"))
	lacks(false)
}
