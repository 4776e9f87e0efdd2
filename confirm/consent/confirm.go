package consent

import (
	"errors"
	"slices"
	"time"
)

// Confirm is the button on the page behind an email's link: the action that makes a consent valid.
type Confirm struct {
	Request  string
	Evidence Evidence
}

func (a Confirm) apply(s *Subscription, now time.Time) (effects, error) {
	r, err := s.Confirmable(a.Request, now)
	if err != nil || !r.IsOpen(now) {
		return effects{}, err
	}
	wanted := s.unconfirmed(r.Statements)
	for _, st := range wanted {
		s.addConsent(Consent{Statement: st, Request: r.ID, State: Confirmed, Given: now})
	}
	if len(wanted) > 0 {
		s.WithdrawnAt = time.Time{}
	}
	r.close(Confirmed, a.Evidence)
	s.Locale = r.Locale
	if len(wanted) == 0 {
		return effects{}, nil // the link of another email was first; there is nothing new to announce
	}
	return event(EventConfirmed), nil
}

// Confirmable returns a request that can be confirmed or was, or the reason why it cannot: ErrDeclined, ErrGone, ErrWithdrawn, ErrExpired.
// A request that was confirmed, or whose purposes were all confirmed by another email's link, stays so for its holder while any of it
// holds, past its deadline too.
func (s *Subscription) Confirmable(id string, now time.Time) (*Request, error) {
	if s.Declined != nil {
		return nil, ErrDeclined
	}
	r := s.Request(id)
	if r == nil {
		return nil, ErrGone
	}
	switch r.State {
	case Pending, Expired, Undeliverable:
		if r.IsOpen(now) || s.FullyConfirmed(r) {
			return r, nil
		}
	case Confirmed:
		holds := func(st Statement) bool { return s.confirmed(st.Purpose) }
		if !slices.ContainsFunc(r.Statements, holds) {
			return nil, ErrWithdrawn
		}
		return r, nil
	case Withdrawn, Declined:
		return nil, ErrWithdrawn
	}
	if len(s.renewable(r)) == 0 {
		return nil, ErrWithdrawn
	}
	return nil, ErrExpired
}

// FullyConfirmed reports whether everything that a request asks for is confirmed.
func (s *Subscription) FullyConfirmed(r *Request) bool { return len(s.unconfirmed(r.Statements)) == 0 }

// renewable returns what a request asked for and was not withdrawn after it: an email from before a withdrawal brings nothing back.
func (s *Subscription) renewable(r *Request) []Statement {
	return slices.DeleteFunc(slices.Clone(r.Statements), func(st Statement) bool {
		c := s.Consent(st.Purpose)
		return c != nil && c.State != Confirmed && c.Ended.At.After(r.Asked.At)
	})
}

// Renew asks for a new email from the page of an expired link. The new request has the evidence of the first signup.
type Renew struct {
	Request  string
	ID       string // the id of the new request, a fresh nonce
	Evidence Evidence
	Terms    Terms
}

func (a Renew) apply(s *Subscription, now time.Time) (effects, error) {
	if s.Request(a.ID) != nil {
		return effects{}, nil
	}
	if _, err := s.Confirmable(a.Request, now); err != nil && !errors.Is(err, ErrExpired) {
		return effects{}, err
	}
	old, due := s.Request(a.Request), time.Time{}
	if wanted := s.unconfirmed(s.renewable(old)); len(wanted) > 0 {
		due = s.open(Request{
			ID: a.ID, Asked: old.Asked, Renewed: &a.Evidence, Statements: wanted, Locale: old.Locale,
		}, a.Terms, now)
	}
	return effects{jobs: email(a.ID, due)}, nil
}
