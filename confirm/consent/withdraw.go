package consent

import (
	"slices"
	"time"
)

// Withdrawal takes consent back: the named purposes, or all. It works without question at any time, twice as well as once.
type Withdraw struct {
	Purposes []string // none: all
	Evidence Evidence
}

func (a Withdraw) on(s *Subscription, now time.Time) ([]Job, error) {
	purposes := a.Purposes
	if len(purposes) == 0 {
		purposes = s.purposeIDs()
	}
	s.drop(purposes, a.Evidence, now)
	if !s.end(Withdrawn, a.Evidence, purposes) {
		return nil, nil
	}
	return tell(EventWithdrawn), nil
}

// purposes are all that were ever asked or granted.
func (s *Subscription) purposeIDs() (ids []string) {
	add := func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, g := range s.Consents {
		add(g.Purpose)
	}
	for _, r := range s.Requests {
		for _, sh := range r.Statements {
			add(sh.Purpose)
		}
	}
	return ids
}

// end closes the confirmed grants of some purposes, and tells whether there were any.
func (s *Subscription) end(state State, e Evidence, purposes []string) (ended bool) {
	for i := range s.Consents {
		g := &s.Consents[i]
		if g.State == Confirmed && slices.Contains(purposes, g.Purpose) {
			g.State, g.Ended, ended = state, &e, true
		}
	}
	return ended
}

// drop takes purposes out of every open request, so that an older letter cannot bring back what was taken back; a
// request with nothing left is closed.
func (s *Subscription) drop(purposes []string, e Evidence, now time.Time) {
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.State != Pending {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(r.Statements), func(sh Statement) bool { return slices.Contains(purposes, sh.Purpose) })
		if len(left) == 0 {
			r.close(Withdrawn, e)
		} else if len(left) < len(r.Statements) {
			r.Statements = left
			s.lose(now)
		}
	}
}
