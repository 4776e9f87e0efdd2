package consent

import "time"

// ResendAt returns from when a Resend makes an email of a subscription due: now, or when the limits on emails to one
// address allow one again; or why it will not, which is NotDueLimit where the request has had as many emails as one may
// have.
func (t Terms) ResendAt(s *Subscription, now time.Time) (at time.Time, why NotDue) {
	r := s.Requests.LatestOpen(now)
	if why := s.WhyNotDue(now); why != NotDueLimit {
		return time.Time{}, why
	}
	at = s.EmailTimes.next(t.EmailsPerAddress, now)
	if len(r.Emails) >= MaxEmailsPerRequest || !r.IsOpen(at) {
		return time.Time{}, NotDueLimit
	}
	return at, ""
}
