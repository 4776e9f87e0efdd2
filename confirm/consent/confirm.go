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
	Evidence  Evidence
}

func (a Confirm) apply(s *Subscription, now time.Time) (effects, error) {
	r, err := s.Confirmable(a.RequestID, now)
	if err != nil {
		return effects{}, err
	}
	if !r.IsOpen(now) {
		return effects{}, nil // it was confirmed before, by this email or by another
	}
	wanted := s.Consents.missing(r.Statements)
	for _, st := range wanted {
		s.addConsent(Consent{Statement: st, RequestID: r.ID, State: Confirmed, Given: now})
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

// Confirmable returns a request that can be confirmed or was, or the reason why it cannot: ErrDeclined,
// ErrUnknownRequest, ErrWithdrawn, ErrExpired. A request that was confirmed, or whose purposes were all confirmed by
// another email's link, stays so for its holder while any of it holds, past its deadline too.
func (s *Subscription) Confirmable(id string, now time.Time) (*Request, error) {
	if s.Declined != nil {
		return nil, ErrDeclined
	}
	r := s.Requests.Find(id)
	if r == nil {
		return nil, ErrUnknownRequest
	}
	switch r.State {
	case Pending, Expired, Undeliverable:
		switch {
		case r.IsOpen(now), s.Consents.Cover(r):
			return r, nil
		case len(s.Consents.renewable(r)) > 0:
			return nil, ErrExpired
		}
	case Confirmed:
		holds := func(st Statement) bool { return s.Consents.confirmed(st.Purpose) }
		if slices.ContainsFunc(r.Statements, holds) {
			return r, nil
		}
	}
	return nil, ErrWithdrawn
}

// Renew asks for a new email from the page of an expired link. The new request has the evidence of the first signup.
type Renew struct {
	RequestID string
	ID        string // the id of the new request, a fresh nonce
	Evidence  Evidence
	Terms     Terms
}

func (a Renew) apply(s *Subscription, now time.Time) (effects, error) {
	if s.Requests.Find(a.ID) != nil {
		return effects{}, nil
	}
	if _, err := s.Confirmable(a.RequestID, now); err != nil && !errors.Is(err, ErrExpired) {
		return effects{}, err
	}
	old := s.Requests.Find(a.RequestID)
	wanted := s.Consents.missing(s.Consents.renewable(old))
	if len(wanted) == 0 {
		return effects{}, nil
	}
	due := s.open(Request{
		ID: a.ID, Asked: old.Asked, Renewed: &a.Evidence, Statements: wanted, Locale: old.Locale,
	}, a.Terms, now)
	return effects{jobs: emailJob(a.ID, due)}, nil
}
