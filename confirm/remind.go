package confirm

import "time"

// remind owes the reminder that has become due: the letter of the latest open request once more, with the same link and deadline.
// Whether it does or not, that request is not looked at for this again: no reminder waits for the limits, or for a newer request to end.
func (s *Subscription) remind(t Terms, now time.Time) []Owed {
	var due *Request
	latest := s.latest(now)
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.Remind.IsZero() || r.Remind.After(now) {
			continue
		}
		r.Remind = time.Time{}
		if r == latest {
			due = r
		}
	}
	if due == nil || t.Remind <= 0 || s.Refused != nil || !due.lettered() || s.slot(t.Letters, now).After(now) {
		return nil
	}
	due.Again, due.Reminded = now, now
	s.Mailed = append(s.Mailed, now)
	return []Owed{{Duty: DutyConfirm, Request: due.ID}}
}

// reminding tells whether the letter that is owed reminds: it was last owed again for that.
func (r *Request) reminding() bool { return !r.Reminded.IsZero() && r.Reminded.Equal(r.Again) }
