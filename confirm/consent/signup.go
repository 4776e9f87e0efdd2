package consent

import (
	"slices"
	"time"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Signup is somebody's wish, told by a form, that an address be written to. It proves nothing about the address.
type Signup struct {
	ID         string // a fresh nonce: the request's id
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
	EmailsPerAddress []store.Limit // letters to one address
	EmailsPerSite    []store.Limit // letters to anybody
	RemindAfter      time.Duration // after a signup's letter was due: when it is owed once more, if nobody pressed. 0, or TTL and more: never
}

func (a Signup) on(s *Subscription, now time.Time) ([]Job, error) {
	if s.Declined != nil || s.Request(a.ID) != nil {
		return nil, nil
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
	wanted := s.unconfirmed(a.Statements)
	if len(wanted) == 0 {
		return s.notice(a.Terms, now), nil
	}
	return s.ask(Request{
		ID: a.ID, Asked: a.Evidence, Statements: wanted, Locale: a.Locale, Browser: a.Browser,
	}, a.Terms, now), nil
}

// unconfirmed are those of the purposes that are not confirmed: what is, a signup leaves alone.
func (s *Subscription) unconfirmed(shown []Statement) []Statement {
	return slices.DeleteFunc(slices.Clone(shown), func(sh Statement) bool { return s.confirmed(sh.Purpose) })
}

// ask opens a request and owes its letter: now; or, for something that no open request asks yet, as soon as the limits
// allow. What is pending already and may not be mailed again yet is left as it is: its letter is in the mailbox. Repeating what is
// open cannot keep something else from being asked: that has as much room again.
func (s *Subscription) ask(r Request, t Terms, now time.Time) []Job {
	due, open, again := s.slot(t.EmailsPerAddress, now), s.opened(now), s.asked(r.Statements, now)
	if open >= 2*MaxOpen || again && (open >= MaxOpen || due.After(now)) || due.After(now.Add(MaxWait)) {
		return nil
	}
	s.room()
	r.State, r.Deadline = Pending, due.Add(t.TTL)
	if r.Renewed == nil && t.RemindAfter > 0 && t.RemindAfter < t.TTL { // who asked for a new letter knows of it
		r.RemindAt = due.Add(t.RemindAfter)
	}
	s.Requests = append(s.Requests, r)
	s.EmailTimes = append(s.EmailTimes, due)
	return []Job{{Type: JobConfirmEmail, Request: r.ID, Due: due}}
}

// notice owes the letter that says "you agreed already": at most one in NoticeEvery, and within the limits.
func (s *Subscription) notice(t Terms, now time.Time) []Job {
	if now.Before(s.NoticedAt.Add(NoticeEvery)) || s.slot(t.EmailsPerAddress, now).After(now) {
		return nil
	}
	s.NoticedAt = now
	s.EmailTimes = append(s.EmailTimes, now)
	return []Job{{Type: JobKnownEmail}}
}

func (s *Subscription) opened(now time.Time) (n int) {
	for i := range s.Requests {
		if s.Requests[i].IsOpen(now) {
			n++
		}
	}
	return n
}

// asked tells whether open requests already ask all of this.
func (s *Subscription) asked(shown []Statement, now time.Time) bool {
	for _, sh := range shown {
		asks := func(r Request) bool { return r.IsOpen(now) && r.asks(sh) }
		if !slices.ContainsFunc(s.Requests, asks) {
			return false
		}
	}
	return true
}

// slot is the first moment from now on at which every limit allows one more letter.
func (s *Subscription) slot(limits []store.Limit, now time.Time) time.Time {
	at, longest := now, time.Duration(0)
	mailed := slices.SortedFunc(slices.Values(s.EmailTimes), time.Time.Compare)
	for _, l := range limits {
		if i := len(mailed) - l.N; i >= 0 && l.N > 0 {
			if free := mailed[i].Add(l.Per); free.After(at) {
				at = free
			}
		}
		longest = max(longest, l.Per)
	}
	s.EmailTimes = slices.DeleteFunc(mailed, func(t time.Time) bool { return !now.Before(t.Add(longest)) })
	return at
}
