package consent

import (
	"slices"
	"time"
)

// Lapse is the act in which nobody does anything: only the clock has moved. It owes the reminder that has become due.
type Expire struct {
	Terms Terms
}

func (a Expire) on(s *Subscription, now time.Time) ([]Job, error) { return s.remind(a.Terms, now), nil }

// lapse closes the requests that are past their deadline.
func (s *Subscription) lapse(now time.Time) []Job {
	lapsed := false
	for i := range s.Requests {
		if r := &s.Requests[i]; r.State == Pending && !r.IsOpen(now) {
			r.close(Expired, Evidence{At: r.Deadline, How: ByClock})
			lapsed = true
		}
	}
	if lapsed && s.State(now) == Expired {
		return tell(EventExpired)
	}
	return nil
}

// prune forgets what nothing needs any more: closed requests past their grace and, where letters were declined and nothing was
// ever granted, everything but that.
func (s *Subscription) prune(now time.Time) {
	s.without(func(r Request) bool {
		return r.State != Pending && !s.needs(r.ID) && !now.Before(r.Deadline.Add(Grace))
	})
	if s.Declined != nil && len(s.Consents) == 0 && !now.Before(s.Declined.At.Add(Grace)) {
		s.forget(now)
	}
	if !s.WithdrawnAt.IsZero() && !s.Address.IsZero() && s.Declined == nil && len(s.Consents) == 0 && len(s.Requests) == 0 {
		s.forget(now) // who was erased, came back, and did not press
	}
}

// room forgets the oldest of too many closed requests, before one more is opened.
func (s *Subscription) room() {
	closed := 0
	for i, r := range slices.Backward(s.Requests) {
		if r.State == Pending || s.needs(r.ID) {
			continue
		}
		if closed++; closed >= MaxClosed {
			s.lose(r.Closed.At)
			s.Requests = slices.Delete(s.Requests, i, i+1)
		}
	}
}

// give adds a grant, and forgets the oldest that ended of too many.
func (s *Subscription) give(g Consent) {
	s.Consents = append(s.Consents, g)
	ended := func(g Consent) bool { return g.State != Confirmed }
	if i := slices.IndexFunc(s.Consents, ended); len(s.Consents) > MaxConsents && i >= 0 {
		s.lose(s.Consents[i].Ended.At)
		s.Consents = slices.Delete(s.Consents, i, i+1)
	}
}

// needs tells whether a request is the proof of a grant.
func (s *Subscription) needs(id string) bool {
	return slices.ContainsFunc(s.Consents, func(g Consent) bool { return g.Request == id })
}

// next is when the clock next has something to do here; zero: never.
func (s *Subscription) next() (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, r := range s.Requests {
		switch {
		case r.State == Pending:
			earlier(r.Deadline)
			if !r.RemindAt.IsZero() {
				earlier(r.RemindAt)
			}
		case !s.needs(r.ID):
			earlier(r.Deadline.Add(Grace))
		}
	}
	if s.Declined != nil && len(s.Consents) == 0 && !s.Address.IsZero() {
		earlier(s.Declined.At.Add(Grace))
	}
	return at
}

// wind owes a look at the clock, unless one that comes early enough is outstanding. One that has rung is, as long as what it rang
// for is there: that is left to a Lapse.
func (s *Subscription) wind(now time.Time) []Job {
	at := s.next()
	if !s.ExpireAt.After(now) && !s.ExpireAt.Equal(at) {
		s.ExpireAt = time.Time{}
	}
	if at.IsZero() || !s.ExpireAt.IsZero() && !s.ExpireAt.After(at) {
		return nil
	}
	s.ExpireAt = at
	return []Job{{Type: JobExpire, Due: at}}
}

// Expires is when the whole record may be forgotten; zero: never, because a consent or a refusal is to be proved.
func (s *Subscription) Expires() time.Time {
	if len(s.Consents) > 0 || s.Declined != nil || !s.WithdrawnAt.IsZero() || s.MovedTo != "" {
		return time.Time{}
	}
	at := s.Changed.Add(Grace)
	for _, r := range s.Requests {
		if end := r.Deadline.Add(Grace); end.After(at) {
			at = end
		}
	}
	return at
}
