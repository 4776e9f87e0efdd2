package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAComplaintTakesBackAllAndClosesWhatIsOpen(t *testing.T) {
	e := newEnv(t)
	e.does(e.signup("r1", "letter", "offers"))
	e.does(e.confirm("r1"))
	e.later(time.Hour)
	e.does(e.signup("r2", "events"))
	complaint := consent.Complained{Evidence: consent.Evidence{At: e.now, How: consent.ByComplaint, Reply: "abuse"}}
	follows(t, e.does(complaint), "subscription.withdrawn")
	follows(t, e.does(complaint))
	e.is(consent.Withdrawn)
	for _, id := range []string{"r1", "r2"} {
		if _, err := e.tries(e.confirm(id)); !errors.Is(err, consent.ErrWithdrawn) {
			t.Errorf("pressing %s: %v", id, err)
		}
	}
	for _, g := range e.sub.Consents {
		if g.Ended == nil || g.Ended.How != consent.ByComplaint || g.Ended.Reply != "abuse" {
			t.Errorf("%s ended by %+v", g.Purpose, g.Ended)
		}
	}
	e.later(time.Hour)
	follows(t, e.does(e.signup("r3")), "email r3") // it is no refusal: a new signup and a new press are a new consent
	follows(t, e.does(e.confirm("r3")), "subscription.confirmed")
	nobody := newEnv(t)
	follows(t, nobody.does(complaint))
	if !nobody.sub.Created.IsZero() {
		t.Error("a complaint of nobody is kept")
	}
}
