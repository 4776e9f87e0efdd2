package consent

import "time"

// Decline is "this was not me": the holder of the mailbox wants no emails from this site, and gets none until Unblock,
// no matter who signs the address up. It withdraws what was confirmed, too.
type Decline struct {
	Site     string
	Evidence Evidence
}

func (a Decline) apply(s *Subscription, now time.Time) (effects, error) {
	if s.Declined != nil {
		return effects{}, nil
	}
	if s.Created.IsZero() { // the link of an old email whose record was deleted: the refusal counts all the same
		s.Site, s.Created = a.Site, now
	}
	s.Declined, s.Unblocked = &a.Evidence, nil
	for i := range s.Requests {
		if s.Requests[i].State == Pending {
			s.Requests[i].close(Declined, a.Evidence)
		}
	}
	s.Consents.end(Declined, a.Evidence, s.purposeIDs())
	if s.Address.IsZero() {
		return effects{}, nil
	}
	return event(EventDeclined), nil
}

// Unblock lets emails come again after Decline. It confirms nothing, and what was closed stays closed.
type Unblock struct {
	Evidence Evidence
}

func (a Unblock) apply(s *Subscription, now time.Time) (effects, error) {
	if s.Declined == nil {
		return effects{}, nil
	}
	s.Declined, s.Unblocked = nil, &a.Evidence
	s.forgetHistory(now) // nothing else records that emails were declined until now
	return effects{}, nil
}
