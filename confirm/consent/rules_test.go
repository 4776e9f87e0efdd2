package consent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

var (
	start = time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)
	terms = consent.Terms{
		TTL:              48 * time.Hour,
		EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}},
	}
)

// env is one subscription and a clock.
type env struct {
	t   *testing.T
	now time.Time
	sub consent.Subscription
}

func newEnv(t *testing.T) *env { return &env{t: t, now: start} }

func (env *env) later(d time.Duration) *env { env.now = env.now.Add(d); return env }

// does applies an action that must succeed, and returns its events and the email that is due because of it.
func (env *env) does(a consent.Action) []string {
	env.t.Helper()
	follows, err := env.tries(a)
	if err != nil {
		env.t.Fatalf("%T: %v", a, err)
	}
	return follows
}

func (env *env) tries(a consent.Action) ([]string, error) {
	c, err := consent.Apply(env.sub, a, env.now)
	env.sub = c.Subscription
	var names []string
	for _, ev := range c.Events {
		names = append(names, string(ev))
	}
	for _, j := range c.Jobs {
		at := env.now
		if j.Due.After(at) {
			at = j.Due
		}
		switch is := env.sub.EmailDue(j.RequestID, at); is {
		case consent.EmailConfirm, consent.EmailRenew:
			name := strings.Replace(string(is), "confirm", "email", 1) + " " + j.RequestID
			if at.After(env.now) {
				name += " in " + at.Sub(env.now).String()
			}
			names = append(names, name)
		case consent.EmailAlreadyConfirmed:
			names = append(names, "known")
		case consent.EmailCopy, consent.EmailErase:
			names = append(names, string(env.sub.EmailDue(j.RequestID, at)))
		}
	}
	return names, err
}

func (env *env) is(want consent.State) *env {
	env.t.Helper()
	if got := env.sub.State(env.now); got != want {
		env.t.Fatalf("the subscription is %q, want %q", got, want)
	}
	return env
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

func (env *env) signup(id string, purposes ...string) consent.Signup {
	if len(purposes) == 0 {
		purposes = []string{"letter"}
	}
	a := consent.Signup{
		ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Terms: terms,
		Evidence: consent.Evidence{At: env.now, IP: "192.0.2.7", How: consent.ByForm},
	}
	for _, p := range purposes {
		a.Statements = append(a.Statements, consent.Statement{Purpose: p, SHA256: "text of " + p})
	}
	return a
}

func (env *env) confirm(id string) consent.Confirm {
	return consent.Confirm{RequestID: id, Evidence: consent.Evidence{At: env.now, How: consent.ByLink}}
}

func (env *env) decline() consent.Decline {
	return consent.Decline{Site: "gazette", Evidence: consent.Evidence{At: env.now, How: consent.ByLink}}
}

func (env *env) withdraw(purposes ...string) consent.Withdraw {
	return consent.Withdraw{Purposes: purposes, Evidence: consent.Evidence{At: env.now, How: consent.ByLink}}
}

func (env *env) renew(old, id string) consent.Renew {
	return consent.Renew{RequestID: old, ID: id, Terms: terms, Evidence: consent.Evidence{At: env.now}}
}

func TestAConsentIsGivenOnceAndWithdrawnOnce(t *testing.T) {
	env := newEnv(t)
	follows(t, env.does(env.signup("r1")), "email r1")
	env.is(consent.Pending).later(time.Minute)
	follows(t, env.does(env.confirm("r1")), "subscription.confirmed")
	env.is(consent.Confirmed).later(time.Second)
	follows(t, env.does(env.confirm("r1")))
	if n := len(env.sub.Consents); n != 1 {
		t.Fatalf("%d consents after two confirmations, want 1", n)
	}
	follows(t, env.does(env.withdraw()), "subscription.withdrawn")
	env.is(consent.Withdrawn)
	follows(t, env.does(env.withdraw()))
	if _, err := env.tries(env.confirm("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("confirming what was withdrawn: %v", err)
	}
}

func TestASignupLeavesAnOpenRequestAsItIs(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("mine"))
	env.later(11 * time.Minute)
	other := env.signup("theirs")
	other.Evidence.IP = "203.0.113.9"
	follows(t, env.does(other), "email theirs")
	follows(t, env.does(env.confirm("mine")), "subscription.confirmed")
	c := env.sub.Consents[0]
	if c.RequestID != "mine" || env.sub.Requests[0].Asked.IP != "192.0.2.7" {
		t.Fatalf("the consent rests on %q asked from %s", c.RequestID, env.sub.Requests[0].Asked.IP)
	}
	follows(t, env.does(env.confirm("theirs"))) // the link of its email is good, and there is nothing new to announce
	if len(env.sub.Consents) != 1 {
		t.Fatalf("%d consents, want 1", len(env.sub.Consents))
	}
}

func TestARepeatedSignupIsEmailedAgainOnlyAsTheLimitsAllow(t *testing.T) {
	env := newEnv(t)
	follows(t, env.does(env.signup("r1")), "email r1")
	env.later(9*time.Minute + 59*time.Second)
	follows(t, env.does(env.signup("r2")))
	env.later(time.Second)
	follows(t, env.does(env.signup("r3")), "email r3")
	env.later(10 * time.Minute)
	follows(t, env.does(env.signup("r4")), "email r4")
	env.later(10 * time.Minute)
	follows(t, env.does(env.signup("r5"))) // three in a day
	env.now = start.Add(24 * time.Hour)
	follows(t, env.does(env.signup("r6")), "email r6")
	for _, id := range []string{"r1", "r3", "r4", "r6"} {
		if _, err := env.tries(env.confirm(id)); err != nil {
			t.Errorf("the link of %s: %v", id, err)
		}
	}
}

func TestASignupForSomethingElseIsEmailedAsSoonAsTheLimitsAllow(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.later(4 * time.Minute)
	follows(t, env.does(env.signup("r2", "offers")), "email r2 in 6m0s")
	if r := env.sub.Requests[1]; r.Deadline != env.now.Add(6*time.Minute+terms.TTL) {
		t.Errorf("its link ends at %v", r.Deadline)
	}
}

func TestAConfirmedPersonIsEmailedThatTheyConfirmedAtMostOnceADay(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.later(time.Hour)
	follows(t, env.does(env.signup("r2")), "known")
	env.is(consent.Confirmed).later(23 * time.Hour)
	follows(t, env.does(env.signup("r3")))
	env.later(time.Hour)
	follows(t, env.does(env.signup("r4")), "known")
	if len(env.sub.Requests) != 1 {
		t.Errorf("%d requests, want the first one only", len(env.sub.Requests))
	}
}

func TestASignupForMoreAsksOnlyForWhatIsNotConfirmed(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.does(env.confirm("r1"))
	env.later(time.Hour)
	follows(t, env.does(env.signup("r2", "letter", "offers")), "email r2")
	env.is(consent.Confirmed)
	if got := env.sub.Requests[1].Statements; len(got) != 1 || got[0].Purpose != "offers" {
		t.Fatalf("asked again: %v", got)
	}
	env.does(env.withdraw("letter"))
	env.is(consent.Pending)
	follows(t, env.does(env.confirm("r2")), "subscription.confirmed")
	want := []string{"letter withdrawn", "offers confirmed"}
	var got []string
	for _, p := range env.sub.Purposes(env.now) {
		got = append(got, fmt.Sprint(p.ID, " ", p.State))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("purposes (-want +got):\n%s", diff)
	}
}

func TestDeclinedHoldsUntilUnblock(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	follows(t, env.does(env.decline()), "subscription.declined")
	follows(t, env.does(env.decline()))
	env.is(consent.Declined)
	for i := range 40 { // far past every deadline and grace
		env.later(24 * time.Hour)
		follows(t, env.does(consent.Expire{}))
		follows(t, env.does(env.signup(fmt.Sprint("again", i))))
		if _, err := env.tries(env.confirm("r1")); !errors.Is(err, consent.ErrDeclined) {
			t.Fatalf("day %d: confirming: %v", i, err)
		}
	}
	if !env.sub.Address.IsZero() || len(env.sub.Requests) != 0 || env.sub.DeletableAt() != (time.Time{}) {
		t.Errorf("what is left is not the bare refusal: %+v", env.sub)
	}
	env.does(consent.Unblock{})
	env.is(consent.Declined)
	follows(t, env.does(env.signup("r2")), "email r2")
	env.is(consent.Pending)
	follows(t, env.does(env.confirm("r2")), "subscription.confirmed")
}

func TestDecliningEndsWhatWasConfirmed(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	follows(t, env.does(env.decline()), "subscription.declined")
	env.is(consent.Declined)
	env.does(consent.Unblock{})
	if _, err := env.tries(env.confirm("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("an old link after unblocking: %v", err)
	}
	env.is(consent.Declined)
}

func TestALinkExpiresAtItsDeadlineAndMayBeRenewedDuringItsGrace(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(terms.TTL - time.Millisecond)
	if _, err := consent.Apply(env.sub, env.confirm("r1"), env.now); err != nil {
		t.Fatalf("in its last millisecond: %v", err)
	}
	env.later(time.Millisecond).is(consent.Expired)
	if _, err := env.tries(env.confirm("r1")); !errors.Is(err, consent.ErrExpired) {
		t.Fatalf("at its deadline: %v", err)
	}
	follows(t, env.does(consent.Expire{}), "subscription.expired")
	follows(t, env.does(consent.Expire{}))
	follows(t, env.does(env.renew("r1", "r2")), "email r2")
	follows(t, env.does(env.renew("r1", "r2")))
	env.is(consent.Pending)
	if r := env.sub.Requests[1]; r.Asked.IP != "192.0.2.7" || !r.Asked.At.Equal(start) || r.Renewed == nil {
		t.Errorf("the renewed request does not rest on the first evidence: %+v", r)
	}
	follows(t, env.does(env.confirm("r2")), "subscription.confirmed")
}

func TestEverythingPersonalIsDeletedAfterTheGrace(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	if got, want := env.sub.DeletableAt(), start.Add(terms.TTL+consent.Grace); !got.Equal(want) {
		t.Fatalf("the record expires at %v, want %v", got, want)
	}
	env.later(terms.TTL)
	env.does(consent.Expire{})
	if got, want := env.sub.DeletableAt(), start.Add(terms.TTL+consent.Grace); !got.Equal(want) {
		t.Errorf("once the request expired it expires at %v, want %v", got, want)
	}
	env.later(consent.Grace)
	env.does(consent.Expire{})
	if len(env.sub.Requests) != 0 {
		t.Errorf("still there: %+v", env.sub.Requests)
	}
	if _, err := env.tries(env.renew("r1", "r2")); !errors.Is(err, consent.ErrUnknownRequest) {
		t.Errorf("renewing what was deleted: %v", err)
	}
}

func TestABounceClosesOnlyAnOpenRequest(t *testing.T) {
	refusal := consent.Evidence{Reply: "550 no such user", How: consent.ByRelay}
	bounce := consent.Bounced{RequestID: "r1", Evidence: refusal}
	env := newEnv(t)
	env.does(env.signup("r1"))
	follows(t, env.does(bounce), "subscription.undeliverable")
	follows(t, env.does(bounce))
	env.is(consent.Undeliverable)
	if _, err := env.tries(env.confirm("r1")); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("confirming: %v", err)
	}

	env = newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	follows(t, env.does(bounce))
	env.is(consent.Confirmed)
}

func TestOpenRequestsAreBounded(t *testing.T) {
	env := newEnv(t)
	for i := range 50 {
		a := env.signup(fmt.Sprint("r", i), fmt.Sprint("p", i))
		a.Terms.EmailsPerAddress = nil
		env.does(a)
	}
	if n := len(env.sub.Requests); n != 2*consent.MaxOpen {
		t.Fatalf("%d requests, want %d", n, 2*consent.MaxOpen)
	}
	if env.sub.Requests[0].ID != "r0" {
		t.Error("the first request was pushed out")
	}
}

func TestAnOlderEmailDoesNotBringBackWhatWasWithdrawn(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(time.Hour)
	env.does(env.signup("r2"))
	env.does(env.confirm("r1"))
	env.does(env.withdraw())
	if _, err := env.tries(env.confirm("r2")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("the second email's link: %v", err)
	}
	env.is(consent.Withdrawn).later(time.Hour)
	follows(t, env.does(env.signup("r3")), "email r3")
	follows(t, env.does(env.confirm("r3")), "subscription.confirmed")
}

func TestRepeatedSignupsForOnePurposeLeaveRoomForAnother(t *testing.T) {
	env := newEnv(t)
	for i := range 3 * consent.MaxOpen {
		a := env.signup(fmt.Sprint("r", i), "letter")
		a.Terms.EmailsPerAddress = nil
		env.does(a)
	}
	if n := len(env.sub.Requests); n != consent.MaxOpen {
		t.Fatalf("%d requests for one purpose, want %d", n, consent.MaxOpen)
	}
	other := env.signup("other", "offers")
	other.Terms.EmailsPerAddress = nil
	follows(t, env.does(other), "email other")
}

func TestDecliningIsTheLatestState(t *testing.T) {
	for name, before := range map[string]func(env *env){
		"after withdrawing": func(env *env) {
			env.does(env.confirm("r1"))
			env.later(time.Hour)
			env.does(env.withdraw())
		},
		"after expiring": func(env *env) { env.later(terms.TTL) },
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.does(env.signup("r1"))
			before(env)
			env.later(time.Hour)
			env.does(env.decline())
			env.is(consent.Declined)
		})
	}
}

func TestARequestThatExpiresBesideAConsentIsNoEvent(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.does(env.confirm("r1"))
	env.later(time.Hour)
	env.does(env.signup("r2", "offers"))
	env.later(terms.TTL)
	follows(t, env.does(consent.Expire{}))
	env.is(consent.Confirmed)
}

func TestALinkIsConfirmedOnceAnotherConfirmedItsPurposes(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(time.Hour)
	env.does(env.signup("r2"))
	env.does(env.confirm("r2"))
	env.later(terms.TTL - time.Minute) // r1 is past its end
	follows(t, env.does(env.confirm("r1")))
	follows(t, env.does(env.renew("r1", "r3")))
	env.is(consent.Confirmed)
}

func TestAMovedRefusalLeavesOnlyItsNewID(t *testing.T) {
	env := newEnv(t)
	env.does(env.decline())
	follows(t, env.does(consent.Move{To: "new"}))
	want := consent.Subscription{Site: "gazette", Created: start, Changed: start, MovedTo: "new"}
	if got := encoded(env.sub); got != encoded(want) {
		t.Errorf("what is left is %s, want %s", got, encoded(want))
	}
	env.later(time.Hour)
	if again, err := consent.Apply(env.sub, consent.Move{To: "new"}, env.now); err != nil || again.Changed {
		t.Errorf("moving it again: changed %t, %v", again.Changed, err)
	}
}

func TestALinkIsPostponedWithItsEmailButNotForEver(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	deadline := func() time.Duration { return env.sub.Requests[0].Deadline.Sub(start) }
	postpone := func(until time.Duration) {
		t.Helper()
		follows(t, env.does(consent.Postpone{RequestID: "r1", Until: start.Add(until), TTL: terms.TTL}))
	}
	for _, row := range []struct{ until, deadline time.Duration }{
		{0, terms.TTL}, {-time.Hour, terms.TTL}, {time.Hour, terms.TTL + time.Hour}, {time.Hour, terms.TTL + time.Hour},
		{time.Minute, terms.TTL + time.Hour}, {300 * 24 * time.Hour, consent.Grace + terms.TTL},
	} {
		if postpone(row.until); deadline() != row.deadline {
			t.Errorf("postponed to %v, it ends after %v, want %v", row.until, deadline(), row.deadline)
		}
	}
	env.does(consent.Delivered{RequestID: "r1"})
	before := deadline()
	env.later(time.Hour)
	if postpone(400 * 24 * time.Hour); deadline() != before {
		t.Error("the deadline of an email that left was moved")
	}
	other := newEnv(t)
	other.does(other.signup("r2"))
	other.does(other.withdraw())
	follows(t, other.does(consent.Postpone{RequestID: "r2", Until: start.Add(time.Hour), TTL: terms.TTL}))
	follows(t, other.does(consent.Postpone{RequestID: "r3", Until: start.Add(time.Hour), TTL: terms.TTL}))
	other.is(consent.Withdrawn)
}

// A confirmation is of one moment, however long it takes to commit.
func TestAConsentIsGivenWhenItsEvidenceSays(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("a"))
	confirm := env.confirm("a")
	env.later(3 * time.Second).does(confirm)
	if st := env.sub.Status("x", env.now); !st.ConfirmedAt.Equal(confirm.Evidence.At) ||
		!st.Purposes[0].Since.Equal(confirm.Evidence.At) {
		t.Errorf("given at %v, and its evidence is of %v", st.ConfirmedAt, confirm.Evidence.At)
	}
}
