package consent_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

var (
	start = time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)
	terms = consent.Terms{TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}}}
)

// env is one subscription and a clock.
type env struct {
	t   *testing.T
	now time.Time
	sub consent.Subscription
}

func newEnv(t *testing.T) *env { return &env{t: t, now: start} }

func (e *env) later(d time.Duration) *env { e.now = e.now.Add(d); return e }

// does applies an action that must succeed, and returns the email that is due because of it and the events.
func (e *env) does(a consent.Action) []string {
	e.t.Helper()
	follows, err := e.tries(a)
	if err != nil {
		e.t.Fatalf("%T: %v", a, err)
	}
	return follows
}

func (e *env) tries(a consent.Action) ([]string, error) {
	c, err := consent.Apply(e.sub, a, e.now)
	e.sub = c.Subscription
	var names []string
	for _, ev := range c.Events {
		names = append(names, string(ev))
	}
	for _, j := range c.Jobs {
		if j.Type != consent.JobEmail {
			continue
		}
		at := e.now
		if j.Due.After(at) {
			at = j.Due
		}
		switch e.sub.EmailDue(j.Request, at) {
		case consent.EmailConfirm:
			name := "email " + j.Request
			if at.After(e.now) {
				name += " in " + at.Sub(e.now).String()
			}
			names = append(names, name)
		case consent.EmailKnown:
			names = append(names, "known")
		}
	}
	return names, err
}

func (e *env) is(want consent.State) *env {
	e.t.Helper()
	if got := e.sub.State(e.now); got != want {
		e.t.Fatalf("the subscription is %q, want %q", got, want)
	}
	return e
}

// follows compares what an action led to.
func follows(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("what follows (-want +got):\n%s", diff)
	}
}

func mustParse(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func (e *env) signup(id string, purposes ...string) consent.Signup {
	if len(purposes) == 0 {
		purposes = []string{"letter"}
	}
	a := consent.Signup{ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Terms: terms,
		Evidence: consent.Evidence{At: e.now, IP: "192.0.2.7", How: consent.ByForm}}
	for _, p := range purposes {
		a.Statements = append(a.Statements, consent.Statement{Purpose: p, SHA256: "text of " + p})
	}
	return a
}

func (e *env) confirm(id string) consent.Confirm {
	return consent.Confirm{Request: id, Evidence: consent.Evidence{At: e.now, How: consent.ByLink}}
}

func (e *env) decline() consent.Decline {
	return consent.Decline{Site: "gazette", Evidence: consent.Evidence{At: e.now, How: consent.ByLink}}
}

func (e *env) withdraw(purposes ...string) consent.Withdraw {
	return consent.Withdraw{Purposes: purposes, Evidence: consent.Evidence{At: e.now, How: consent.ByLink}}
}

func (e *env) renew(old, id string) consent.Renew {
	return consent.Renew{Request: old, ID: id, Terms: terms, Evidence: consent.Evidence{At: e.now}}
}

func TestTheWayOfOneConsent(t *testing.T) {
	e := newEnv(t)
	follows(t, e.does(e.signup("r1")), "email r1")
	e.is(consent.Pending).later(time.Minute)
	follows(t, e.does(e.confirm("r1")), "subscription.confirmed")
	e.is(consent.Confirmed).later(time.Second)
	follows(t, e.does(e.confirm("r1")))
	if n := len(e.sub.Consents); n != 1 {
		t.Fatalf("%d grants after two presses, want 1", n)
	}
	follows(t, e.does(e.withdraw()), "subscription.withdrawn")
	e.is(consent.Withdrawn)
	follows(t, e.does(e.withdraw()))
	if _, err := e.tries(e.confirm("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("pressing what was taken back: %v", err)
	}
}

func TestASignupNeverTakesOverAnOpenRequest(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("mine"))
	e.later(11 * time.Minute)
	other := e.signup("theirs")
	other.Evidence.IP = "203.0.113.9"
	follows(t, e.does(other), "email theirs")
	follows(t, e.does(e.confirm("mine")), "subscription.confirmed")
	g := e.sub.Consents[0]
	if g.Request != "mine" || e.sub.Requests[0].Asked.IP != "192.0.2.7" {
		t.Fatalf("the consent rests on %q asked from %s", g.Request, e.sub.Requests[0].Asked.IP)
	}
	follows(t, e.does(e.confirm("theirs"))) // its letter's link is good, and there is nothing new to tell
	if len(e.sub.Consents) != 1 {
		t.Fatalf("%d grants, want 1", len(e.sub.Consents))
	}
}

func TestARepeatedSignupMailsAgainAfterTheCoolDownOnly(t *testing.T) {
	e := newEnv(t)
	follows(t, e.does(e.signup("r1")), "email r1")
	e.later(9*time.Minute + 59*time.Second)
	follows(t, e.does(e.signup("r2")))
	e.later(time.Second)
	follows(t, e.does(e.signup("r3")), "email r3")
	e.later(10 * time.Minute)
	follows(t, e.does(e.signup("r4")), "email r4")
	e.later(10 * time.Minute)
	follows(t, e.does(e.signup("r5"))) // three in a day
	e.now = start.Add(24 * time.Hour)
	follows(t, e.does(e.signup("r6")), "email r6")
	for _, id := range []string{"r1", "r3", "r4", "r6"} {
		if _, err := e.tries(e.confirm(id)); err != nil {
			t.Errorf("the link of %s: %v", id, err)
		}
	}
}

func TestAskingForSomethingElseIsMailedAsSoonAsTheLimitsAllow(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1", "letter"))
	e.later(4 * time.Minute)
	follows(t, e.does(e.signup("r2", "offers")), "email r2 in 6m0s")
	if r := e.sub.Requests[1]; r.Deadline != e.now.Add(6*time.Minute+terms.TTL) {
		t.Errorf("its link ends at %v", r.Deadline)
	}
}

func TestAConfirmedPersonIsToldAtMostOnceADay(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	e.does(e.confirm("r1"))
	e.later(time.Hour)
	follows(t, e.does(e.signup("r2")), "known")
	e.is(consent.Confirmed).later(23 * time.Hour)
	follows(t, e.does(e.signup("r3")))
	e.later(time.Hour)
	follows(t, e.does(e.signup("r4")), "known")
	if len(e.sub.Requests) != 1 {
		t.Errorf("%d requests, want the first one only", len(e.sub.Requests))
	}
}

func TestASignupForMoreAsksOnlyForWhatIsNotConfirmed(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1", "letter"))
	e.does(e.confirm("r1"))
	e.later(time.Hour)
	follows(t, e.does(e.signup("r2", "letter", "offers")), "email r2")
	e.is(consent.Confirmed)
	if got := e.sub.Requests[1].Statements; len(got) != 1 || got[0].Purpose != "offers" {
		t.Fatalf("asked again: %v", got)
	}
	e.does(e.withdraw("letter"))
	e.is(consent.Pending)
	follows(t, e.does(e.confirm("r2")), "subscription.confirmed")
	want := []string{"letter withdrawn", "offers confirmed"}
	var got []string
	for _, p := range e.sub.Purposes(e.now) {
		got = append(got, fmt.Sprint(p.ID, " ", p.State))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("purposes (-want +got):\n%s", diff)
	}
}

func TestDeclinedHoldsUntilLifted(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	follows(t, e.does(e.decline()), "subscription.declined")
	follows(t, e.does(e.decline()))
	e.is(consent.Declined)
	for i := range 40 { // far past every deadline and grace
		e.later(24 * time.Hour)
		follows(t, e.does(consent.Expire{}))
		follows(t, e.does(e.signup(fmt.Sprint("again", i))))
		if _, err := e.tries(e.confirm("r1")); !errors.Is(err, consent.ErrDeclined) {
			t.Fatalf("day %d: pressing: %v", i, err)
		}
	}
	if !e.sub.Address.IsZero() || len(e.sub.Requests) != 0 || e.sub.Expires() != (time.Time{}) {
		t.Errorf("what is left is not the bare refusal: %+v", e.sub)
	}
	e.does(consent.Unblock{})
	e.is(consent.Declined)
	follows(t, e.does(e.signup("r2")), "email r2")
	e.is(consent.Pending)
	follows(t, e.does(e.confirm("r2")), "subscription.confirmed")
}

func TestDecliningTakesBackWhatWasConfirmed(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	e.does(e.confirm("r1"))
	follows(t, e.does(e.decline()), "subscription.declined")
	e.is(consent.Declined)
	e.does(consent.Unblock{})
	if _, err := e.tries(e.confirm("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("an old link after lifting: %v", err)
	}
	e.is(consent.Declined)
}

func TestALinkEndsAtItsDeadlineAndMayBeRenewedInItsGrace(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	e.later(terms.TTL - time.Millisecond)
	if _, err := consent.Apply(e.sub, e.confirm("r1"), e.now); err != nil {
		t.Fatalf("in its last millisecond: %v", err)
	}
	e.later(time.Millisecond).is(consent.Expired)
	if _, err := e.tries(e.confirm("r1")); !errors.Is(err, consent.ErrExpired) {
		t.Fatalf("at its deadline: %v", err)
	}
	follows(t, e.does(consent.Expire{}), "subscription.expired")
	follows(t, e.does(consent.Expire{}))
	follows(t, e.does(e.renew("r1", "r2")), "email r2")
	follows(t, e.does(e.renew("r1", "r2")))
	e.is(consent.Pending)
	if r := e.sub.Requests[1]; r.Asked.IP != "192.0.2.7" || !r.Asked.At.Equal(start) || r.Renewed == nil {
		t.Errorf("the renewed request does not rest on the first evidence: %+v", r)
	}
	follows(t, e.does(e.confirm("r2")), "subscription.confirmed")
}

func TestEverythingPersonalIsGoneAfterTheGrace(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	if got, want := e.sub.Expires(), start.Add(terms.TTL+consent.Grace); !got.Equal(want) {
		t.Fatalf("the record expires at %v, want %v", got, want)
	}
	e.later(terms.TTL)
	e.does(consent.Expire{})
	if got, want := e.sub.Expires(), start.Add(terms.TTL+consent.Grace); !got.Equal(want) {
		t.Errorf("after the lapse it expires at %v, want %v", got, want)
	}
	e.later(consent.Grace)
	e.does(consent.Expire{})
	if len(e.sub.Requests) != 0 {
		t.Errorf("still kept: %+v", e.sub.Requests)
	}
	if _, err := e.tries(e.renew("r1", "r2")); !errors.Is(err, consent.ErrGone) {
		t.Errorf("renewing what is forgotten: %v", err)
	}
}

func TestABounceClosesOnlyAnOpenRequest(t *testing.T) {
	bounce := consent.Bounced{Request: "r1", Evidence: consent.Evidence{Reply: "550 no such user", How: consent.ByRelay}}
	e := newEnv(t)
	e.does(e.signup("r1"))
	follows(t, e.does(bounce), "subscription.undeliverable")
	follows(t, e.does(bounce))
	e.is(consent.Undeliverable)
	if _, err := e.tries(e.confirm("r1")); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("pressing: %v", err)
	}

	e = newEnv(t)
	e.does(e.signup("r1"))
	e.does(e.confirm("r1"))
	follows(t, e.does(bounce))
	e.is(consent.Confirmed)
}

func TestOpenRequestsAreBounded(t *testing.T) {
	e := newEnv(t)
	for i := range 50 {
		a := e.signup(fmt.Sprint("r", i), fmt.Sprint("p", i))
		a.Terms.EmailsPerAddress = nil
		e.does(a)
	}
	if n := len(e.sub.Requests); n != 2*consent.MaxOpen {
		t.Fatalf("%d requests, want %d", n, 2*consent.MaxOpen)
	}
	if e.sub.Requests[0].ID != "r0" {
		t.Error("the first request was pushed out")
	}
}

func TestWhatWasTakenBackIsNotBroughtBackByAnOlderLetter(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	e.later(time.Hour)
	e.does(e.signup("r2"))
	e.does(e.confirm("r1"))
	e.does(e.withdraw())
	if _, err := e.tries(e.confirm("r2")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("the second letter's link: %v", err)
	}
	e.is(consent.Withdrawn).later(time.Hour)
	follows(t, e.does(e.signup("r3")), "email r3")
	follows(t, e.does(e.confirm("r3")), "subscription.confirmed")
}

func TestRepeatingOneThingKeepsNothingElseFromBeingAsked(t *testing.T) {
	e := newEnv(t)
	for i := range 3 * consent.MaxOpen {
		a := e.signup(fmt.Sprint("r", i), "letter")
		a.Terms.EmailsPerAddress = nil
		e.does(a)
	}
	if n := len(e.sub.Requests); n != consent.MaxOpen {
		t.Fatalf("%d requests for one purpose, want %d", n, consent.MaxOpen)
	}
	other := e.signup("other", "offers")
	other.Terms.EmailsPerAddress = nil
	follows(t, e.does(other), "email other")
}

func TestARefusalIsTheLatestWord(t *testing.T) {
	for name, before := range map[string]func(e *env){
		"after withdrawing": func(e *env) { e.does(e.confirm("r1")); e.later(time.Hour); e.does(e.withdraw()) },
		"after expiring":    func(e *env) { e.later(terms.TTL) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.does(e.signup("r1"))
			before(e)
			e.later(time.Hour)
			e.does(e.decline())
			e.is(consent.Declined)
		})
	}
}

func TestALapseBesideAConsentTellsNobody(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1", "letter"))
	e.does(e.confirm("r1"))
	e.later(time.Hour)
	e.does(e.signup("r2", "offers"))
	e.later(terms.TTL)
	follows(t, e.does(consent.Expire{}))
	e.is(consent.Confirmed)
}

func TestALinkWhosePurposesAnotherConfirmedIsConfirmedToo(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	e.later(time.Hour)
	e.does(e.signup("r2"))
	e.does(e.confirm("r2"))
	e.later(terms.TTL - time.Minute) // r1 is past its end
	follows(t, e.does(e.confirm("r1")))
	follows(t, e.does(e.renew("r1", "r3")))
	e.is(consent.Confirmed)
}
