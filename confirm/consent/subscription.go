package consent

import (
	"slices"
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
	Erased        State = "erased" // only in the event of an Erase
)

// Evidence is what is known of one action. It supports a proof; by itself it is none.
type Evidence struct {
	At        time.Time `json:"at"`           // UTC, to the millisecond
	IP        string    `json:"ip,omitempty"` // as seen by the service, through trusted proxies only
	UserAgent string    `json:"ua,omitempty"` // at most 256 bytes
	Origin    string    `json:"or,omitempty"` // the browser's Origin header
	Source    string    `json:"so,omitempty"` // the page the website named; at most 512 bytes
	How       Method    `json:"how,omitempty"`
	Reply     string    `json:"re,omitempty"` // the words of a relay or a mail system, at most 512 bytes

	Attested *Attested `json:"att,omitempty"` // of ByServer: what the website says that it saw; we saw its server
}

// Attested is what a website's server says of the visitor on whose behalf it calls. It is the website's word, and kept
// apart from what was seen here.
type Attested struct {
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"ua,omitempty"` // at most 256 bytes
	Page      string    `json:"pg,omitempty"` // at most 512 bytes
	At        time.Time `json:"at,omitzero"`
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

// Statement is what was put to a person: a purpose, and the hash of the exact words.
type Statement struct {
	Purpose string `json:"p"`
	SHA256  string `json:"t"` // lower-case hex
}

// Request is one signup.
type Request struct {
	ID         string      `json:"id"` // a nonce of 192 bits, the JWT's jti
	Asked      Evidence    `json:"asked"`
	Renewed    *Evidence   `json:"renewed,omitempty"` // of the Renew that made it; Asked is then the first signup
	Statements []Statement `json:"statements"`
	Locale     string      `json:"loc"` // the language of the statements
	Deadline   time.Time   `json:"until"`
	Browser    string      `json:"br,omitempty"` // hash of the cookie of the browser that posted our own form
	State      State       `json:"st"`
	Closed     *Evidence   `json:"closed,omitempty"`   // the action that ended Pending
	Delivery   *Delivery   `json:"delivery,omitempty"` // the last email that a relay took
	ResentAt   time.Time   `json:"resent,omitzero"`    // when Resend or a reminder last made the email due again
	RemindAt   time.Time   `json:"remind,omitzero"`    // when a reminder is to be due; zero: never, or decided already
	RemindedAt time.Time   `json:"reminded,omitzero"`
}

// Delivery is what is known of an email that a relay took.
type Delivery struct {
	At        time.Time `json:"at"`
	MessageID string    `json:"mid"`
	Reply     string    `json:"re"`  // the relay's words
	SHA256    string    `json:"sum"` // of the message as it was handed over
	Unsigned  string    `json:"raw"` // SHA-256 of the message without its signature fields
	Skeleton  string    `json:"sk"`  // SHA-256 of what the message was made of: see mailer.Rebuild
	Signature string    `json:"sig"` // the signature fields that were before it
	Date      time.Time `json:"date"`
}

// Consent is a consent that was given, and what became of it. The request it came from is kept as long as the consent.
type Consent struct {
	Statement
	RequestID string    `json:"req"`
	State     State     `json:"st"` // confirmed, withdrawn or declined
	Given     time.Time `json:"given"`
	Ended     *Evidence `json:"ended,omitempty"`
}

// Subscription is everything known of one address at one site. The zero Subscription is that of an unknown address.
type Subscription struct {
	Site           string          `json:"site"`
	Address        address.Address `json:"addr,omitzero"` // zero when nothing is kept but a refusal or a withdrawal
	Locale         string          `json:"loc,omitempty"`
	Created        time.Time       `json:"created"`
	Changed        time.Time       `json:"changed"`
	Requests       Requests        `json:"reqs,omitempty"`     // oldest first
	Consents       Consents        `json:"consents,omitempty"` // oldest first
	Declined       *Evidence       `json:"declined,omitempty"`
	Unblocked      *Evidence       `json:"unblocked,omitempty"`
	WithdrawnAt    time.Time       `json:"withdrawn,omitzero"` // of an erased person: the last, if not confirmed since
	HistorySince   time.Time       `json:"since,omitzero"`     // what ended before may no longer be known
	EmailTimes     emailTimes      `json:"emails,omitempty"`   // when emails were or will be due, for the limits
	NoticedAt      time.Time       `json:"noticed,omitzero"`   // when an EmailAlreadyConfirmed was last made due
	NoticeSignupID string          `json:"notice,omitempty"`   // by which signup
	ExpireJobAt    time.Time       `json:"expire,omitzero"`    // when the one outstanding Expire job is due
	MovedTo        string          `json:"moved,omitempty"`    // the id under which everything is now
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
		asks := func(r Request) bool { return r.IsOpen(now) && slices.Contains(r.Statements, st) }
		if !slices.ContainsFunc(all, asks) {
			return false
		}
	}
	return true
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

// provenBy reports whether a request is the proof of a consent.
func (all Consents) provenBy(request string) bool {
	return slices.ContainsFunc(all, func(c Consent) bool { return c.RequestID == request })
}

// renewable returns what a request asked for and was not withdrawn after it: an email from before a withdrawal brings
// nothing back.
func (all Consents) renewable(r *Request) []Statement {
	return slices.DeleteFunc(slices.Clone(r.Statements), func(st Statement) bool {
		c := all.Latest(st.Purpose)
		return c != nil && c.State != Confirmed && c.Ended.At.After(r.Asked.At)
	})
}

// end ends the confirmed consents to some purposes, and reports whether there were any.
func (all Consents) end(state State, e Evidence, purposes []string) (ended bool) {
	for i := range all {
		c := &all[i]
		if c.State == Confirmed && slices.Contains(purposes, c.Purpose) {
			c.State, c.Ended, ended = state, &e, true
		}
	}
	return ended
}

// IsOpen reports whether the request can still be confirmed.
func (r *Request) IsOpen(now time.Time) bool { return r.State == Pending && now.Before(r.Deadline) }

func (r *Request) close(state State, e Evidence) { r.State, r.Closed = state, &e }

// openedAt returns when the request was made: signed up, or renewed.
func (r *Request) openedAt() time.Time {
	if r.Renewed != nil {
		return r.Renewed.At
	}
	return r.Asked.At
}
