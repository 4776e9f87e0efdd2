package consent

import "time"

// Decline is "this was not me": the holder of the mailbox wants no letters from this site, and gets none until Lift, whoever signs
// the address up. It takes back what was confirmed, too.
type Decline struct {
	Site     string
	Evidence Evidence
}

func (a Decline) on(s *Subscription, now time.Time) ([]Job, error) {
	if s.Declined != nil {
		return nil, nil
	}
	if s.Created.IsZero() { // an old letter, everything about it forgotten: the refusal counts all the same
		s.Site, s.Created = a.Site, now
	}
	s.Declined, s.Unblocked = &a.Evidence, nil
	for i := range s.Requests {
		if s.Requests[i].State == Pending {
			s.Requests[i].close(Declined, a.Evidence)
		}
	}
	s.end(Declined, a.Evidence, s.purposeIDs())
	if s.Address.IsZero() {
		return nil, nil
	}
	return tell(EventDeclined), nil
}

// move leaves a bare refusal's new id in its place, so that links under the old one still lead to it.
type Move struct{ To string }

func (a Move) on(s *Subscription, _ time.Time) ([]Job, error) {
	*s = Subscription{Site: s.Site, Created: s.Created, MovedTo: a.To}
	return nil, nil
}

// Lift lets letters come again after Decline. It confirms nothing, and what was closed stays closed.
type Unblock struct {
	Evidence Evidence
}

func (a Unblock) on(s *Subscription, now time.Time) ([]Job, error) {
	if s.Declined == nil {
		return nil, nil
	}
	s.Declined, s.Unblocked = nil, &a.Evidence
	s.lose(now) // that letters were refused until now is told by nothing else
	return nil, nil
}
