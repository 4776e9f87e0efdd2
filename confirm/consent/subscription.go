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
	Erased        State = "erased" // only in what a website is told of an Erasure
)

// Evidence is what is known of one act. It supports a proof; by itself it is none.
type Evidence struct {
	At        time.Time `json:"at"`           // UTC, to the millisecond
	IP        string    `json:"ip,omitempty"` // as seen by the service, through trusted proxies only
	UserAgent string    `json:"ua,omitempty"` // at most 256 bytes
	Origin    string    `json:"or,omitempty"` // the browser's Origin header
	Source    string    `json:"so,omitempty"` // the page the website named; at most 512 bytes
	How       Method    `json:"how,omitempty"`
	Reply     string    `json:"re,omitempty"` // a relay's words, at most 512 bytes

	Attested *Attested `json:"att,omitempty"` // of ByServer: what the website says that it saw; we saw its server
}

// Attested is what a website's server says of the visitor that it calls for. It is the website's word, and kept apart from what
// was seen here.
type Attested struct {
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"ua,omitempty"` // at most 256 bytes
	Page      string    `json:"pg,omitempty"` // at most 512 bytes
	At        time.Time `json:"at,omitzero"`
}

// Method says how an act was expressed.
type Method string

// The methods.
const (
	ByHostedForm Method = "hosted_form" // our own page, with a box that nobody ticked beforehand
	ByForm       Method = "form"        // a website's form
	ByAPI        Method = "api"         // a website's JSON call
	ByLink       Method = "link_post"   // the button on the page behind a letter's link
	ByBrowser    Method = "same_browser"
	ByOneClick   Method = "one_click" // RFC 8058
	ByRelay      Method = "smtp"
	ByClock      Method = "clock"
	ByServer     Method = "server"    // a call of the website's server, with its API key
	ByReport     Method = "dsn"       // a mail system's report that a letter did not arrive (RFC 3464, or a relay's notification)
	ByComplaint  Method = "complaint" // a mail system's report that a letter was called spam (RFC 5965, or a relay's notification)
)

// Shown is one purpose as it was put to a person: its id and the hash of the exact text.
type Statement struct {
	Purpose string `json:"p"`
	SHA256  string `json:"t"` // lower-case hex SHA-256
}

// Request is one signup act.
type Request struct {
	ID         string      `json:"id"` // a nonce of 192 bits, the JWT's jti
	Asked      Evidence    `json:"asked"`
	Renewed    *Evidence   `json:"renewed,omitempty"` // the press that renewed it; Asked is then the first signup
	Statements []Statement `json:"shown"`
	Locale     string      `json:"loc"` // the language the texts were shown in
	Deadline   time.Time   `json:"until"`
	Browser    string      `json:"br,omitempty"` // hash of the cookie of the browser that posted our own form
	State      State       `json:"st"`
	Closed     *Evidence   `json:"closed,omitempty"` // the act that ended Pending
	Delivery   *Delivery   `json:"letter,omitempty"` // the last one that a relay took
	ResentAt   time.Time   `json:"again,omitzero"`   // when the letter was last owed again: the website asked for it, or it reminds
	RemindAt   time.Time   `json:"remind,omitzero"`  // when a reminder is to be owed; zero: never, or it is decided already
	RemindedAt time.Time   `json:"reminded,omitzero"`
}

// Letter is what is known of a letter that a relay took.
type Delivery struct {
	At        time.Time `json:"at"`
	MessageID string    `json:"mid"`
	Reply     string    `json:"re"`  // the relay's words
	SHA256    string    `json:"sum"` // of the message as it was handed over
}

// Grant is a consent that was given, and what became of it. The request it came from is kept as long as the grant.
type Consent struct {
	Statement
	Request string    `json:"req"`
	State   State     `json:"st"` // confirmed, withdrawn or declined
	Given   time.Time `json:"given"`
	Ended   *Evidence `json:"ended,omitempty"`
}

// Subscription is everything known of one address at one site.
type Subscription struct {
	Site         string          `json:"site"`
	Address      address.Address `json:"addr,omitzero"` // zero when nothing is kept but that letters were declined, or a consent taken back
	Locale       string          `json:"loc,omitempty"`
	Created      time.Time       `json:"created"`
	Changed      time.Time       `json:"changed"`
	Requests     []Request       `json:"reqs,omitempty"`   // oldest first
	Consents     []Consent       `json:"grants,omitempty"` // oldest first
	Declined     *Evidence       `json:"refused,omitempty"`
	Unblocked    *Evidence       `json:"lifted,omitempty"`
	WithdrawnAt  time.Time       `json:"withdrawn,omitzero"` // of somebody erased: that a consent was taken back then, and not given anew since
	HistorySince time.Time       `json:"forgot,omitzero"`    // what ended before may no longer be known
	EmailTimes   []time.Time     `json:"mailed,omitempty"`   // when letters were or will be due, for the limits
	NoticedAt    time.Time       `json:"noticed,omitzero"`   // when JobKnownEmail was last owed
	ExpireAt     time.Time       `json:"alarm,omitzero"`     // when the one outstanding JobExpire is due
	MovedTo      string          `json:"moved,omitempty"`    // the id under which everything is now; then nothing else is here
}

func (s *Subscription) Request(id string) *Request {
	for i := range s.Requests {
		if s.Requests[i].ID == id {
			return &s.Requests[i]
		}
	}
	return nil
}

// grant is the latest grant of a purpose, or nil.
func (s *Subscription) Consent(purpose string) *Consent {
	for i, g := range slices.Backward(s.Consents) {
		if g.Purpose == purpose {
			return &s.Consents[i]
		}
	}
	return nil
}

func (s *Subscription) confirmed(purpose string) bool {
	g := s.Consent(purpose)
	return g != nil && g.State == Confirmed
}

// granted tells whether anything is confirmed.
func (s *Subscription) HasConsent() bool {
	return slices.ContainsFunc(s.Consents, func(g Consent) bool { return g.State == Confirmed })
}

// open tells whether the request can still be confirmed.
func (r *Request) IsOpen(now time.Time) bool { return r.State == Pending && now.Before(r.Deadline) }

func (r *Request) close(state State, e Evidence) { r.State, r.Closed = state, &e }

// asks tells whether the request shows this very text for this purpose.
func (r *Request) asks(sh Statement) bool { return slices.Contains(r.Statements, sh) }
