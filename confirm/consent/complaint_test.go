package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAComplaintWithdrawsEverythingAndClosesWhatIsOpen(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "offers"))
	env.does(env.confirm("r1"))
	env.later(time.Hour)
	env.does(env.signup("r2", "events"))
	complaint := consent.Complained{Evidence: consent.Evidence{At: env.now, How: consent.ByComplaint, Reply: "abuse"}}
	follows(t, env.does(complaint), "subscription.withdrawn")
	follows(t, env.does(complaint))
	env.is(consent.Withdrawn)
	for _, id := range []string{"r1", "r2"} {
		if _, err := env.tries(env.confirm(id)); !errors.Is(err, consent.ErrWithdrawn) {
			t.Errorf("confirming %s: %v", id, err)
		}
	}
	for _, c := range env.sub.Consents {
		if c.Ended == nil || c.Ended.How != consent.ByComplaint || c.Ended.Reply != "abuse" {
			t.Errorf("%s ended by %+v", c.Purpose, c.Ended)
		}
	}
	env.later(time.Hour)
	follows(t, env.does(env.signup("r3")), "email r3") // not a refusal: a new signup can be confirmed
	follows(t, env.does(env.confirm("r3")), "subscription.confirmed")
	unknown := newEnv(t)
	follows(t, unknown.does(complaint))
	if !unknown.sub.Created.IsZero() {
		t.Error("a complaint about an unknown person is stored")
	}
}
