package consent

import (
	"slices"
	"time"

	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Email is one email of ours, from the action that made it due to what became of it.
type Email struct {
	Reason  Reason
	Queued  time.Time // when it was asked for
	Due     time.Time // when it was to leave: at once, or when the limits allowed
	Tries   int       // at which no relay took it
	Answers []Answer  // why it was not delivered: the last MaxAnswers
	Taken   *Delivery // nil: no relay has taken it
	Bounced *Evidence // what a mail system reported after a relay had taken it: it will never arrive
}

// Reason is why an email is sent.
type Reason string

// The reasons. Empty: the signup, or the Renew.
const (
	ReasonResend   Reason = "resend"   // the website asked for it once more
	ReasonReminder Reason = "reminder" // nobody had confirmed
)

// Answer is why an email was not delivered, and may be later: what a relay said that did not take it, or what a mail
// system reported after one had.
type Answer struct {
	At     time.Time
	Reply  string        // its words, or why there were none; at most 512 bytes
	Reason RefusalReason // what they were taken to mean
	Relay  string        // that said them, as host:port; empty: a mail system that reported
}

// RefusalReason is why an email was not delivered. Empty: there were no words.
type RefusalReason string

// The reasons. Only RefusalRecipient ends a request.
const (
	RefusalRecipient RefusalReason = "recipient" // there is no such recipient, or it takes no email from outside
	RefusalMailbox   RefusalReason = "mailbox"   // full or busy, or it does not know us yet
	RefusalSystem    RefusalReason = "system"    // a server on the way is broken or does not answer
	RefusalSender    RefusalReason = "sender"    // it is about us, and not about the person
	RefusalFlood     RefusalReason = "flood"     // forms flood the mailbox
	RefusalUnknown   RefusalReason = "unknown"   // the words are not understood
)

// Delivery is what is known of an email that a relay took. Its Message-ID follows from its request (see confirm).
type Delivery struct {
	At        time.Time
	Reply     string // the relay's words; at most 512 bytes
	SHA256    string // of the message as it was handed over, in lower-case hex
	Unsigned  string // of the message without its DKIM signatures
	Skeleton  string // of the skeleton from which it can be rebuilt
	Signature string // its DKIM-Signature fields, kept once the request is confirmed
}

const (
	// MaxAnswers is how many answers of relays are kept of one email, the last ones.
	MaxAnswers = 3
	// MaxEmailsPerRequest is how many emails one request may lead to.
	MaxEmailsPerRequest = 16
)

// EmailType is what an email says. Empty: no email is due.
type EmailType string

// The email types.
const (
	EmailConfirm          EmailType = "confirm" // please confirm; holds the request's link
	EmailRenew            EmailType = "renew"   // do you still want it; holds the request's link
	EmailAlreadyConfirmed EmailType = "known"   // you confirmed already; holds the link that withdraws
	EmailCopy             EmailType = "copy"    // holds the link to a copy of the person's data
	EmailErase            EmailType = "erase"   // holds the link by which they are erased
)

// EmailDue reports which email the job of a request, of a signup that opened none, or of a claim has to send now. None
// is due when the request was confirmed, closed or emailed meanwhile, when its link, or that of the claim, would be
// dead on arrival, when the signup asked for nothing new, or ever to a role address.
func (s *Subscription) EmailDue(request string, now time.Time) EmailType {
	if s.Refused() != nil || s.Address.IsZero() || s.Address.IsRole() {
		return ""
	}
	if r := s.Requests.Find(request); r != nil {
		if r.IsOpen(now.Add(deliveryTime)) && !r.emailTaken() {
			return r.EmailType()
		}
		return ""
	}
	if c := s.Claims.Find(request); c != nil {
		return c.emailDue(now)
	}
	n := s.Notices.Find(request)
	if n != nil && n.Email.Taken == nil && s.Consents.Any() && !now.After(n.Email.Due.Add(NoticeEvery)) {
		return EmailAlreadyConfirmed
	}
	return ""
}

// Email returns the last email of a request, of a signup that led to a notice, or of a claim, and its number among the
// emails of the request; nil if there is none.
func (s *Subscription) Email(request string) (e *Email, n int) {
	if r := s.Requests.Find(request); r != nil {
		n = len(r.Emails) - 1
		return &r.Emails[n], n
	}
	if notice := s.Notices.Find(request); notice != nil {
		return &notice.Email, 0
	}
	if c := s.Claims.Find(request); c != nil {
		return &c.Email, 0
	}
	return nil, 0
}

// AddressOf returns where the emails of a request, of a signup that led to a notice, or of a claim go: to the address
// as it was spelled for that.
func (s *Subscription) AddressOf(request string) address.Address {
	if r := s.Requests.Find(request); r != nil {
		return r.Address
	}
	if n := s.Notices.Find(request); n != nil {
		return n.Address
	}
	if c := s.Claims.Find(request); c != nil {
		return c.Address
	}
	return s.Address
}

// EmailName names an email: its request, or the signup that led to a notice, and its number there.
type EmailName struct {
	ID    string
	Email int
}

// Emailed returns the names of all emails.
func (s *Subscription) Emailed() (all []EmailName) {
	for i := range s.Requests {
		for n := range s.Requests[i].Emails {
			all = append(all, EmailName{s.Requests[i].ID, n})
		}
	}
	for _, n := range s.Notices {
		all = append(all, EmailName{ID: n.ID})
	}
	for _, c := range s.Claims {
		all = append(all, EmailName{ID: c.ID})
	}
	return all
}

// EmailType returns the type of the request's emails.
func (r *Request) EmailType() EmailType {
	if r.IsRenewal() {
		return EmailRenew
	}
	return EmailConfirm
}

// emailTaken reports whether a relay took the last email of a request.
func (r *Request) emailTaken() bool { return r.Emails[len(r.Emails)-1].Taken != nil }

// IsReminder reports whether the last email of a request is a reminder.
func (r *Request) IsReminder() bool { return r.Emails[len(r.Emails)-1].Reason == ReasonReminder }

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
	kept := make(emailTimes, 0, len(all)+1)
	for _, t := range all {
		if now.Before(t.Add(longest)) {
			kept = append(kept, t)
		}
	}
	kept = append(kept, at)
	slices.SortFunc(kept, time.Time.Compare)
	return kept
}

// sendAgain adds one more email to an open request, if its limits allow one now.
func (s *edit) sendAgain(r *Request, reason Reason, limits []store.Limit, now time.Time) []Job {
	full := len(r.Emails) >= MaxEmailsPerRequest || sizeOf(s.Subscription) > maxSize
	if full || s.EmailTimes.next(limits, now).After(now) {
		return nil
	}
	r.Emails = append(r.Emails, Email{Reason: reason, Queued: now, Due: now})
	s.EmailTimes = s.EmailTimes.add(now, limits, now)
	s.touch()
	return emailJob(r.ID, len(r.Emails)-1, time.Time{})
}

// Resend makes the email of the latest open request due again: the same link with the same deadline, within the limits
// on emails to one address. A website's server asks for it when a person says that no email came. It does nothing for a
// person who declined or has nothing open, or while the limits allow no email.
type Resend struct {
	Terms Terms
}

func (a Resend) apply(s *edit, now time.Time) (effects, error) {
	r := s.Requests.LatestOpen(now)
	if s.Refused() != nil || r == nil || s.Address.IsRole() || r.Emails[len(r.Emails)-1].Queued.Equal(now) {
		return effects{}, nil
	}
	return effects{jobs: s.sendAgain(r, ReasonResend, a.Terms.EmailsPerAddress, now)}, nil
}

// NotDue is why a Resend made no email due.
type NotDue string

// The reasons.
const (
	NotDueDeclined  NotDue = "declined"      // the person wants no emails
	NotDueConfirmed NotDue = "confirmed"     // nothing is open: what was asked is confirmed
	NotDueClosed    NotDue = "nothing_open"  // what was asked has expired, was withdrawn or cannot be delivered
	NotDueRole      NotDue = "role_address"  // such as postmaster: it never gets an email
	NotDueLimit     NotDue = "limit_reached" // as many emails as the limits allow for now
)

// WhyNotDue returns why a Resend made no email due.
func (s *Subscription) WhyNotDue(now time.Time) NotDue {
	switch {
	case s.Refused() != nil:
		return NotDueDeclined
	case s.Requests.LatestOpen(now) == nil && s.Consents.Any():
		return NotDueConfirmed
	case s.Requests.LatestOpen(now) == nil:
		return NotDueClosed
	case s.Address.IsRole():
		return NotDueRole
	}
	return NotDueLimit
}

// remind makes a reminder due when its time has come: the email of the latest open request once more, with the same
// link and deadline. Sent or not, it is decided once: no reminder waits for the limits, or for a newer request to end.
func (s *edit) remind(t Terms, now time.Time) []Job {
	var due *Request
	latest := s.Requests.LatestOpen(now)
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.RemindAt.IsZero() || r.RemindAt.After(now) {
			continue
		}
		r.RemindAt = time.Time{}
		s.touch()
		if r == latest {
			due = r
		}
	}
	if due == nil || t.RemindAfter <= 0 || s.Refused() != nil || !due.emailTaken() {
		return nil
	}
	return s.sendAgain(due, ReasonReminder, t.EmailsPerAddress, now)
}

// Postpone keeps the link of an email that waits for room as good as any: for a TTL from when it leaves. A request that
// could not be asked about for Grace is left to expire.
type Postpone struct {
	RequestID string
	Until     time.Time // when the email may leave
	TTL       time.Duration
}

func (a Postpone) apply(s *edit, now time.Time) (effects, error) {
	r := s.Requests.Find(a.RequestID)
	if r == nil || !r.IsOpen(now) || r.emailTaken() || r.IsRenewal() { // what it asks to renew ends all the same
		return effects{}, nil
	}
	later := a.TTL + min(a.Until.Sub(r.Deadline), r.openedAt().Add(Grace).Sub(r.Deadline))
	if later <= 0 {
		return effects{}, nil
	}
	r.Deadline = r.Deadline.Add(later)
	if !r.RemindAt.IsZero() {
		r.RemindAt = r.RemindAt.Add(later)
	}
	s.touch()
	return effects{}, nil
}

// Tried is the answer of a relay that did not take an email, which will be tried again.
type Tried struct {
	RequestID string
	Answer    Answer
}

func (a Tried) apply(s *edit, _ time.Time) (effects, error) {
	e, _ := s.Email(a.RequestID)
	if e == nil || e.Taken != nil || len(e.Answers) > 0 && !e.Answers[len(e.Answers)-1].At.Before(a.Answer.At) {
		return effects{}, nil
	}
	e.Tries++
	s.answer(e, a.Answer)
	return effects{}, nil
}

// answer keeps an answer, and forgets the oldest if there are too many.
func (s *edit) answer(e *Email, a Answer) {
	e.Answers = slices.Concat(e.Answers[max(0, len(e.Answers)-MaxAnswers+1):], []Answer{a})
	s.touch()
}

// Reported is the report of a mail system that an email which a relay took did not arrive, this time or because of us.
// It closes nothing.
type Reported struct {
	RequestID string
	Answer    Answer
}

func (a Reported) apply(s *edit, _ time.Time) (effects, error) {
	e, _ := s.Email(a.RequestID)
	if e == nil || len(e.Answers) > 0 && !e.Answers[len(e.Answers)-1].At.Before(a.Answer.At) {
		return effects{}, nil
	}
	s.answer(e, a.Answer)
	return effects{}, nil
}

// Delivered is the answer of a relay that took the email of a request.
type Delivered struct {
	RequestID string
	Delivery  Delivery
}

func (a Delivered) apply(s *edit, _ time.Time) (effects, error) {
	if e, _ := s.Email(a.RequestID); e != nil && e.Taken == nil {
		if r := s.Requests.Find(a.RequestID); r != nil && r.State != Confirmed {
			a.Delivery.Signature = "" // it takes more than all the rest, and most requests are never confirmed
		}
		e.Taken, s.UnreachableSince = &a.Delivery, time.Time{}
		s.touch()
	}
	return effects{}, nil
}

// lacksSignature reports whether a relay took the email with a signature that is not kept.
func (e Email) lacksSignature() bool {
	return e.Taken != nil && e.Taken.Signature == "" && e.Taken.SHA256 != e.Taken.Unsigned
}

// signatureJob returns the job of a confirmed request whose emails lack signatures.
func signatureJob(r *Request) []Job {
	if !slices.ContainsFunc(r.Emails, Email.lacksSignature) {
		return nil
	}
	return []Job{{Type: JobSignature, RequestID: r.ID}}
}

// Signed keeps how emails of a request were signed: they are the proof that it was confirmed by.
type Signed struct {
	RequestID  string
	Signatures map[int]string // the DKIM-Signature fields, by the number of the email
}

func (a Signed) apply(s *edit, _ time.Time) (effects, error) {
	r := s.Requests.Find(a.RequestID)
	if r == nil || r.State != Confirmed {
		return effects{}, nil
	}
	for n, signature := range a.Signatures {
		if n < len(r.Emails) && r.Emails[n].lacksSignature() && signature != "" {
			taken := *r.Emails[n].Taken
			taken.Signature = signature
			r.Emails[n].Taken = &taken
			s.touch()
		}
	}
	return effects{}, nil
}

// Bounced is the answer of a relay, or the report of a mail system after it, that an address will never take the email
// of a request. It closes an open request only: the email of a confirmed one did arrive.
type Bounced struct {
	RequestID string
	Evidence  Evidence
}

func (a Bounced) apply(s *edit, now time.Time) (effects, error) {
	e, _ := s.Email(a.RequestID)
	if e != nil && e.Bounced == nil && a.Evidence.How == ByReport {
		e.Bounced = &a.Evidence
		s.touch()
	}
	if e != nil {
		s.unreachable(e, now)
	}
	r := s.Requests.Find(a.RequestID)
	if r == nil || r.State != Pending {
		return effects{}, nil
	}
	s.close(r, Undeliverable, a.Evidence)
	if s.State(now) != Undeliverable {
		return effects{}, nil
	}
	return event(EventUndeliverable), nil
}
