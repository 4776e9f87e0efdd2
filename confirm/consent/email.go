package consent

import (
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// EmailType is what an email says. Empty: no email is due.
type EmailType string

// The email types.
const (
	EmailConfirm          EmailType = "confirm" // please confirm; holds the request's link
	EmailAlreadyConfirmed EmailType = "known"   // you confirmed already; holds the link that withdraws
)

// EmailDue reports which email the job of a request, or of a signup that opened none, has to send now. None is due when
// the request was confirmed, closed or emailed meanwhile, when its link would be dead on arrival, or when the signup
// asked for nothing new.
func (s *Subscription) EmailDue(request string, now time.Time) EmailType {
	if s.Declined != nil || s.Address.IsZero() {
		return ""
	}
	if r := s.Requests.Find(request); r != nil {
		if r.IsOpen(now.Add(deliveryTime)) && !r.emailTaken() {
			return EmailConfirm
		}
		return ""
	}
	if s.NoticeSignupID == request && s.Consents.Any() && !now.After(s.NoticedAt.Add(NoticeEvery)) {
		return EmailAlreadyConfirmed
	}
	return ""
}

// emailTimes are the moments at which emails of one subscription were or will be due, earliest first.
type emailTimes []time.Time

// next returns the first moment from now on at which every limit allows one more email.
func (all emailTimes) next(limits []store.Limit, now time.Time) time.Time {
	at := now
	for _, l := range limits {
		if i := len(all) - l.N; i >= 0 && l.N > 0 {
			if free := all[i].Add(l.Per); free.After(at) {
				at = free
			}
		}
	}
	return at
}

// add adds a moment, and forgets those that no limit counts any more.
func (all emailTimes) add(at time.Time, limits []store.Limit, now time.Time) emailTimes {
	longest := time.Duration(0)
	for _, l := range limits {
		longest = max(longest, l.Per)
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(t time.Time) bool { return !now.Before(t.Add(longest)) })
	return slices.SortedFunc(slices.Values(append(kept, at)), time.Time.Compare)
}

// Resend makes the email of the latest open request due again: the same link with the same deadline, within the limits
// on emails to one address. A website's server asks for it when a person says that no email came. It does nothing for a
// person who declined or has nothing open, or while the limits allow no email.
type Resend struct {
	Terms Terms
}

func (a Resend) apply(s *Subscription, now time.Time) (effects, error) {
	r := s.Requests.LatestOpen(now)
	if s.Declined != nil || r == nil || !r.ResentAt.Before(now) {
		return effects{}, nil
	}
	if s.EmailTimes.next(a.Terms.EmailsPerAddress, now).After(now) {
		return effects{}, nil
	}
	r.ResentAt = now
	s.EmailTimes = s.EmailTimes.add(now, a.Terms.EmailsPerAddress, now)
	return effects{jobs: emailJob(r.ID, time.Time{})}, nil
}

// emailTaken reports whether a relay took the request's email and nobody has asked for it again since.
func (r *Request) emailTaken() bool { return r.Delivery != nil && !r.Delivery.At.Before(r.ResentAt) }

// remind makes the reminder due whose time has come: the email of the latest open request once more, with the same link
// and deadline. Sent or not, it is decided once: no reminder waits for the limits, or for a newer request to end.
func (s *Subscription) remind(t Terms, now time.Time) []Job {
	var due *Request
	latest := s.Requests.LatestOpen(now)
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
	if due == nil || t.RemindAfter <= 0 || s.Declined != nil || !due.emailTaken() {
		return nil
	}
	if s.EmailTimes.next(t.EmailsPerAddress, now).After(now) {
		return nil
	}
	due.ResentAt, due.RemindedAt = now, now
	s.EmailTimes = s.EmailTimes.add(now, t.EmailsPerAddress, now)
	return emailJob(due.ID, time.Time{})
}

// IsReminder reports whether the email that is due, or was last due, is a reminder.
func (r *Request) IsReminder() bool { return !r.RemindedAt.IsZero() && r.RemindedAt.Equal(r.ResentAt) }

// Delivered is the answer of a relay that took the email of a request.
type Delivered struct {
	RequestID string
	Delivery  Delivery
}

func (a Delivered) apply(s *Subscription, _ time.Time) (effects, error) {
	if r := s.Requests.Find(a.RequestID); r != nil && !r.emailTaken() {
		r.Delivery = &a.Delivery
	}
	return effects{}, nil
}

// Bounced is the answer of a relay, or the report of a mail system after it, that an address will never take the email
// of a request. Only an open request is closed: the email of a confirmed one did arrive.
type Bounced struct {
	RequestID string
	Evidence  Evidence
}

func (a Bounced) apply(s *Subscription, now time.Time) (effects, error) {
	r := s.Requests.Find(a.RequestID)
	if r == nil || r.State != Pending {
		return effects{}, nil
	}
	r.close(Undeliverable, a.Evidence)
	if s.State(now) != Undeliverable {
		return effects{}, nil
	}
	return event(EventUndeliverable), nil
}
