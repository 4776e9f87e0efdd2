package consent

import (
	"slices"
	"time"
)

// Press is the button on the page behind a letter's link: the act that makes a consent valid.
type Confirm struct {
	Request  string
	Evidence Evidence
}

func (a Confirm) on(s *Subscription, now time.Time) ([]Job, error) {
	r, err := s.Confirmable(a.Request, now)
	if err != nil || !r.IsOpen(now) {
		return nil, err
	}
	wanted := s.unconfirmed(r.Statements)
	for _, sh := range wanted {
		s.give(Consent{Statement: sh, Request: r.ID, State: Confirmed, Given: now})
	}
	if len(wanted) > 0 {
		s.WithdrawnAt = time.Time{}
	}
	r.close(Confirmed, a.Evidence)
	s.Locale = r.Locale
	if len(wanted) == 0 {
		return nil, nil // another letter's link was first; there is nothing new to tell
	}
	return tell(EventConfirmed), nil
}

// pressable finds a request that can be confirmed or was, or says why not. A request that was confirmed, or all of which another
// letter's link confirmed, stays so for its holder as long as something of it holds, past its deadline too.
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
		holds := func(sh Statement) bool { return s.confirmed(sh.Purpose) }
		if !slices.ContainsFunc(r.Statements, holds) {
			return nil, ErrWithdrawn
		}
		return r, nil
	case Withdrawn, Declined:
		return nil, ErrWithdrawn
	}
	if len(s.standing(r)) == 0 {
		return nil, ErrWithdrawn
	}
	return nil, ErrExpired
}

// covered tells whether all that a request asks is confirmed.
func (s *Subscription) FullyConfirmed(r *Request) bool { return len(s.unconfirmed(r.Statements)) == 0 }

// standing is what a request asked that was not taken back after it had been asked: a letter from before brings nothing back.
func (s *Subscription) standing(r *Request) []Statement {
	return slices.DeleteFunc(slices.Clone(r.Statements), func(sh Statement) bool {
		g := s.Consent(sh.Purpose)
		return g != nil && g.State != Confirmed && g.Ended.At.After(r.Asked.At)
	})
}
