package consent

import (
	"slices"
	"time"
)

// Validity is how long a consent holds, and how long before its end the person is asked whether to renew it. While they
// are asked it goes on holding; after its end nobody is asked any more. Zero: it holds until it is taken back.
type Validity struct {
	For         time.Duration
	RenewBefore time.Duration // 0: nobody is asked
}

// renewAgain is how much later the email that asks to renew a consent is tried again, where another email came first
// or the limits allowed none.
const renewAgain = 12 * time.Hour

// from returns until when a consent is valid that was given at a time, and when the person is asked to renew it.
func (v Validity) from(given time.Time) (until, renewAt time.Time) {
	if v.For <= 0 {
		return time.Time{}, time.Time{}
	}
	until = given.Add(v.For)
	if v.RenewBefore > 0 {
		renewAt = until.Add(-v.RenewBefore)
	}
	return until, renewAt
}

// date gives the consents that have no end, from before there was a validity, one: their person is asked first.
func (s *edit) date(v Validity, now time.Time) {
	for i := range s.Consents {
		c := &s.Consents[i]
		if c.State != Confirmed || !c.ValidUntil.IsZero() || v.For <= 0 {
			continue
		}
		given := c.Given
		if asked := now.Add(v.RenewBefore - v.For); given.Before(asked) {
			given = asked
		}
		c.ValidUntil, c.RenewAt = v.from(given)
		s.touch()
	}
}

// LackEnd reports whether any of them holds until it is taken back.
func (all Consents) LackEnd() bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.State == Confirmed && c.ValidUntil.IsZero() })
}

// isOver reports whether a consent is past its validity.
func (c *Consent) isOver(now time.Time) bool {
	return !c.ValidUntil.IsZero() && !now.Before(c.ValidUntil)
}

// isOver reports whether a consent that holds is past its validity.
func (all Consents) isOver(now time.Time) bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.State == Confirmed && c.isOver(now) })
}

// EndValidity returns the subscription with the consents ended that are past their validity. An action ends them for
// good.
func (s Subscription) EndValidity(now time.Time) Subscription {
	if !s.Consents.isOver(now) {
		return s
	}
	s.Consents = slices.Clone(s.Consents)
	for i := range s.Consents {
		if c := &s.Consents[i]; c.State == Confirmed && c.isOver(now) {
			c.State, c.Ended, c.RenewAt = Expired, &Evidence{At: c.ValidUntil, How: ByValidity}, time.Time{}
		}
	}
	return s
}

// endedByValidity reports whether the consent's validity ended it, even if it was withdrawn later.
func (c *Consent) endedByValidity() bool {
	before := c.endedBefore()
	return c.State == Expired && c.Ended.How == ByValidity || before != nil && before.How == ByValidity
}

// replace ends a consent that is given anew, and returns when it was last used.
func (all Consents) replace(purpose string, now time.Time) (used time.Time) {
	c := all.Latest(purpose)
	if c == nil || c.State != Confirmed {
		return time.Time{}
	}
	c.State, c.Ended, c.RenewAt = Expired, &Evidence{At: now, How: ByRenewal}, time.Time{}
	return c.Used
}

// isRenewalDue reports whether it is time to ask the person about a consent.
func (c *Consent) isRenewalDue(now time.Time) bool {
	return c.State == Confirmed && !c.RenewAt.IsZero() && !c.RenewAt.After(now)
}

// RenewalDue returns what the person is to be asked about now, before its validity ends, and the request by which they
// agreed to it; nil if it is nothing. What was agreed to by several requests is asked about one after the other.
func (s *Subscription) RenewalDue(now time.Time) (agreed *Request, all []Statement) {
	for i := range s.Consents {
		c := &s.Consents[i]
		if !c.isRenewalDue(now) {
			continue
		}
		if agreed == nil {
			agreed = s.Requests.Find(c.RequestID)
		}
		if agreed != nil && agreed.ID == c.RequestID {
			all = append(all, c.Statement)
		}
	}
	return agreed, all
}

// renewLater puts off what is to be asked about now: one email is enough at a time.
func (s *edit) renewLater(now time.Time) {
	for i := range s.Consents {
		c := &s.Consents[i]
		if !c.isRenewalDue(now) {
			continue
		}
		c.RenewAt = now.Add(renewAgain)
		if c.isOver(c.RenewAt) {
			c.RenewAt = time.Time{}
		}
		s.touch()
	}
}

// askToRenew makes the email due that asks whether to renew the consents of one confirmation. Its link is good until
// they end. Nobody is asked who wants no email, or whom none reaches; they keep what they agreed to until it ends.
func (s *edit) askToRenew(a Expire, now time.Time) []Job {
	agreed, due := s.RenewalDue(now)
	if agreed == nil {
		return nil
	}
	r := Request{
		ID: a.ID, Address: agreed.Address, Asked: agreed.Asked, Renewed: &Evidence{At: now, How: ByClock},
		Statements: asPutNow(due, a.Statements), Locale: agreed.Locale,
	}
	var until time.Time
	for _, c := range s.Consents {
		if c.RequestID != agreed.ID || !c.isRenewalDue(now) {
			continue
		}
		r.Agreed = c.Given
		if until.IsZero() || c.ValidUntil.Before(until) {
			until = c.ValidUntil
		}
	}
	never := len(r.Statements) == 0 || s.Refused() != nil || s.Address.IsRole() || !s.UnreachableSince.IsZero()
	at, opened := time.Time{}, false
	if !never {
		at, opened = s.open(r, a.Terms, now)
	}
	if opened {
		s.Requests[len(s.Requests)-1].Deadline = until
	}
	for i := range s.Consents {
		c := &s.Consents[i]
		if (never || opened) && c.RequestID == agreed.ID && c.isRenewalDue(now) {
			c.RenewAt = time.Time{}
			s.touch()
		}
	}
	s.renewLater(now)
	if !opened {
		return nil
	}
	return emailJob(a.ID, 0, at)
}

// asPutNow returns what is put to people now about the purposes of some statements; none was made: as they were.
func asPutNow(statements, now []Statement) []Statement {
	if now == nil {
		return statements
	}
	return slices.DeleteFunc(slices.Clone(now), func(st Statement) bool {
		return !slices.ContainsFunc(statements, func(o Statement) bool { return o.Purpose == st.Purpose })
	})
}

// unreachable notes that an email will never arrive which was sent since the last confirmation, until a relay takes
// another one.
func (s *edit) unreachable(e *Email, now time.Time) {
	if !s.UnreachableSince.IsZero() || !s.Consents.Any() {
		return
	}
	for _, c := range s.Consents {
		if !e.Queued.After(c.Given) {
			return
		}
	}
	s.UnreachableSince = now
	s.touch()
}
