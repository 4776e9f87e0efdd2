package consent

import "time"

// Delivered is a relay's word that it took the letter of a request.
type Delivered struct {
	Request  string
	Delivery Delivery
}

func (a Delivered) on(s *Subscription, _ time.Time) ([]Job, error) {
	if r := s.Request(a.Request); r != nil && !r.EmailTaken() {
		r.Delivery = &a.Delivery
	}
	return nil, nil
}

// Bounce is a relay's word, or that of a mail system further on, that an address will never take the letter of a request. Only a link that is still open is closed: what
// was confirmed meanwhile did arrive.
type Bounced struct {
	Request  string
	Evidence Evidence
}

func (a Bounced) on(s *Subscription, now time.Time) ([]Job, error) {
	r := s.Request(a.Request)
	if r == nil || r.State != Pending {
		return nil, nil
	}
	r.close(Undeliverable, a.Evidence)
	if s.State(now) != Undeliverable {
		return nil, nil
	}
	return tell(EventUndeliverable), nil
}
