package consent

import "time"

// Erasure forgets a person (GDPR article 17). Where they declined, or took a consent back, that alone is kept, with its time, under
// the keyed id: a refusal goes on stopping every letter. Where nothing of the sort is to be kept the record goes (Gone). An
// erasure of what is forgotten already changes nothing.
type Erase struct{}

func (Erase) on(s *Subscription, now time.Time) ([]Job, error) {
	if s.Address.IsZero() {
		return nil, nil
	}
	s.forget(now)
	return tell(EventErased), nil
}

// forget leaves of somebody that letters were declined, or that a consent was taken back, and when.
func (s *Subscription) forget(now time.Time) {
	left := Subscription{Site: s.Site, Created: s.Created, Changed: s.Changed, WithdrawnAt: s.takenBack(now), HistorySince: s.HistorySince}
	if !s.Address.IsZero() {
		left.HistorySince = now
	}
	if s.Declined != nil {
		left.Declined = &Evidence{At: s.Declined.At, How: s.Declined.How}
	}
	*s = left
}

// takenBack is when a consent was last taken back that has not been given anew since; zero: never.
func (s *Subscription) takenBack(now time.Time) time.Time {
	last := s.WithdrawnAt
	for _, p := range s.Purposes(now) {
		if p.State == Withdrawn && p.Since.After(last) {
			last = p.Since
		}
	}
	return last
}

// Gone tells whether nothing is left that is to be kept.
func (s *Subscription) Gone() bool {
	return s.Address.IsZero() && s.Declined == nil && s.Unblocked == nil && s.WithdrawnAt.IsZero() && len(s.Requests) == 0 && len(s.Consents) == 0 && s.MovedTo == ""
}
