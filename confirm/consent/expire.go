package consent

import (
	"slices"
	"time"
)

// Expire is the action of the clock: what is past its deadline is closed, as before every action, and a reminder whose
// time has come is made due.
type Expire struct {
	Terms Terms
}

func (a Expire) apply(s *Subscription, now time.Time) (effects, error) {
	return effects{jobs: s.remind(a.Terms, now)}, nil
}

// closeExpired closes the requests that are past their deadline, and returns the event of that.
func (s *Subscription) closeExpired(now time.Time) []EventType {
	expired := false
	for i := range s.Requests {
		if r := &s.Requests[i]; r.State == Pending && !r.IsOpen(now) {
			r.close(Expired, Evidence{At: r.Deadline, How: ByClock})
			expired = true
		}
	}
	if expired && s.State(now) == Expired {
		return []EventType{EventExpired}
	}
	return nil
}

// prune deletes what nothing needs any more: closed requests past their grace and, where emails were declined and
// nothing was ever consented to, everything but the refusal.
func (s *Subscription) prune(now time.Time) {
	s.deleteRequests(func(r Request) bool {
		return r.State != Pending && !s.Consents.provenBy(r.ID) && !now.Before(r.Deadline.Add(Grace))
	})
	if s.Declined != nil && len(s.Consents) == 0 && !now.Before(s.Declined.At.Add(Grace)) {
		s.erase(now)
	}
	nothingKnown := s.Declined == nil && len(s.Consents) == 0 && len(s.Requests) == 0
	if nothingKnown && !s.WithdrawnAt.IsZero() && !s.Address.IsZero() {
		s.erase(now) // a person who was erased, signed up again and did not confirm
	}
}

// deleteRequests deletes closed requests, and notes until when the history is incomplete.
func (s *Subscription) deleteRequests(these func(Request) bool) {
	s.Requests = slices.DeleteFunc(s.Requests, func(r Request) bool {
		if !these(r) {
			return false
		}
		s.forgetHistory(r.Closed.At)
		return true
	})
}

// makeRoom deletes the oldest of too many closed requests, before one more is opened.
func (s *Subscription) makeRoom() {
	closed := 0
	for i, r := range slices.Backward(s.Requests) {
		if r.State == Pending || s.Consents.provenBy(r.ID) {
			continue
		}
		if closed++; closed >= MaxClosed {
			s.forgetHistory(r.Closed.At)
			s.Requests = slices.Delete(s.Requests, i, i+1)
		}
	}
}

// addConsent adds a consent, and deletes the oldest that ended of too many.
func (s *Subscription) addConsent(c Consent) {
	s.Consents = append(s.Consents, c)
	ended := func(c Consent) bool { return c.State != Confirmed }
	if i := slices.IndexFunc(s.Consents, ended); len(s.Consents) > MaxConsents && i >= 0 {
		s.forgetHistory(s.Consents[i].Ended.At)
		s.Consents = slices.Delete(s.Consents, i, i+1)
	}
}

// nextExpire returns when Expire next has something to do; zero: never.
func (s *Subscription) nextExpire() (at time.Time) {
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
		case !s.Consents.provenBy(r.ID):
			earlier(r.Deadline.Add(Grace))
		}
	}
	if s.Declined != nil && len(s.Consents) == 0 && !s.Address.IsZero() {
		earlier(s.Declined.At.Add(Grace))
	}
	return at
}

// schedule returns the next Expire job, unless one that comes early enough is outstanding. A job whose time has come
// still counts while its cause remains; Expire handles it.
func (s *Subscription) schedule(now time.Time) []Job {
	at := s.nextExpire()
	if !s.ExpireJobAt.After(now) && !s.ExpireJobAt.Equal(at) {
		s.ExpireJobAt = time.Time{}
	}
	if at.IsZero() || !s.ExpireJobAt.IsZero() && !s.ExpireJobAt.After(at) {
		return nil
	}
	s.ExpireJobAt = at
	return []Job{{Type: JobExpire, Due: at}}
}

// DeletableAt returns when the whole record may be deleted; zero: never, because it proves a consent or a refusal.
func (s *Subscription) DeletableAt() time.Time {
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
