package consent

import "time"

// remind owes the reminder that has become due: the letter of the latest open request once more, with the same link and deadline.
// Whether it does or not, that request is not looked at for this again: no reminder waits for the limits, or for a newer request to end.
func (s *Subscription) remind(t Terms, now time.Time) []Job {
	var due *Request
	latest := s.LatestOpen(now)
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.RemindAt.IsZero() || r.RemindAt.After(now) {
			continue
		}
		r.RemindAt = time.Time{}
		if r == latest {
			due = r
		}
	}
	if due == nil || t.RemindAfter <= 0 || s.Declined != nil || !due.EmailTaken() || s.slot(t.EmailsPerAddress, now).After(now) {
		return nil
	}
	due.ResentAt, due.RemindedAt = now, now
	s.EmailTimes = append(s.EmailTimes, now)
	return []Job{{Type: JobConfirmEmail, Request: due.ID}}
}

// reminding tells whether the letter that is owed reminds: it was last owed again for that.
func (r *Request) IsReminder() bool { return !r.RemindedAt.IsZero() && r.RemindedAt.Equal(r.ResentAt) }
