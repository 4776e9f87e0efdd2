package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAComplaintTakesBackAllAndClosesWhatIsOpen(t *testing.T) {
	s := tell(t)
	s.does(s.signup("r1", "letter", "offers"))
	s.does(s.press("r1"))
	s.later(time.Hour)
	s.does(s.signup("r2", "events"))
	complaint := consent.Complained{Evidence: consent.Evidence{At: s.now, How: consent.ByComplaint, Reply: "abuse"}}
	owes(t, s.does(complaint), "subscription.withdrawn")
	owes(t, s.does(complaint))
	s.is(consent.Withdrawn)
	for _, id := range []string{"r1", "r2"} {
		if _, err := s.tries(s.press(id)); !errors.Is(err, consent.ErrWithdrawn) {
			t.Errorf("pressing %s: %v", id, err)
		}
	}
	for _, g := range s.sub.Consents {
		if g.Ended == nil || g.Ended.How != consent.ByComplaint || g.Ended.Reply != "abuse" {
			t.Errorf("%s ended by %+v", g.Purpose, g.Ended)
		}
	}
	s.later(time.Hour)
	owes(t, s.does(s.signup("r3")), "letter r3") // it is no refusal: a new signup and a new press are a new consent
	owes(t, s.does(s.press("r3")), "subscription.confirmed")
	nobody := tell(t)
	owes(t, nobody.does(complaint))
	if !nobody.sub.Created.IsZero() {
		t.Error("a complaint of nobody is kept")
	}
}
