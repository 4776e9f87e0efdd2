package consent

import (
	"time"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Signup is somebody's wish, expressed by a form, that an address be written to. It proves nothing about the address.
type Signup struct {
	ID         string // the id of the request, a fresh nonce
	Address    address.Address
	Site       string
	Locale     string
	Statements []Statement
	Evidence   Evidence
	Browser    string
	Terms      Terms
}

// Terms are what a site allows.
type Terms struct {
	TTL              time.Duration // how long a link is good
	EmailsPerAddress []store.Limit
	RemindAfter      time.Duration // from when the email was due to its one reminder; 0, or TTL and more: no reminder
}

func (a Signup) apply(s *Subscription, now time.Time) (effects, error) {
	if s.Requests.Find(a.ID) != nil || s.NoticeSignupID == a.ID {
		// The same signup again: the job of the first one sees to its email. This job is never due.
		return effects{jobs: emailJob("again "+a.ID, time.Time{})}, nil
	}
	var due time.Time
	if s.Declined == nil {
		due = s.signUp(a, now)
	}
	return effects{jobs: emailJob(a.ID, due)}, nil
}

// signUp opens a request for what is not confirmed yet, or notes that the person is to be told that they confirmed
// already. It returns when the email is due; zero: now, or there is none.
func (s *Subscription) signUp(a Signup, now time.Time) time.Time {
	if s.Address.IsZero() {
		s.Address = a.Address
	}
	if s.Created.IsZero() {
		s.Site, s.Created = a.Site, now
	}
	if s.Locale == "" {
		s.Locale = a.Locale
	}
	wanted := s.Consents.missing(a.Statements) // a signup leaves alone what is confirmed
	if len(wanted) == 0 {
		s.notice(a.ID, a.Terms, now)
		return time.Time{}
	}
	return s.open(Request{
		ID: a.ID, Asked: a.Evidence, Statements: wanted, Locale: a.Locale, Browser: a.Browser,
	}, a.Terms, now)
}

// open opens a request and returns when its email is due: now or, for a purpose that no open request asks for yet, as
// soon as the limits allow. A repetition of what is pending, while no further email is allowed, opens nothing: its
// email is in the mailbox. Repetitions cannot crowd out a request for something else, which has as much room again.
func (s *Subscription) open(r Request, t Terms, now time.Time) time.Time {
	due := s.EmailTimes.next(t.EmailsPerAddress, now)
	open, repeated := s.Requests.countOpen(now), s.Requests.ask(r.Statements, now)
	full := open >= 2*MaxOpen || repeated && open >= MaxOpen
	tooLate := due.After(now.Add(MaxWait)) || repeated && due.After(now)
	if full || tooLate {
		return time.Time{}
	}
	s.makeRoom()
	r.State, r.Deadline = Pending, due.Add(t.TTL)
	if r.Renewed == nil && t.RemindAfter > 0 && t.RemindAfter < t.TTL { // a person who renewed knows about the email
		r.RemindAt = due.Add(t.RemindAfter)
	}
	s.Requests = append(s.Requests, r)
	s.EmailTimes = s.EmailTimes.add(due, t.EmailsPerAddress, now)
	return due
}

// notice makes the email due that says "you confirmed already", at most one in NoticeEvery and within the limits.
func (s *Subscription) notice(signup string, t Terms, now time.Time) {
	if now.Before(s.NoticedAt.Add(NoticeEvery)) || s.EmailTimes.next(t.EmailsPerAddress, now).After(now) {
		return
	}
	s.NoticedAt, s.NoticeSignupID = now, signup
	s.EmailTimes = s.EmailTimes.add(now, t.EmailsPerAddress, now)
}
