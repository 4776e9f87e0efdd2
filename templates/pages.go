package templates

import (
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/theme"
)

// Site is the website that a page or email speaks for: the face of the controller (GDPR 4(7)).
type Site struct {
	ID, Name, URL string
	Controller    Controller
	// Paths, for pages only, of a style sheet loaded after ours and of a picture shown in place of the name. May be
	// empty.
	Style, Logo string
	Locales     []string           // its pages can be shown in; a switch leads from one to another
	TimeZone    *time.Location     // of the moments that people read; nil: UTC
	Wording     map[string]Wording // by locale
	// ChildTexts are the texts of purposes in words for children, by the locale and the text.
	ChildTexts map[string]map[string]string
	Looks      *theme.Email // of emails; nil: the default
}

// Wording is a site's own words in one language. They stand beside ours, within what the law wants to be said, or in
// place of a word that says nothing of it. Each may be empty. They are plain text, on one line.
type Wording struct {
	Subject  string // of the email that asks to confirm
	Greeting string // first line of that email
	Lead     string // before our own first sentence
	Button   string // label of the email's button
	// On the pages after a signup, a confirmation and a withdrawal.
	AfterSignup, AfterConfirm, AfterWithdraw string
}

// Controller is the person or company responsible for the data (GDPR 13(1)(a)). Contact is an address, a web page or a
// telephone number.
type Controller struct {
	Name, Address, Contact, PrivacyURL string
}

// Purpose is one thing a person can agree to, in the exact words that were or will be agreed to.
type Purpose struct {
	ID, Text string
	Lang     string    // BCP 47 tag of Text where it may differ from the page's (WCAG 3.1.2); else empty
	State    string    // pending, confirmed, declined, withdrawn, expired, undeliverable; where states are shown
	Since    time.Time // of State
	// Superseded says that a newer revision ended a consent, which the person may take back all the same.
	Superseded bool
	// Over says that a consent ended by itself, because its time was over. Until is when one does; zero: it does not.
	Over      bool
	Until     time.Time
	TextChild string // the same in words for children, shown after Text; may be empty
	// StatementURL leads to the whole of what is put to a person about it. It is shown on the pages that ask; may be
	// empty.
	StatementURL string
	Given        *Given // how it was agreed to; nil: not shown
}

// Given is how and when something was agreed to, and from where: a page, a part of an IP.
type Given struct {
	Asked, Confirmed         time.Time
	AskedFrom, ConfirmedFrom []string
}

// Page is one of the page types of this package.
type Page interface {
	name() string
	site() Site        // zero: no site is known
	actions() []string // where its forms post to; an empty one shows no form and is left out

	title(v pageView) string
	main(v pageView) templ.Component
}

// Signup is the hosted signup page. Its boxes are never ticked, not even when the page is shown again after an error:
// Values.Ticked is accepted and ignored, because a box ticked by a server is not ticked by the person. Its field
// "subject" is a honeypot for programs: no person sees or reaches it, and a person who does is told to leave it empty.
type Signup struct {
	Site      Site
	Purposes  []Purpose
	Action    string
	Values    Values
	Errors    []FieldError
	Stamp     string   // comes back as it is; may be empty
	Redirect  string   // comes back as it is, when a website's form continues here; may be empty
	Suggest   bool     // whether to ask about a domain that may be mistyped
	Meant     string   // the address that may have been meant; empty: nothing is asked
	Challenge string   // JSON of the proof of work for challenge.js; empty: none
	Captcha   *Captcha // of a service, which is loaded from there; nil: none
}

// Captcha is a widget in the form, as its service's manual describes it.
type Captcha struct {
	Class, SiteKey, Script string
	Module                 bool // the script is a module
}

// Values is what the person had entered before an error.
type Values struct {
	Email  string
	Ticked []string
}

// FieldError is one of the refusal codes of the contract (see Codes) and the name of the field that it is about.
type FieldError struct{ Field, Code string }

// Sent follows a signup: look in your inbox.
type Sent struct {
	Site Site
	TTL  time.Duration // of the link in the email
	// Address is masked by the caller; it may be empty.
	Address    string
	CorrectURL string // of the signup page
}

// Confirm is the page behind the link in the email: one click left. Its button confirms all that was asked. Where
// several purposes are pending, a part of the page that is closed at first has a box for each, never ticked, and a
// button that confirms those that are ticked.
type Confirm struct {
	Site            Site
	Address         string    // masked by the caller
	Purposes        []Purpose // with State
	Asked, Deadline time.Time
	Renewal         bool // it was agreed to, at Asked, and ends at the deadline
	ConfirmAction   string
	DeclineAction   string
	SameBrowser     bool   // proven by the cookie of the signup: the page confirms by script, once
	Stamp           string // comes back as it is; may be empty
	Error           string // code of what was wrong with the boxes ticked before, if anything
}

// Confirmed says what is agreed to now.
type Confirmed struct {
	Site           Site
	Purposes       []Purpose
	Already        bool   // nothing new happened
	UnsubscribeURL string // may be empty
	Receipt        bool   // there is one, below UnsubscribeURL
	BackURL        string // of the website; may be empty
}

// Decline is the page behind the link "this was not me" in the email.
type Decline struct {
	Site          Site
	Address       string // masked by the caller
	Asked         time.Time
	Renewal       bool      // as of Confirm
	Purposes      []Purpose // of Renewal: what ends
	DeclineAction string
}

// Declined says that this site sends no more emails.
type Declined struct {
	Site          Site
	UnblockAction string // may be empty
	JustNow       bool   // by this very click
}

// Unblocked says that the site may send emails again, and that nothing is confirmed by that.
type Unblocked struct {
	Site      Site
	SignupURL string // may be empty
}

// Expired offers a new email. Any of the three may be empty.
type Expired struct {
	Site          Site
	RenewAction   string
	DeclineAction string
	SignupURL     string
}

// Renewed says that a new email is on its way to the same address.
type Renewed struct{ Site Site }

// Statement is what was put to a person about one purpose: all of it, word for word. It names nobody.
type Statement struct {
	Site     Site // as the statement names it; without a controller, which stands in the statement
	Document statement.Document
	SHA256   string // of the statement, in hex
	Lang     string // BCP 47 tag of the statement where it may differ from the page's; else empty
}

// WithdrawnLink is the page of a link whose consent was withdrawn since.
type WithdrawnLink struct {
	Site      Site
	SignupURL string // may be empty
}

// LostLink is the page of a link that is ours, but led to what was lost with the store's data.
type LostLink struct {
	Site      Site
	SignupURL string // may be empty
}

// UnknownLink is the page of a link that is forged or cut off, so no site is known.
type UnknownLink struct{}

// Home says at the root what the service is. It names no site.
type Home struct{}

// Unsubscribe shows what an address agreed to, with a button to withdraw each consent and one to withdraw all.
type Unsubscribe struct {
	Site       Site
	Address    string    // masked by the caller
	Purposes   []Purpose // with State and Since
	Action     string
	ReceiptURL string // may be empty
	// To ask for a link to a copy of the data, and for one to their erasure. Both may be empty.
	CopyAction, EraseAction string
}

// Claimed follows a claim of a right: look in your inbox.
type Claimed struct {
	Site Site
	TTL  time.Duration // of the link in the email
}

// Right is the page behind the link of a right: a copy of the person's data, or their erasure.
type Right struct {
	Site    Site
	Address string // masked by the caller
	Erase   bool
	Action  string
}

// Erased says that the person's data are erased.
type Erased struct{ Site Site }

// Withdrawn says which consents were withdrawn, and which remain.
type Withdrawn struct {
	Site      Site
	Purposes  []Purpose // withdrawn
	Left      []Purpose // still agreed to
	SignupURL string    // may be empty
	BackURL   string    // of the website; may be empty
}

// Failure is any other error, by HTTP status. It never shows what was sent. Of Code and Errors only known codes are
// shown.
type Failure struct {
	Status     int
	Code       string
	Site       Site          // zero: not known
	RetryAfter time.Duration // zero: not known
	Errors     []FieldError
}

// pageNames lists the names of all pages.
func pageNames() []string {
	return []string{
		"claimed", "confirm", "confirmed", "decline", "declined", "dossier", "erased", "expired", "failure", "home",
		"lost-link", "renewed", "right", "sent",
		"signup", "statement", "unblocked", "unknown-link", "unsubscribe", "withdrawn", "withdrawn-link",
	}
}

func (Claimed) name() string       { return "claimed" }
func (Right) name() string         { return "right" }
func (Erased) name() string        { return "erased" }
func (Confirm) name() string       { return "confirm" }
func (Confirmed) name() string     { return "confirmed" }
func (Decline) name() string       { return "decline" }
func (Declined) name() string      { return "declined" }
func (Expired) name() string       { return "expired" }
func (Failure) name() string       { return "failure" }
func (Home) name() string          { return "home" }
func (Renewed) name() string       { return "renewed" }
func (Sent) name() string          { return "sent" }
func (Signup) name() string        { return "signup" }
func (Statement) name() string     { return "statement" }
func (Unblocked) name() string     { return "unblocked" }
func (UnknownLink) name() string   { return "unknown-link" }
func (Unsubscribe) name() string   { return "unsubscribe" }
func (Withdrawn) name() string     { return "withdrawn" }
func (WithdrawnLink) name() string { return "withdrawn-link" }
func (LostLink) name() string      { return "lost-link" }

func (p Claimed) site() Site       { return p.Site }
func (p Right) site() Site         { return p.Site }
func (p Erased) site() Site        { return p.Site }
func (p Confirm) site() Site       { return p.Site }
func (p Confirmed) site() Site     { return p.Site }
func (p Decline) site() Site       { return p.Site }
func (p Declined) site() Site      { return p.Site }
func (p Expired) site() Site       { return p.Site }
func (p Failure) site() Site       { return p.Site }
func (Home) site() Site            { return Site{} }
func (p Renewed) site() Site       { return p.Site }
func (p Sent) site() Site          { return p.Site }
func (p Signup) site() Site        { return p.Site }
func (p Statement) site() Site     { return p.Site }
func (p Unblocked) site() Site     { return p.Site }
func (UnknownLink) site() Site     { return Site{} }
func (p Unsubscribe) site() Site   { return p.Site }
func (p Withdrawn) site() Site     { return p.Site }
func (p WithdrawnLink) site() Site { return p.Site }
func (p LostLink) site() Site      { return p.Site }

func (Claimed) actions() []string     { return nil }
func (p Right) actions() []string     { return []string{p.Action} }
func (Erased) actions() []string      { return nil }
func (p Confirm) actions() []string   { return []string{p.ConfirmAction, p.DeclineAction} }
func (Confirmed) actions() []string   { return nil }
func (p Decline) actions() []string   { return []string{p.DeclineAction} }
func (p Declined) actions() []string  { return nonEmpty(p.UnblockAction) }
func (p Expired) actions() []string   { return nonEmpty(p.RenewAction, p.DeclineAction) }
func (Failure) actions() []string     { return nil }
func (Home) actions() []string        { return nil }
func (Renewed) actions() []string     { return nil }
func (Sent) actions() []string        { return nil }
func (p Signup) actions() []string    { return []string{p.Action} }
func (Statement) actions() []string   { return nil }
func (Unblocked) actions() []string   { return nil }
func (UnknownLink) actions() []string { return nil }
func (p Unsubscribe) actions() []string {
	return append([]string{p.Action}, nonEmpty(p.CopyAction, p.EraseAction)...)
}
func (Withdrawn) actions() []string     { return nil }
func (WithdrawnLink) actions() []string { return nil }
func (LostLink) actions() []string      { return nil }

// nonEmpty leaves out the actions that a page may do without.
func nonEmpty(actions ...string) []string {
	var some []string
	for _, a := range actions {
		if a != "" {
			some = append(some, a)
		}
	}
	return some
}

// isPath reports whether a browser takes an action for a path of the same origin: one slash, no second, no backslash
// (which browsers read as a slash), no character that they skip.
func isPath(action string) bool {
	return strings.HasPrefix(action, "/") && !strings.HasPrefix(action, "//") &&
		!strings.ContainsFunc(action, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' })
}

// Choices returns the purposes that a person may choose from: those still pending, if there are several.
func (p Confirm) Choices() []Purpose {
	var pending []Purpose
	for _, q := range p.Purposes {
		if q.State == "pending" || p.Renewal {
			pending = append(pending, q)
		}
	}
	if len(pending) < 2 {
		return nil
	}
	return pending
}

// Rights returns the rights that a statement names, of those that have a text.
func (p Statement) Rights() []statement.Right {
	var known []statement.Right
	for _, r := range p.Document.Rights {
		if slices.Contains(statement.Rights(), r) {
			known = append(known, r)
		}
	}
	return known
}

// Withdrawable returns the purposes whose consent can be withdrawn.
func (p Unsubscribe) Withdrawable() []Purpose {
	var some []Purpose
	for _, q := range p.Purposes {
		if q.Withdrawable() {
			some = append(some, q)
		}
	}
	return some
}

// Withdrawable reports whether there is a consent that nobody has taken back.
func (q Purpose) Withdrawable() bool { return q.State == "confirmed" || q.Superseded || q.Over }

// Shown returns the state as people are told it: a consent that ended by itself was confirmed once.
func (q Purpose) Shown() string {
	if q.Superseded || q.Over {
		return "ended"
	}
	return q.State
}

// asksForSeveral reports whether there is more than one purpose to choose from.
func (p Signup) asksForSeveral() bool { return len(p.Purposes) > 1 }

// EmailError returns the code of the first error of the field for the address, or nothing. The page shows it beside the
// field.
func (p Signup) EmailError() string { return firstError(p.Errors, "email") }

// PurposesError returns the same of the boxes.
func (p Signup) PurposesError() string { return firstError(p.Errors, "purposes") }

// CaptchaError returns the same of the captcha.
func (p Signup) CaptchaError() string { return firstError(p.Errors, "captcha") }

func firstError(errors []FieldError, anchor string) string {
	for _, e := range errors {
		if e.Anchor() == anchor {
			return e.Code
		}
	}
	return ""
}

// SiteOf returns the id of the site that a page speaks for; empty: none is known.
func SiteOf(p Page) string { return p.site().ID }
