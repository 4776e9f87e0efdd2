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

// story tells a sequence of acts on one subscription.
type story struct {
	t   *testing.T
	now time.Time
	sub consent.Subscription
}

func tell(t *testing.T) *story { return &story{t: t, now: start} }

func (s *story) later(d time.Duration) *story { s.now = s.now.Add(d); return s }

// does carries out an act that must succeed, and answers what it made owed, but for looks at the clock.
func (s *story) does(a consent.Action) []string {
	s.t.Helper()
	owed, err := s.tries(a)
	if err != nil {
		s.t.Fatalf("%T: %v", a, err)
	}
	return owed
}

func (s *story) tries(a consent.Action) ([]string, error) {
	after, owed, _, err := consent.Apply(s.sub, a, s.now)
	s.sub = after
	var names []string
	for _, o := range owed {
		switch o.Type {
		case consent.JobConfirmEmail:
			name := "letter " + o.Request
			if o.Due.After(s.now) {
				name += " in " + o.Due.Sub(s.now).String()
			}
			names = append(names, name)
		case consent.JobKnownEmail:
			names = append(names, "known")
		case consent.JobEvent:
			names = append(names, string(o.Event))
		}
	}
	return names, err
}

func (s *story) is(want consent.State) *story {
	s.t.Helper()
	if got := s.sub.State(s.now); got != want {
		s.t.Fatalf("the subscription is %q, want %q", got, want)
	}
	return s
}

func owes(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("owed (-want +got):\n%s", diff)
	}
}

func mustParse(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func (s *story) signup(id string, purposes ...string) consent.Signup {
	if len(purposes) == 0 {
		purposes = []string{"letter"}
	}
	a := consent.Signup{ID: id, Address: mustParse("ada@example.org"), Site: "gazette", Locale: "fr", Terms: terms,
		Evidence: consent.Evidence{At: s.now, IP: "192.0.2.7", How: consent.ByForm}}
	for _, p := range purposes {
		a.Statements = append(a.Statements, consent.Statement{Purpose: p, SHA256: "text of " + p})
	}
	return a
}

func (s *story) press(id string) consent.Confirm {
	return consent.Confirm{Request: id, Evidence: consent.Evidence{At: s.now, How: consent.ByLink}}
}

func (s *story) decline() consent.Decline {
	return consent.Decline{Site: "gazette", Evidence: consent.Evidence{At: s.now, How: consent.ByLink}}
}

func (s *story) withdraw(purposes ...string) consent.Withdraw {
	return consent.Withdraw{Purposes: purposes, Evidence: consent.Evidence{At: s.now, How: consent.ByLink}}
}

func (s *story) renew(old, id string) consent.Renew {
	return consent.Renew{Request: old, ID: id, Terms: terms, Evidence: consent.Evidence{At: s.now}}
}

func TestTheWayOfOneConsent(t *testing.T) {
	s := tell(t)
	owes(t, s.does(s.signup("r1")), "letter r1")
	s.is(consent.Pending).later(time.Minute)
	owes(t, s.does(s.press("r1")), "subscription.confirmed")
	s.is(consent.Confirmed).later(time.Second)
	owes(t, s.does(s.press("r1")))
	if n := len(s.sub.Consents); n != 1 {
		t.Fatalf("%d grants after two presses, want 1", n)
	}
	owes(t, s.does(s.withdraw()), "subscription.withdrawn")
	s.is(consent.Withdrawn)
	owes(t, s.does(s.withdraw()))
	if _, err := s.tries(s.press("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("pressing what was taken back: %v", err)
	}
}

func TestASignupNeverTakesOverAnOpenRequest(t *testing.T) {
	s := tell(t)
	s.does(s.signup("mine"))
	s.later(11 * time.Minute)
	other := s.signup("theirs")
	other.Evidence.IP = "203.0.113.9"
	owes(t, s.does(other), "letter theirs")
	owes(t, s.does(s.press("mine")), "subscription.confirmed")
	g := s.sub.Consents[0]
	if g.Request != "mine" || s.sub.Requests[0].Asked.IP != "192.0.2.7" {
		t.Fatalf("the consent rests on %q asked from %s", g.Request, s.sub.Requests[0].Asked.IP)
	}
	owes(t, s.does(s.press("theirs"))) // its letter's link is good, and there is nothing new to tell
	if len(s.sub.Consents) != 1 {
		t.Fatalf("%d grants, want 1", len(s.sub.Consents))
	}
}

func TestARepeatedSignupMailsAgainAfterTheCoolDownOnly(t *testing.T) {
	s := tell(t)
	owes(t, s.does(s.signup("r1")), "letter r1")
	s.later(9*time.Minute + 59*time.Second)
	owes(t, s.does(s.signup("r2")))
	s.later(time.Second)
	owes(t, s.does(s.signup("r3")), "letter r3")
	s.later(10 * time.Minute)
	owes(t, s.does(s.signup("r4")), "letter r4")
	s.later(10 * time.Minute)
	owes(t, s.does(s.signup("r5"))) // three in a day
	s.now = start.Add(24 * time.Hour)
	owes(t, s.does(s.signup("r6")), "letter r6")
	for _, id := range []string{"r1", "r3", "r4", "r6"} {
		if _, err := s.tries(s.press(id)); err != nil {
			t.Errorf("the link of %s: %v", id, err)
		}
	}
}

func TestAskingForSomethingElseIsMailedAsSoonAsTheLimitsAllow(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1", "letter"))
	s.later(4 * time.Minute)
	owes(t, s.does(s.signup("r2", "offers")), "letter r2 in 6m0s")
	if r := s.sub.Requests[1]; r.Deadline != s.now.Add(6*time.Minute+terms.TTL) {
		t.Errorf("its link ends at %v", r.Deadline)
	}
}

func TestAConfirmedPersonIsToldAtMostOnceADay(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	s.does(s.press("r1"))
	s.later(time.Hour)
	owes(t, s.does(s.signup("r2")), "known")
	s.is(consent.Confirmed).later(23 * time.Hour)
	owes(t, s.does(s.signup("r3")))
	s.later(time.Hour)
	owes(t, s.does(s.signup("r4")), "known")
	if len(s.sub.Requests) != 1 {
		t.Errorf("%d requests, want the first one only", len(s.sub.Requests))
	}
}

func TestASignupForMoreAsksOnlyForWhatIsNotConfirmed(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1", "letter"))
	s.does(s.press("r1"))
	s.later(time.Hour)
	owes(t, s.does(s.signup("r2", "letter", "offers")), "letter r2")
	s.is(consent.Confirmed)
	if got := s.sub.Requests[1].Statements; len(got) != 1 || got[0].Purpose != "offers" {
		t.Fatalf("asked again: %v", got)
	}
	s.does(s.withdraw("letter"))
	s.is(consent.Pending)
	owes(t, s.does(s.press("r2")), "subscription.confirmed")
	want := []string{"letter withdrawn", "offers confirmed"}
	var got []string
	for _, p := range s.sub.Purposes(s.now) {
		got = append(got, fmt.Sprint(p.ID, " ", p.State))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("purposes (-want +got):\n%s", diff)
	}
}

func TestDeclinedHoldsUntilLifted(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	owes(t, s.does(s.decline()), "subscription.declined")
	owes(t, s.does(s.decline()))
	s.is(consent.Declined)
	for i := range 40 { // far past every deadline and grace
		s.later(24 * time.Hour)
		owes(t, s.does(consent.Expire{}))
		owes(t, s.does(s.signup(fmt.Sprint("again", i))))
		if _, err := s.tries(s.press("r1")); !errors.Is(err, consent.ErrDeclined) {
			t.Fatalf("day %d: pressing: %v", i, err)
		}
	}
	if !s.sub.Address.IsZero() || len(s.sub.Requests) != 0 || s.sub.Expires() != (time.Time{}) {
		t.Errorf("what is left is not the bare refusal: %+v", s.sub)
	}
	s.does(consent.Unblock{})
	s.is(consent.Declined)
	owes(t, s.does(s.signup("r2")), "letter r2")
	s.is(consent.Pending)
	owes(t, s.does(s.press("r2")), "subscription.confirmed")
}

func TestDecliningTakesBackWhatWasConfirmed(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	s.does(s.press("r1"))
	owes(t, s.does(s.decline()), "subscription.declined")
	s.is(consent.Declined)
	s.does(consent.Unblock{})
	if _, err := s.tries(s.press("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("an old link after lifting: %v", err)
	}
	s.is(consent.Declined)
}

func TestALinkEndsAtItsDeadlineAndMayBeRenewedInItsGrace(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	s.later(terms.TTL - time.Millisecond)
	if _, _, _, err := consent.Apply(s.sub, s.press("r1"), s.now); err != nil {
		t.Fatalf("in its last millisecond: %v", err)
	}
	s.later(time.Millisecond).is(consent.Expired)
	if _, err := s.tries(s.press("r1")); !errors.Is(err, consent.ErrExpired) {
		t.Fatalf("at its deadline: %v", err)
	}
	owes(t, s.does(consent.Expire{}), "subscription.expired")
	owes(t, s.does(consent.Expire{}))
	owes(t, s.does(s.renew("r1", "r2")), "letter r2")
	owes(t, s.does(s.renew("r1", "r2")))
	s.is(consent.Pending)
	if r := s.sub.Requests[1]; r.Asked.IP != "192.0.2.7" || !r.Asked.At.Equal(start) || r.Renewed == nil {
		t.Errorf("the renewed request does not rest on the first evidence: %+v", r)
	}
	owes(t, s.does(s.press("r2")), "subscription.confirmed")
}

func TestEverythingPersonalIsGoneAfterTheGrace(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	if got, want := s.sub.Expires(), start.Add(terms.TTL+consent.Grace); !got.Equal(want) {
		t.Fatalf("the record expires at %v, want %v", got, want)
	}
	s.later(terms.TTL)
	s.does(consent.Expire{})
	if got, want := s.sub.Expires(), start.Add(terms.TTL+consent.Grace); !got.Equal(want) {
		t.Errorf("after the lapse it expires at %v, want %v", got, want)
	}
	s.later(consent.Grace)
	s.does(consent.Expire{})
	if len(s.sub.Requests) != 0 {
		t.Errorf("still kept: %+v", s.sub.Requests)
	}
	if _, err := s.tries(s.renew("r1", "r2")); !errors.Is(err, consent.ErrGone) {
		t.Errorf("renewing what is forgotten: %v", err)
	}
}

func TestABounceClosesOnlyAnOpenRequest(t *testing.T) {
	bounce := consent.Bounced{Request: "r1", Evidence: consent.Evidence{Reply: "550 no such user", How: consent.ByRelay}}
	s := tell(t)
	s.does(s.signup("r1"))
	owes(t, s.does(bounce), "subscription.undeliverable")
	owes(t, s.does(bounce))
	s.is(consent.Undeliverable)
	if _, err := s.tries(s.press("r1")); !errors.Is(err, consent.ErrExpired) {
		t.Errorf("pressing: %v", err)
	}

	s = tell(t)
	s.does(s.signup("r1"))
	s.does(s.press("r1"))
	owes(t, s.does(bounce))
	s.is(consent.Confirmed)
}

func TestOpenRequestsAreBounded(t *testing.T) {
	s := tell(t)
	for i := range 50 {
		a := s.signup(fmt.Sprint("r", i), fmt.Sprint("p", i))
		a.Terms.EmailsPerAddress = nil
		s.does(a)
	}
	if n := len(s.sub.Requests); n != 2*consent.MaxOpen {
		t.Fatalf("%d requests, want %d", n, 2*consent.MaxOpen)
	}
	if s.sub.Requests[0].ID != "r0" {
		t.Error("the first request was pushed out")
	}
}

func TestWhatWasTakenBackIsNotBroughtBackByAnOlderLetter(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	s.later(time.Hour)
	s.does(s.signup("r2"))
	s.does(s.press("r1"))
	s.does(s.withdraw())
	if _, err := s.tries(s.press("r2")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Fatalf("the second letter's link: %v", err)
	}
	s.is(consent.Withdrawn).later(time.Hour)
	owes(t, s.does(s.signup("r3")), "letter r3")
	owes(t, s.does(s.press("r3")), "subscription.confirmed")
}

func TestRepeatingOneThingKeepsNothingElseFromBeingAsked(t *testing.T) {
	s := tell(t)
	for i := range 3 * consent.MaxOpen {
		a := s.signup(fmt.Sprint("r", i), "letter")
		a.Terms.EmailsPerAddress = nil
		s.does(a)
	}
	if n := len(s.sub.Requests); n != consent.MaxOpen {
		t.Fatalf("%d requests for one purpose, want %d", n, consent.MaxOpen)
	}
	other := s.signup("other", "offers")
	other.Terms.EmailsPerAddress = nil
	owes(t, s.does(other), "letter other")
}

func TestARefusalIsTheLatestWord(t *testing.T) {
	for name, before := range map[string]func(s *story){
		"after withdrawing": func(s *story) { s.does(s.press("r1")); s.later(time.Hour); s.does(s.withdraw()) },
		"after expiring":    func(s *story) { s.later(terms.TTL) },
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			s.does(s.signup("r1"))
			before(s)
			s.later(time.Hour)
			s.does(s.decline())
			s.is(consent.Declined)
		})
	}
}

func TestALapseBesideAConsentTellsNobody(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1", "letter"))
	s.does(s.press("r1"))
	s.later(time.Hour)
	s.does(s.signup("r2", "offers"))
	s.later(terms.TTL)
	owes(t, s.does(consent.Expire{}))
	s.is(consent.Confirmed)
}

func TestALinkWhosePurposesAnotherConfirmedIsConfirmedToo(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	s.later(time.Hour)
	s.does(s.signup("r2"))
	s.does(s.press("r2"))
	s.later(terms.TTL - time.Minute) // r1 is past its end
	owes(t, s.does(s.press("r1")))
	owes(t, s.does(s.renew("r1", "r3")))
	s.is(consent.Confirmed)
}
