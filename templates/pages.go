package templates

import "time"

// Site is the website a page or letter speaks for: the controller's face (GDPR 4(7)).
type Site struct {
	ID, Name, URL string
	Controller    Controller
	Style, Logo   string // paths of a sheet loaded after ours, and of a picture shown for the name; may be empty. Pages only
}

// Controller is who answers for the data (GDPR 13(1)(a)). Contact is an address, a web page or a telephone number.
type Controller struct {
	Name, Address, Contact, PrivacyURL string
}

// Purpose is one thing a person can agree to, in the exact words that were or will be agreed to.
type Purpose struct {
	ID, Text string
	Lang     string    // BCP 47 tag of Text where it may differ from the page's (WCAG 3.1.2); else empty
	State    string    // pending, confirmed, declined, withdrawn, expired, undeliverable; where states are shown
	Since    time.Time // of State
}

// Page is one of the page types of this package.
type Page interface {
	name() string
	site() Site        // zero: no site is known
	actions() []string // where its forms post to; an empty one shows no form and is left out
}

// Signup is the hosted signup page. Its boxes are never ticked, not even when the page is shown again after an error:
// Values.Ticked is accepted and left out, because a box ticked by a server is not ticked by the person. Its field "subject" is
// a trap for programs: no person sees or reaches it, and who does is told to leave it empty.
type Signup struct {
	Site      Site
	Purposes  []Purpose
	Action    string
	Languages []LanguageLink // shown when there is more than one
	Values    Values
	Errors    []FieldError
	Stamp     string   // comes back as it is; may be empty
	Redirect  string   // the same, of a website's form whose person goes on here; may be empty
	Challenge string   // JSON of the work that challenge.js is to do; empty: none
	Captcha   *Captcha // of a service, which is loaded from there; nil: none
}

// Captcha is a widget in the form: what its service's manual says.
type Captcha struct {
	Class, SiteKey, Script string
	Module                 bool // of the script
}

// Values is what the person had entered before an error.
type Values struct {
	Email  string
	Ticked []string
}

// FieldError is one of the refusal codes of the contract; Field is the field's name. See Codes.
type FieldError struct{ Field, Code string }

// LanguageLink leads to the same page in another locale, named in that language itself.
type LanguageLink struct {
	Locale, URL string
}

// Sent says: look in your inbox.
type Sent struct {
	Site Site
	TTL  time.Duration // of the link in the letter
}

// Confirm is the page behind the link of the letter: one click left.
type Confirm struct {
	Site            Site
	Address         string // masked by the caller
	Purposes        []Purpose
	Asked, Deadline time.Time
	ConfirmAction   string
	DeclineAction   string
	SameBrowser     bool // proven by the cookie of the signup: the page confirms by script, once
}

// Confirmed says what is agreed now. Already: nothing new happened.
type Confirmed struct {
	Site           Site
	Purposes       []Purpose
	Already        bool
	UnsubscribeURL string // may be empty
	BackURL        string // of the website; may be empty
}

// Decline is the page behind the letter's "this was not me".
type Decline struct {
	Site          Site
	Address       string // masked by the caller
	Asked         time.Time
	DeclineAction string
}

// Declined says that this site sends no more letters. Just: by this very click.
type Declined struct {
	Site          Site
	UnblockAction string // may be empty
	JustNow       bool
}

// Unblocked says that letters may come again, and that nothing is confirmed by that.
type Unblocked struct {
	Site      Site
	SignupURL string // may be empty
}

// Expired offers a new letter. Any of the three may be empty.
type Expired struct {
	Site          Site
	RenewAction   string
	DeclineAction string
	SignupURL     string
}

// Renewed says that a new letter is on its way to the same address.
type Renewed struct{ Site Site }

// WithdrawnLink is the page of a link whose consent was taken back since.
type WithdrawnLink struct {
	Site      Site
	SignupURL string // may be empty
}

// UnknownLink is the page of a link that is forged or cut off; so no site is known.
type UnknownLink struct{}

// Unsubscribe shows what an address agreed to, and takes it back: Purposes with State and Since.
type Unsubscribe struct {
	Site     Site
	Address  string // masked by the caller
	Purposes []Purpose
	Action   string
}

// Withdrawn says what was taken back, and what is left.
type Withdrawn struct {
	Site      Site
	Purposes  []Purpose // taken back
	Left      []Purpose // still agreed to
	SignupURL string    // may be empty
	BackURL   string    // of the website; may be empty
}

// Failure is any other error, by HTTP status. It never shows what was sent. Code and Errors are told where they are known codes.
type Failure struct {
	Status     int
	Code       string
	Site       Site          // zero: not known
	RetryAfter time.Duration // zero: not known
	Errors     []FieldError
}
