package consent

import "time"

// Complaint is a mail system's report that the holder of a mailbox called a letter spam. They want none: everything that is confirmed is
// taken back, and what is open is closed as withdrawn.
type Complained struct {
	Evidence Evidence // its How is ByComplaint: that is how it is known again
}

func (a Complained) on(s *Subscription, now time.Time) ([]Job, error) {
	return Withdraw{Evidence: a.Evidence}.on(s, now)
}

// complained is when a complaint last took something back or closed it, as far as that is known; zero: never.
func (s *Subscription) complained() (last time.Time) {
	look := func(e *Evidence) {
		if e != nil && e.How == ByComplaint && e.At.After(last) {
			last = e.At
		}
	}
	for _, r := range s.Requests {
		look(r.Closed)
	}
	for _, g := range s.Consents {
		look(g.Ended)
	}
	return last
}
