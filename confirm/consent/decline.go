package consent

import (
	"slices"
	"time"
)

// Decline is "this was not me": the holder of the mailbox wants no emails from this site, and gets none until Unblock,
// no matter who signs the address up. It withdraws what was confirmed, too.
type Decline struct {
	Site     string
	Mailbox  string // as of Refusal
	Evidence Evidence
}

// maxRefusals is how many refusals are kept, the first one always among them: the holder of a link may decline and
// unblock as often as they like.
const maxRefusals = 32

func (a Decline) apply(s *edit, now time.Time) (effects, error) {
	if s.Refusals.Declined() != nil {
		return effects{}, nil
	}
	if s.Created.IsZero() { // the link of an old email whose record was deleted: the refusal counts all the same
		s.Site, s.Created = a.Site, now
	}
	if len(s.Refusals) >= maxRefusals {
		s.forgetHistory(s.Refusals[1].Unblocked.At)
		s.Refusals = slices.Delete(s.Refusals, 1, 2)
	}
	s.Refusals = append(s.Refusals, Refusal{Declined: a.Evidence, Mailbox: a.Mailbox})
	s.touch()
	for i := range s.Requests {
		if s.Requests[i].State == Pending {
			s.close(&s.Requests[i], Declined, a.Evidence)
		}
	}
	s.end(Declined, a.Evidence, purposeIDs(s.Subscription))
	if s.Address.IsZero() {
		return effects{}, nil
	}
	return event(EventDeclined), nil
}

// Unblock lets emails come again after Decline or Object. It confirms nothing, and what was closed stays closed. A
// website's server cannot end what the mailbox itself declined; it can end an objection, of any channel.
type Unblock struct {
	Evidence Evidence
}

func (a Unblock) apply(s *edit, _ time.Time) (effects, error) {
	if s.Refusals.Declined() != nil && a.Evidence.How != ByServer {
		s.Refusals[len(s.Refusals)-1].Unblocked = &a.Evidence
		s.touch()
	}
	if s.Objections.unblock(&a.Evidence) {
		s.touch()
	}
	return effects{}, nil
}
