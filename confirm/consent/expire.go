package consent

import (
	"slices"
	"time"
)

// Expire is the action of the clock: what is past its deadline is closed, and what is past its validity ended, as
// before every action; a reminder, or the email that asks to renew a consent, becomes due when its time has come.
type Expire struct {
	Terms Terms
	// Of the request that asks to renew a consent: its id, a fresh nonce, and what is put to people now about the
	// purposes of RenewalDue; nil: what was.
	ID         string
	Statements []Statement
}

func (a Expire) apply(s *edit, now time.Time) (effects, error) {
	jobs := s.remind(a.Terms, now)
	if len(jobs) > 0 {
		s.renewLater(now)
		return effects{jobs: jobs}, nil
	}
	return effects{jobs: s.askToRenew(a, now)}, nil
}

// closeExpired closes the requests that are past their deadline, ends the consents that are past their validity, and
// returns the event of that.
func (s *edit) closeExpired(now time.Time) []EventType {
	expired, ended := false, s.Consents.isOver(now)
	if ended {
		*s.Subscription = s.EndValidity(now)
		s.touch()
	}
	for i := range s.Requests {
		if r := &s.Requests[i]; r.State == Pending && !r.IsOpen(now) {
			s.close(r, Expired, Evidence{At: r.Deadline, How: ByClock})
			expired = true
		}
	}
	if ended || expired && s.State(now) == Expired {
		return []EventType{EventExpired}
	}
	return nil
}

// prune deletes what nothing needs any more: closed requests past their grace and, where emails were declined and
// nothing was ever consented to, everything but the refusal.
func (s *edit) prune(now time.Time) {
	s.deleteRequests(func(r Request) bool {
		return r.State != Pending && !s.Consents.ProvenBy(r.ID) && !now.Before(r.Deadline.Add(Grace))
	})
	s.deleteNotices(now)
	s.deleteReceipts(now)
	deleteClaims(s, now)
	if at := bareFrom(s.Subscription); !at.IsZero() && !now.Before(at) {
		s.erase(now)
	}
}

// bareFrom returns from when nothing is to be known of a person but what they refused or withdrew; zero: more is.
func bareFrom(s *Subscription) time.Time {
	if s.isBare() || len(s.Consents) > 0 {
		return time.Time{}
	}
	if refused := s.Refused(); refused != nil {
		return refused.At.Add(Grace)
	}
	if len(s.Requests) > 0 {
		return time.Time{}
	}
	at := s.WithdrawnAt // of a person who was erased, signed up again and did not confirm
	for i, o := range slices.Backward(s.Objections) {
		if at.IsZero() && s.Objections[i].active() {
			at = o.Evidence.At.Add(Grace)
		}
	}
	if at.IsZero() && len(s.Receipts) > 0 {
		at = s.HistorySince // nor was anything withdrawn
	}
	if at.IsZero() {
		return at
	}
	at = later(at, later(s.Refusals.unblockedAt(), s.Objections.unblockedAt()).Add(Grace))
	for _, c := range s.Claims {
		at = later(at, c.Deadline)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// deleteRequests deletes closed requests, and notes until when the history is incomplete.
func (s *edit) deleteRequests(these func(Request) bool) {
	s.Requests = slices.DeleteFunc(s.Requests, func(r Request) bool {
		if !these(r) {
			return false
		}
		s.forgetHistory(r.Closed.At)
		s.touch()
		return true
	})
}

// deleteNotices deletes the notices that are older than noticeKept.
func (s *edit) deleteNotices(now time.Time) {
	kept := slices.DeleteFunc(s.Notices, func(n Notice) bool { return !now.Before(n.Asked.At.Add(noticeKept)) })
	if len(kept) < len(s.Notices) {
		s.touch()
	}
	s.Notices = kept
}

// deleteReceipts deletes the receipts of an erased person whose time is over.
func (s *edit) deleteReceipts(now time.Time) {
	over := func(r KeptReceipt) bool { return !now.Before(r.Until) }
	if slices.ContainsFunc(s.Receipts, over) {
		s.Receipts = slices.DeleteFunc(slices.Clone(s.Receipts), over)
		s.touch()
	}
}

// isBare reports whether nothing is left of the person but that they declined or withdrew.
func (s *Subscription) isBare() bool { return s.Address.IsZero() }

// ExpireAt returns when Expire next has something to do; zero: never.
func (s *Subscription) ExpireAt() (at time.Time) {
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
		case !s.Consents.ProvenBy(r.ID):
			earlier(r.Deadline.Add(Grace))
		}
	}
	if bare := bareFrom(s); !bare.IsZero() {
		earlier(bare)
	}
	for i := range s.Consents {
		c := &s.Consents[i]
		for _, t := range []time.Time{c.RenewAt, c.ValidUntil} {
			if c.State == Confirmed && !t.IsZero() {
				earlier(t)
			}
		}
	}
	for _, r := range s.Receipts {
		earlier(r.Until)
	}
	if end := s.DeletableAt(); !end.IsZero() && !at.Before(end) {
		return time.Time{} // the whole record is deleted by then
	}
	return at
}

// DeletableAt returns when the whole record may be deleted; zero: never, because it proves a consent or a refusal.
func (s *Subscription) DeletableAt() time.Time {
	refused := s.Refusals.Declined() != nil || s.Objections.Active()
	if len(s.Consents) > 0 || refused || !s.WithdrawnAt.IsZero() || s.MovedTo != "" {
		return time.Time{}
	}
	at := s.Changed.Add(Grace)
	for _, r := range s.Requests {
		if end := r.Deadline.Add(Grace); end.After(at) {
			at = end
		}
	}
	for _, r := range s.Receipts {
		if r.Until.After(at) {
			at = r.Until
		}
	}
	return at
}
