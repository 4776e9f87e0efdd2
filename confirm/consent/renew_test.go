package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAnExpiredLinkDoesNotBringBackWhatWasWithdrawnSince(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.later(time.Hour)
	env.does(env.signup("r2"))
	env.does(env.confirm("r2"))
	env.later(terms.TTL).is(consent.Confirmed)
	env.does(env.withdraw())
	if _, err := env.tries(env.renew("r1", "r3")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("renewing a link from before: %v", err)
	}
	if _, err := env.tries(env.confirm("r1")); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("confirming it: %v", err)
	}
	env.is(consent.Withdrawn)
	follows(t, env.does(env.signup("r4")), "email r4")
	env.later(terms.TTL)
	follows(t, env.does(env.renew("r4", "r5")), "subscription.expired", "email r5")
	follows(t, env.does(env.confirm("r5")), "subscription.confirmed")
}

func TestARenewalLeavesOutWhatWasWithdrawnSince(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "offers"))
	env.later(time.Hour)
	env.does(env.signup("r2", "letter"))
	env.does(env.confirm("r2"))
	env.later(terms.TTL)
	env.does(env.withdraw("letter"))
	follows(t, env.does(env.renew("r1", "r3")), "email r3")
	r := env.sub.Requests[len(env.sub.Requests)-1]
	if r.ID != "r3" || len(r.Statements) != 1 || r.Statements[0].Purpose != "offers" {
		t.Errorf("the renewed request asks for %+v", r.Statements)
	}
}
