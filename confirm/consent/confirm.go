package consent

import (
	"errors"
	"slices"
	"time"
)

// Confirm is the button on the page behind an email's link: the action that makes a consent valid. A second press, or
// one on a request whose purposes are all confirmed already, succeeds and changes nothing.
type Confirm struct {
	RequestID string
	Purposes  []string       // of what was asked, only these; none: all. The rest is closed without a consent
	Revisions map[string]int // of each purpose, now: what was asked under an older one can no longer be agreed to
	Validity  Validity       // of what is confirmed
	Evidence  Evidence
}

func (a Confirm) apply(s *edit, now time.Time) (effects, error) {
	r, err := s.Confirmable(a.RequestID, now, a.Revisions)
	if err != nil {
		return effects{}, err
	}
	chosen, err := r.choose(a.Purposes)
	if err != nil {
		return effects{}, err
	}
	if !r.IsOpen(now) {
		return effects{}, nil // it was confirmed before, by this email or by another
	}
	wanted := s.Objections.allowed(chosen)
	if !r.IsRenewal() {
		wanted = s.Consents.missing(wanted)
	}
	for _, st := range wanted {
		c := Consent{Statement: st, RequestID: r.ID, State: Confirmed, Given: a.Evidence.At}
		c.ValidUntil, c.RenewAt = a.Validity.from(c.Given)
		c.Used = s.Consents.replace(st.Purpose, c.Given)
		s.Consents = append(s.Consents, c)
	}
	if len(wanted) > 0 {
		s.WithdrawnAt, s.UnreachableSince, s.Address = time.Time{}, time.Time{}, r.Address
	}
	s.close(r, Confirmed, a.Evidence)
	s.Locale = r.Locale
	if len(wanted) == 0 {
		return effects{}, nil // the link of another email was first; there is nothing new to announce
	}
	return effects{jobs: signatureJob(r), events: []EventType{EventConfirmed}}, nil
}

// choose returns the statements of the request about some purposes, or all if none is named; ErrNotAsked for any other.
func (r *Request) choose(purposes []string) (chosen []Statement, err error) {
	if len(purposes) == 0 {
		return r.Statements, nil
	}
	for _, id := range purposes {
		i := slices.IndexFunc(r.Statements, func(st Statement) bool { return st.Purpose == id })
		if i < 0 {
			return nil, ErrNotAsked
		}
		if !slices.Contains(chosen, r.Statements[i]) {
			chosen = append(chosen, r.Statements[i])
		}
	}
	return chosen, nil
}

// Confirmable returns a request that can be confirmed or was, or the reason why it cannot: ErrDeclined,
// ErrUnknownRequest, ErrWithdrawn, ErrExpired. A request that was confirmed, or with all its purposes confirmed by
// another email's link, stays so for its holder while any of it holds, past its deadline too. One that asks under an
// older revision than the purposes have counts as expired: it may be renewed, which asks again.
func (s *Subscription) Confirmable(id string, now time.Time, revisions map[string]int) (*Request, error) {
	if s.Refused() != nil {
		return nil, ErrDeclined
	}
	r := s.Requests.Find(id)
	switch {
	case r == nil:
		return nil, ErrUnknownRequest
	case len(s.Objections.allowed(r.Statements)) == 0:
		return nil, ErrDeclined
	}
	switch r.State {
	case Pending, Expired, Undeliverable:
		switch {
		case r.IsOpen(now) && !r.outdated(revisions), s.Consents.Cover(r):
			return r, nil
		case len(s.Consents.renewable(r)) > 0:
			return nil, ErrExpired
		}
	case Confirmed:
		holds := func(st Statement) bool { return s.Consents.confirmed(st.Purpose) }
		if slices.ContainsFunc(r.Statements, holds) {
			return r, nil
		}
		if slices.ContainsFunc(r.Statements, s.Consents.expired) {
			return nil, ErrExpired
		}
	}
	return nil, ErrWithdrawn
}

// outdated reports whether a purpose of the request has a newer revision.
func (r *Request) outdated(revisions map[string]int) bool {
	return slices.ContainsFunc(r.Statements, func(st Statement) bool { return st.Revision < revisions[st.Purpose] })
}

// Renew asks for a new email from the page of an expired link. The new request has the evidence of the first signup.
type Renew struct {
	RequestID  string
	ID         string // the id of the new request, a fresh nonce
	Evidence   Evidence
	Statements []Statement    // about the purposes of the request, as they are put to people now; nil: as they were
	Revisions  map[string]int // as of Confirm
	Terms      Terms
}

func (a Renew) apply(s *edit, now time.Time) (effects, error) {
	if s.Requests.Find(a.ID) != nil {
		return effects{}, nil
	}
	if _, err := s.Confirmable(a.RequestID, now, a.Revisions); err != nil && !errors.Is(err, ErrExpired) {
		return effects{}, err
	}
	old := s.Requests.Find(a.RequestID)
	asked := s.Objections.allowed(s.Consents.missing(s.Consents.renewable(old)))
	wanted := asPutNow(asked, a.Statements)
	if len(wanted) == 0 {
		return effects{}, nil
	}
	due, opened := s.open(Request{
		ID: a.ID, Address: old.Address, Asked: old.Asked, Renewed: &a.Evidence, Statements: wanted, Locale: old.Locale,
	}, a.Terms, now)
	if !opened {
		return effects{}, nil
	}
	return effects{jobs: emailJob(a.ID, 0, due)}, nil
}

// IsSupersededBy reports whether Supersede ends any of them.
func (all Consents) IsSupersededBy(revisions map[string]int, since map[string]time.Time) bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.isSupersededBy(revisions, since) })
}

// isSupersededBy reports whether Supersede ends the consent: one whose validity had ended before was valid no more.
func (c *Consent) isSupersededBy(revisions map[string]int, since map[string]time.Time) bool {
	return c.State == Confirmed && c.Revision < revisions[c.Purpose] && !c.isOver(since[c.Purpose])
}

// Supersede returns the subscription with consents to older revisions of a purpose ended: revisions has the revision of
// each purpose, and since the time from which it holds. They are no longer valid, and the next signup asks again.
func (s Subscription) Supersede(revisions map[string]int, since map[string]time.Time) Subscription {
	if !s.Consents.IsSupersededBy(revisions, since) {
		return s
	}
	s.Consents = slices.Clone(s.Consents)
	for i := range s.Consents {
		if c := &s.Consents[i]; c.isSupersededBy(revisions, since) {
			at := since[c.Purpose]
			if at.Before(c.Given) { // another process has not been told of the newer revision yet
				at = c.Given
			}
			c.State, c.Ended = Expired, &Evidence{At: at.UTC().Truncate(time.Millisecond), How: ByRevision}
		}
	}
	return s
}
