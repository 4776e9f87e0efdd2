package consent

import (
	"slices"
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
	Validity         Validity
}

func (a Signup) apply(s *edit, now time.Time) (effects, error) {
	if s.Requests.Find(a.ID) != nil || s.Notices.Find(a.ID) != nil {
		// The same signup again: the job of the first one sees to its email. This job is never due.
		return effects{jobs: emailJob("again "+a.ID, 0, time.Time{})}, nil
	}
	due, opened := time.Time{}, false
	if s.Refused() == nil {
		due, opened = s.signUp(a, now)
	}
	if !opened {
		s.unanswered(now)
	}
	return effects{jobs: emailJob(a.ID, 0, due)}, nil
}

// unanswered counts a signup for which no email is due.
func (s *edit) unanswered(now time.Time) {
	if s.Unanswered.N == 0 {
		s.Unanswered.First = now
	}
	s.Unanswered.N++
	s.Unanswered.Last = now
	s.touch()
}

// signUp opens a request for what is not confirmed yet, or notes that the person should be told that they
// confirmed already. It returns when the email is due, and whether there is one.
func (s *edit) signUp(a Signup, now time.Time) (due time.Time, opened bool) {
	asked := s.Objections.allowed(a.Statements)
	if len(asked) == 0 {
		return time.Time{}, false
	}
	wanted := s.Consents.missing(asked) // a signup leaves alone what is confirmed
	if len(wanted) == 0 {
		return now, s.notify(a, now)
	}
	due, opened = s.open(Request{
		ID: a.ID, Address: a.Address, Asked: a.Evidence, Statements: wanted, Locale: a.Locale, Browser: a.Browser,
	}, a.Terms, now)
	if !opened {
		return time.Time{}, false
	}
	if s.Address.IsZero() {
		s.Address = a.Address
	}
	if s.Created.IsZero() {
		s.Site, s.Created = a.Site, now
	}
	if s.Locale == "" {
		s.Locale = a.Locale
	}
	return due, true
}

// open opens a request and returns when its email is due: now or, for a purpose that no open request asks for yet, as
// soon as the limits allow. A repetition of what is pending, while no further email is allowed, opens nothing: its
// email is in the mailbox. Repetitions cannot crowd out a request for something else, which has as much room again. A
// subscription that has grown too large opens nothing either: what it holds is proof, and is not pushed out.
func (s *edit) open(r Request, t Terms, now time.Time) (due time.Time, opened bool) {
	due = s.EmailTimes.next(t.EmailsPerAddress, now)
	open, repeated := s.Requests.countOpen(now), s.Requests.ask(r.Statements, now)
	size := sizeOf(s.Subscription)
	full := open >= 2*MaxOpen || repeated && open >= MaxOpen || size > maxSize
	tooLate := due.After(now.Add(MaxWait)) || repeated && due.After(now)
	if full || tooLate {
		return time.Time{}, false
	}
	if size > largeSize {
		r = r.withoutWords()
	}
	r.State, r.Deadline = Pending, due.Add(t.TTL)
	r.Emails = []Email{{Queued: now, Due: due}}
	if r.Renewed == nil && t.RemindAfter > 0 && t.RemindAfter < t.TTL { // a person who renewed knows about the email
		r.RemindAt = due.Add(t.RemindAfter)
	}
	s.Requests = append(s.Requests, r)
	s.EmailTimes = s.EmailTimes.add(due, t.EmailsPerAddress, now)
	s.touch()
	return due, true
}

// withoutWords returns a new request without the texts that anybody can send with a signup, and as long as they like.
func (r Request) withoutWords() Request {
	r.Asked = r.Asked.withoutWords()
	if r.Renewed != nil {
		renewed := r.Renewed.withoutWords()
		r.Renewed = &renewed
	}
	r.Statements = slices.Clone(r.Statements)
	for i := range r.Statements {
		r.Statements[i].Shown = ""
	}
	return r
}

func (e Evidence) withoutWords() Evidence {
	e.UserAgent, e.Origin, e.Source, e.Form = "", "", "", ""
	return e
}

// notify makes the email due that says "you confirmed already", at most one in NoticeEvery and within the limits, and
// no more than maxNotices in the time for which they are kept. It reports whether it did.
func (s *edit) notify(a Signup, now time.Time) bool {
	last := len(s.Notices) - 1
	if last >= 0 && now.Before(s.Notices[last].Email.Due.Add(NoticeEvery)) {
		return false
	}
	if last+1 >= maxNotices || sizeOf(s.Subscription) > maxSize {
		return false
	}
	if s.EmailTimes.next(a.Terms.EmailsPerAddress, now).After(now) {
		return false
	}
	s.Notices = append(s.Notices, Notice{
		ID: a.ID, Address: a.Address, Asked: a.Evidence, Email: Email{Queued: now, Due: now},
	})
	s.EmailTimes = s.EmailTimes.add(now, a.Terms.EmailsPerAddress, now)
	s.touch()
	return true
}

// sizeOf returns about how many bytes a subscription takes.
func sizeOf(s *Subscription) (n int) {
	const fixed = 160 // of times, hashes and ids
	n = 9 * len(s.EmailTimes)
	evidence := func(e *Evidence) {
		if e == nil {
			return
		}
		n += len(e.IP) + len(e.UserAgent) + len(e.Origin) + len(e.Source) + len(e.Form) + len(e.Reply) +
			len(e.Detail)
		if a := e.Attested; a != nil {
			n += len(a.IP) + len(a.UserAgent) + len(a.Page)
		}
	}
	email := func(e *Email) {
		n += fixed
		for _, a := range e.Answers {
			n += len(a.Reply)
		}
		if e.Taken != nil {
			n += len(e.Taken.Reply) + len(e.Taken.Signature)
		}
		evidence(e.Bounced)
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		n += fixed
		for _, e := range []*Evidence{&r.Asked, r.Renewed, r.Closed} {
			evidence(e)
		}
		for _, st := range r.Statements {
			n += fixed/2 + len(st.Shown)
		}
		for j := range r.Emails {
			email(&r.Emails[j])
		}
	}
	for i := range s.Consents {
		n += fixed + len(s.Consents[i].Shown)
		evidence(s.Consents[i].Ended)
	}
	for i := range s.Refusals {
		evidence(&s.Refusals[i].Declined)
		evidence(s.Refusals[i].Unblocked)
	}
	for i := range s.Objections {
		o := &s.Objections[i]
		n += fixed / 2
		evidence(&o.Evidence)
		evidence(o.Unblocked)
		for _, id := range o.Purposes {
			n += len(id)
		}
	}
	for i := range s.Notices {
		evidence(&s.Notices[i].Asked)
		email(&s.Notices[i].Email)
	}
	for i := range s.Claims {
		evidence(&s.Claims[i].Asked)
		email(&s.Claims[i].Email)
		evidence(s.Claims[i].Done)
	}
	for _, r := range s.Receipts {
		n += len(r.Text)
	}
	n += len(s.Told) * fixed / 4 // their texts stand once
	return n
}
