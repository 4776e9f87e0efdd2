package consent

import (
	"errors"
	"time"
)

// Renewal asks for a new letter from the page of an expired link. The new request has the evidence of the first signup.
type Renew struct {
	Request  string
	ID       string // a fresh nonce: the new request's id
	Evidence Evidence
	Terms    Terms
}

func (a Renew) on(s *Subscription, now time.Time) ([]Job, error) {
	if s.Request(a.ID) != nil {
		return nil, nil
	}
	if _, err := s.Confirmable(a.Request, now); err != nil && !errors.Is(err, ErrExpired) {
		return nil, err
	}
	old := s.Request(a.Request)
	wanted := s.unconfirmed(s.standing(old))
	if len(wanted) == 0 {
		return nil, nil
	}
	return s.ask(Request{
		ID: a.ID, Asked: old.Asked, Renewed: &a.Evidence, Statements: wanted, Locale: old.Locale,
	}, a.Terms, now), nil
}
