package consent

import (
	"slices"
	"time"
)

// Resend owes the letter of the latest open request again: the same link with the same deadline, within the limits on letters to
// one address. A website's server asks for it when a person says that no letter came. To who declined or has nothing open, and
// where the limits allow no letter now, it owes nothing.
type Resend struct {
	Terms Terms
}

func (a Resend) on(s *Subscription, now time.Time) ([]Job, error) {
	r := s.LatestOpen(now)
	if s.Declined != nil || r == nil || !r.ResentAt.Before(now) || s.slot(a.Terms.EmailsPerAddress, now).After(now) {
		return nil, nil
	}
	r.ResentAt = now
	s.EmailTimes = append(s.EmailTimes, now)
	return []Job{{Type: JobConfirmEmail, Request: r.ID}}, nil
}

// latest is the open request that was made last, or nil.
func (s *Subscription) LatestOpen(now time.Time) *Request {
	for i, r := range slices.Backward(s.Requests) {
		if r.IsOpen(now) {
			return &s.Requests[i]
		}
	}
	return nil
}

// lettered tells whether a relay took the request's letter, and nobody has asked for it again since.
func (r *Request) EmailTaken() bool { return r.Delivery != nil && !r.Delivery.At.Before(r.ResentAt) }
