package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAnExpiredLetterDoesNotBringBackWhatWasTakenBackSince(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1"))
	s.later(time.Hour)
	s.does(s.signup("r2"))
	s.does(s.press("r2"))
	s.later(terms.TTL).is(consent.Confirmed)
	s.does(s.withdraw())
	if _, err := s.tries(s.renew("r1", "r3")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("renewing a letter from before: %v", err)
	}
	if _, err := s.tries(s.press("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("pressing it: %v", err)
	}
	s.is(consent.Withdrawn)
	owes(t, s.does(s.signup("r4")), "letter r4")
	s.later(terms.TTL)
	owes(t, s.does(s.renew("r4", "r5")), "subscription.expired", "letter r5")
	owes(t, s.does(s.press("r5")), "subscription.confirmed")
}

func TestARenewalLeavesOutWhatWasTakenBackSince(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1", "letter", "offers"))
	s.later(time.Hour)
	s.does(s.signup("r2", "letter"))
	s.does(s.press("r2"))
	s.later(terms.TTL)
	s.does(s.withdraw("letter"))
	owes(t, s.does(s.renew("r1", "r3")), "letter r3")
	if r := s.sub.Requests[len(s.sub.Requests)-1]; r.ID != "r3" || len(r.Statements) != 1 || r.Statements[0].Purpose != "offers" {
		t.Errorf("the renewed request asks %+v", r.Statements)
	}
}
