package consent

import (
	"slices"
	"time"
)

// edit is a subscription while an action changes it: the action's own copy. It knows whether anything was changed, so
// nothing has to be compared. Everything that changes a subscription goes through its methods, or calls touch.
type edit struct {
	*Subscription
	touched bool
}

// touch notes that the subscription is changed.
func (s *edit) touch() { s.touched = true }

// close ends a pending request.
func (s *edit) close(r *Request, state State, e Evidence) {
	r.State, r.Closed = state, &e
	s.touch()
}

// end ends the confirmed consents to some purposes, and reports whether there were any.
func (s *edit) end(state State, e Evidence, purposes []string) (ended bool) {
	for i := range s.Consents {
		c := &s.Consents[i]
		if c.State == Confirmed && slices.Contains(purposes, c.Purpose) {
			c.State, c.Ended, ended = state, &e, true
			s.touch()
		}
	}
	return ended
}

// forgetHistory notes that the history up to a time is no longer complete.
func (s *edit) forgetHistory(upTo time.Time) {
	if upTo.After(s.HistorySince) {
		s.HistorySince = upTo
		s.touch()
	}
}
