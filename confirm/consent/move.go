package consent

import "time"

// Move leaves the new id of a bare refusal in its place, so that links under the old id still lead to it.
type Move struct{ To string }

func (a Move) apply(s *edit, _ time.Time) (effects, error) {
	if s.MovedTo == a.To {
		return effects{}, nil
	}
	*s.Subscription = Subscription{Site: s.Site, Created: s.Created, Changed: s.Changed, MovedTo: a.To}
	s.touch()
	return effects{}, nil
}
