package consent

import "time"

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

// end ends the latest consents to some purposes, and reports whether there were any that nobody had taken back. What a
// newer revision has ended is taken back as well: the website may not know of the revision's effect, and the revision
// may be lowered again. So is what ended by its validity: the person cannot know that it had.
func (s *edit) end(state State, e Evidence, purposes []string) (ended bool) {
	for _, id := range purposes {
		c := s.Consents.Latest(id)
		if c == nil || c.State != Confirmed && c.State != Expired {
			continue
		}
		if c.isSuperseded() {
			c.Superseded = c.Ended.At
		}
		c.State, c.Ended, ended = state, &e, true
		s.touch()
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
