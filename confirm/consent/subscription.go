package consent

import (
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/internal/address"
)

// State is where a purpose, a request or a subscription stands.
type State string

// The states.
const (
	Pending       State = "pending"
	Confirmed     State = "confirmed"
	Declined      State = "declined"
	Withdrawn     State = "withdrawn"
	Expired       State = "expired"
	Undeliverable State = "undeliverable"
	Erased        State = "erased"     // only in the event of an Erase
	Unreadable    State = "unreadable" // only of a record that does not open
)

// Evidence is what is known of one action. It supports a proof; by itself it is none.
type Evidence struct {
	At        time.Time // UTC, to the millisecond
	How       Method
	IP        string    // as seen by the service, through trusted proxies only; later its network: see CutIP
	UserAgent string    // at most 256 bytes
	Origin    string    // the browser's Origin header
	Source    string    // the page the website named; at most 512 bytes
	Form      string    // the form the website named; at most 64 bytes
	PageMade  time.Time // of a button on a page: when that page was made
	Reply     string    // the words of a relay or a mail system, at most 512 bytes

	// Of ByServer: what the website says. It is the website's word, and kept apart from what was seen here.
	Channel  Channel // of which channel the person spoke; empty: e-mail
	Detail   string  // how they told it, such as "STOP", or why an objection ends; at most 256 bytes
	Attested *Attested
}

// PersonIP returns the IP of the person who acted, if it is known: of an act that a website's server passed on, that is
// what the server says.
func (e Evidence) PersonIP() string {
	switch {
	case e.How != ByServer:
		return e.IP
	case e.Attested != nil:
		return e.Attested.IP
	}
	return ""
}

// PersonNetwork is PersonIP, or the first address of the network that is left of it.
func (e Evidence) PersonNetwork() string {
	first, _, _ := strings.Cut(e.PersonIP(), "/")
	return first
}

// Attested is what a website's server says that it saw of the visitor that it calls for.
type Attested struct {
	IP        string
	UserAgent string // at most 256 bytes
	Page      string // at most 512 bytes
	At        time.Time
}

// Method is how an action was expressed.
type Method string

// The methods.
const (
	ByHostedForm Method = "hosted_form" // our own page, with a box that was not ticked beforehand
	ByForm       Method = "form"        // a website's form
	ByAPI        Method = "api"         // a website's JSON call
	ByLink       Method = "link_post"   // the button on the page behind an email's link
	ByBrowser    Method = "same_browser"
	ByOneClick   Method = "one_click" // RFC 8058
	ByRelay      Method = "smtp"
	ByClock      Method = "clock"
	ByServer     Method = "server"    // a call of the website's server, with its API key
	ByReport     Method = "dsn"       // a report that an email did not arrive (RFC 3464, or a relay's notification)
	ByComplaint  Method = "complaint" // a report that an email was marked as spam (RFC 5965, or a relay's notification)
)

// How a consent ends that nobody took back.
const (
	ByRevision Method = "revision" // its purpose has a newer revision
	ByValidity Method = "validity" // it was valid for a time, which is over
	ByRenewal  Method = "renewal"  // the person confirmed it anew: another consent is in its place
)

// Statement is what was put to a person about one purpose: the hash of all of it (package confirm makes it), under
// which it is kept word for word.
type Statement struct {
	Purpose  string
	Revision int    // of the purpose; raising it asks again
	SHA256   string // lower-case hex
	Shown    string // the words that the website says it showed, where they are not ours; at most 2048 bytes
}

// same reports whether two statements put the same to a person.
func (st Statement) same(o Statement) bool { return st.Purpose == o.Purpose && st.SHA256 == o.SHA256 }

// Request is one signup.
type Request struct {
	ID         string          // a nonce, which its links name
	Address    address.Address // as the signup spelled it: its emails go there
	Asked      Evidence        // of the signup
	Renewed    *Evidence       // of the Renew that made it; Asked is then the first signup
	Statements []Statement
	Locale     string // the language of the statements
	Deadline   time.Time
	Browser    string // hash of the cookie of the browser that posted our own form
	State      State
	Closed     *Evidence // the action that ended Pending
	Emails     []Email   // oldest first: at least one
	RemindAt   time.Time // when a reminder becomes due; zero: never, or decided already
	Receipt    *Receipt  // of a request that was confirmed; nil: none was made
	Agreed     time.Time // of one that asks to renew a consent before it ends: when that was given; zero: it does not
}

// IsRenewal reports whether a request asks to renew a consent before its validity ends.
func (r *Request) IsRenewal() bool { return !r.Agreed.IsZero() }

// Receipt is how the receipt of a confirmation was signed. What it says follows from the request (see confirm).
type Receipt struct {
	ID        string
	Frame     string // the hash of what the receipts of the site had in common then
	Key       string // the thumbprint of the key (RFC 7638)
	Emails    uint   // which emails it names: bit n is the n-th of the request
	Signature []byte
	Validity  time.Duration // of what was confirmed, in whole seconds; 0: until it is taken back
}

// KeptReceipt is a receipt that outlives its person. It names nobody.
type KeptReceipt struct {
	Text  string // the whole of it
	Until time.Time
}

// Consent is a consent that was given, and what became of it. The request it came from is kept as long as the consent.
type Consent struct {
	Statement
	RequestID string
	State     State // confirmed, withdrawn, declined, or expired: by a newer revision, by its validity, or by a renewal
	Given     time.Time
	Ended     *Evidence
	// ValidUntil is when it ends by itself, and RenewAt when the person is asked whether to renew it. Zero: never; and
	// of RenewAt: that was decided already.
	ValidUntil, RenewAt time.Time
	// Superseded is when a newer revision had ended it already, where it was withdrawn or declined after that.
	Superseded time.Time
	Used       time.Time // the last day of which the website says that it relied on it; zero: it never said
}

// isSuperseded reports whether a newer revision ended the consent, and nothing else has since.
func (c *Consent) isSuperseded() bool { return c.State == Expired && c.Ended.How == ByRevision }

// wasSuperseded reports whether a newer revision ended the consent, even if it was withdrawn later.
func (c *Consent) wasSuperseded() bool { return c.isSuperseded() || !c.Superseded.IsZero() }

// endedBefore returns what had ended a consent before it was taken back; nil: nothing had.
func (c *Consent) endedBefore() *Evidence {
	switch {
	case !c.Superseded.IsZero():
		return &Evidence{At: c.Superseded, How: ByRevision}
	case c.Ended != nil && c.State != Expired && !c.ValidUntil.IsZero() && !c.Ended.At.Before(c.ValidUntil):
		return &Evidence{At: c.ValidUntil, How: ByValidity}
	}
	return nil
}

// Refusal is a "this was not me", and its end if emails were unblocked.
type Refusal struct {
	Declined  Evidence
	Unblocked *Evidence
	Mailbox   string // the id of the Mailbox for which it holds in every spelling; empty: it holds for this one alone
}

// Refusals are those of one subscription, oldest first; all but the last have ended.
type Refusals []Refusal

// Declined returns the evidence of the refusal that holds, or nil.
func (all Refusals) Declined() *Evidence {
	if n := len(all); n > 0 && all[n-1].Unblocked == nil {
		return &all[n-1].Declined
	}
	return nil
}

// unblockedAt returns when one of them last ended; zero: never.
func (all Refusals) unblockedAt() (last time.Time) {
	for i := range all {
		if e := all[i].Unblocked; e != nil {
			last = later(last, e.At)
		}
	}
	return last
}

// Notice is a signup of somebody who had confirmed all of it already, and the email that says so.
type Notice struct {
	ID      string          // of the signup
	Address address.Address // as the signup spelled it
	Asked   Evidence
	Email   Email
}

// Unanswered counts the signups for which no email was due: nobody can make it grow.
type Unanswered struct {
	N           int
	First, Last time.Time
}

// Subscription is everything known of one address at one site, in every case of its ASCII letters
// (address.Address.Identity). The zero Subscription is that of an unknown address.
//
// Nothing in it is overwritten: what happens is added, to the request, consent or email that it happened to. So the
// subscription is its own history, each thing once.
type Subscription struct {
	Site    string
	Address address.Address // as it was spelled when it was confirmed; see Request.Address. Zero when nothing is kept
	// of the person but a refusal or a withdrawal
	Locale       string
	Created      time.Time
	Changed      time.Time
	Requests     Requests // oldest first
	Consents     Consents // oldest first
	Refusals     Refusals
	Objections   Objections
	Notices      Notices // oldest first
	Claims       Claims  // oldest first
	Told         []Told  // oldest first; at most maxTold
	Unanswered   Unanswered
	WithdrawnAt  time.Time  // of an erased person: the last, if not confirmed since
	HistorySince time.Time  // what ended before may no longer be known
	EmailTimes   emailTimes // when emails were or will be due, for the limits
	MovedTo      string     // the id under which everything is now
	Receipts     []KeptReceipt
	// UnreachableSince is when an email to somebody who had agreed was found to never arrive; zero: none was, or a
	// relay took another one since.
	UnreachableSince time.Time
}

// clone returns a copy to be changed. What pointers point at, and statements, are never changed, and are shared.
func (s Subscription) clone() Subscription {
	s.Requests, s.Consents = slices.Clone(s.Requests), slices.Clone(s.Consents)
	s.Refusals, s.Notices = slices.Clone(s.Refusals), slices.Clone(s.Notices)
	s.Claims = slices.Clone(s.Claims)
	s.Objections = slices.Clone(s.Objections)
	for i := range s.Requests {
		s.Requests[i].Emails = slices.Clone(s.Requests[i].Emails)
	}
	return s
}

// unblocked reports whether emails were refused, and no longer all are.
func (s *Subscription) unblocked() bool {
	ofEmails := func(o Objection) bool { return o.Evidence.channel() == ChannelEmail }
	return s.Refused() == nil && (len(s.Refusals) > 0 || slices.ContainsFunc(s.Objections, ofEmails))
}

// Requests are those of one subscription, oldest first.
type Requests []Request

// Find returns the request with an id, or nil.
func (all Requests) Find(id string) *Request {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// WithReceipt returns the request that was confirmed last with a receipt, or the one of a name (Step.Request); nil.
func (all Requests) WithReceipt(name string) (latest *Request) {
	for i := range all {
		r := &all[i]
		if r.Receipt == nil || name != "" && name != requestName(r.ID) {
			continue
		}
		if latest == nil || !r.Closed.At.Before(latest.Closed.At) {
			latest = r
		}
	}
	return latest
}

// LatestOpen returns the open request that was made last, or nil.
func (all Requests) LatestOpen(now time.Time) *Request {
	for i, r := range slices.Backward(all) {
		if r.IsOpen(now) {
			return &all[i]
		}
	}
	return nil
}

// countOpen returns how many requests are open.
func (all Requests) countOpen(now time.Time) (n int) {
	for i := range all {
		if all[i].IsOpen(now) {
			n++
		}
	}
	return n
}

// ask reports whether open requests already ask for all of these statements.
func (all Requests) ask(statements []Statement, now time.Time) bool {
	for _, st := range statements {
		asks := func(r Request) bool { return r.IsOpen(now) && slices.ContainsFunc(r.Statements, st.same) }
		if !slices.ContainsFunc(all, asks) {
			return false
		}
	}
	return true
}

// Notices are those of one subscription, oldest first.
type Notices []Notice

// Find returns the notice of a signup, or nil.
func (all Notices) Find(signup string) *Notice {
	for i := range all {
		if all[i].ID == signup {
			return &all[i]
		}
	}
	return nil
}

// Consents are those of one subscription, oldest first.
type Consents []Consent

// Latest returns the latest consent to a purpose, or nil.
func (all Consents) Latest(purpose string) *Consent {
	for i, c := range slices.Backward(all) {
		if c.Purpose == purpose {
			return &all[i]
		}
	}
	return nil
}

// Any reports whether any purpose is confirmed.
func (all Consents) Any() bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.State == Confirmed })
}

// Cover reports whether everything that a request asks for is confirmed.
func (all Consents) Cover(r *Request) bool { return len(all.missing(r.Statements)) == 0 }

// missing returns the statements whose purposes are not confirmed.
func (all Consents) missing(statements []Statement) []Statement {
	return slices.DeleteFunc(slices.Clone(statements), func(st Statement) bool { return all.confirmed(st.Purpose) })
}

func (all Consents) confirmed(purpose string) bool {
	c := all.Latest(purpose)
	return c != nil && c.State == Confirmed
}

// ProvenBy reports whether a request is the proof of a consent.
func (all Consents) ProvenBy(request string) bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.RequestID == request })
}

// from reports whether a request led to a consent to a purpose.
func (all Consents) from(request, purpose string) bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.RequestID == request && c.Purpose == purpose })
}

// renewable returns what a request asked for and was not withdrawn after it: an email from before a withdrawal brings
// nothing back.
func (all Consents) renewable(r *Request) []Statement {
	return slices.DeleteFunc(slices.Clone(r.Statements), func(st Statement) bool {
		c := all.Latest(st.Purpose)
		return c != nil && c.State != Confirmed && c.State != Expired && c.Ended.At.After(r.Asked.At)
	})
}

// expired reports whether the latest consent to a statement's purpose ended though nobody took it back.
func (all Consents) expired(st Statement) bool {
	c := all.Latest(st.Purpose)
	return c != nil && c.State == Expired
}

// Purposes returns the ids of what the request asks for, each once.
func (r *Request) Purposes() (ids []string) {
	for _, st := range r.Statements {
		if !slices.Contains(ids, st.Purpose) {
			ids = append(ids, st.Purpose)
		}
	}
	return ids
}

// IsOpen reports whether the request can still be confirmed.
func (r *Request) IsOpen(now time.Time) bool { return r.State == Pending && now.Before(r.Deadline) }

// openedAt returns when the request was made: signed up, or renewed.
func (r *Request) openedAt() time.Time {
	if r.Renewed != nil {
		return r.Renewed.At
	}
	return r.Asked.At
}
