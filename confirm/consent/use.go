package consent

import "time"

// Use notes the day (UTC) on which the website relied on a consent: it said so in a lookup before it sent something.
// How long proof is kept counts from the last use.
type Use struct {
	Purpose string
}

func (a Use) apply(s *edit, now time.Time) (effects, error) {
	c := s.Consents.Latest(a.Purpose)
	if day := dayOf(now); c != nil && c.State == Confirmed && c.Used.Before(day) {
		c.Used = day
		s.touch()
	}
	return effects{}, nil
}

// Used reports whether the use of a purpose's consent is noted for the day of a time.
func (all Consents) Used(purpose string, on time.Time) bool {
	c := all.Latest(purpose)
	return c != nil && !c.Used.Before(dayOf(on))
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
