package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAnExpiredLetterDoesNotBringBackWhatWasTakenBackSince(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1"))
	e.later(time.Hour)
	e.does(e.signup("r2"))
	e.does(e.confirm("r2"))
	e.later(terms.TTL).is(consent.Confirmed)
	e.does(e.withdraw())
	if _, err := e.tries(e.renew("r1", "r3")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("renewing a letter from before: %v", err)
	}
	if _, err := e.tries(e.confirm("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("pressing it: %v", err)
	}
	e.is(consent.Withdrawn)
	follows(t, e.does(e.signup("r4")), "email r4")
	e.later(terms.TTL)
	follows(t, e.does(e.renew("r4", "r5")), "subscription.expired", "email r5")
	follows(t, e.does(e.confirm("r5")), "subscription.confirmed")
}

func TestARenewalLeavesOutWhatWasTakenBackSince(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1", "letter", "offers"))
	e.later(time.Hour)
	e.does(e.signup("r2", "letter"))
	e.does(e.confirm("r2"))
	e.later(terms.TTL)
	e.does(e.withdraw("letter"))
	follows(t, e.does(e.renew("r1", "r3")), "email r3")
	if r := e.sub.Requests[len(e.sub.Requests)-1]; r.ID != "r3" || len(r.Statements) != 1 || r.Statements[0].Purpose != "offers" {
		t.Errorf("the renewed request asks %+v", r.Statements)
	}
}
