package templates

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// AdminPage is one of the page types of the dashboard.
//
// They are pages like those of Set, in English: for the same Content-Security-Policy, WCAG 2.2 AA. Their one script,
// admin.js, only keeps them fresh. Addresses in them are masked by the caller. Their own paths are written in them, and
// begin with /admin.
type AdminPage interface {
	admin() (name string)
	title() string
	main(v AdminViewer) templ.Component
}

// AdminViewer is who looks at a page. The zero value has not logged in.
type AdminViewer struct {
	Name    string // of the operator
	Acts    bool   // may do what a person or a website could ask for
	Rules   bool   // may also erase, and read the audit log
	Proxied bool   // a proxy has the session, so there is none to end
}

// RenderAdmin renders a page of the dashboard. It renders into memory first: with an error nothing was written, unless
// the error is w's own.
func RenderAdmin(w io.Writer, v AdminViewer, p AdminPage) error {
	var b bytes.Buffer
	if err := adminLayout(v, p).Render(context.Background(), &b); err != nil {
		return fmt.Errorf("templates: page admin/%s: %w", p.admin(), err)
	}
	_, err := w.Write(bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")))
	return err
}

// AdminLogin asks for the password. Of what it says at most one is set.
type AdminLogin struct {
	Names       bool   // operators have names
	Name        string // as it was entered
	Provider    bool   // operators may log in at a provider of OpenID Connect
	NoPasswords bool   // and nobody here

	WrongPassword bool
	Wait          time.Duration // until a password is looked at again: there were too many wrong ones
	SessionEnded  bool          // an action came without a session, and nothing was done
	Refused       bool          // what a provider sent back proves nobody
	NoProvider    bool          // it cannot be asked now
	NoOperator    bool          // who logged in there is no operator
	Welcome       string        // the name of who has just logged in there
	LoggedOut     bool          // by this very click
}

// wrong says that nobody is let in.
func (p AdminLogin) wrong() string {
	if p.Names {
		return "No operator has this name and password."
	}
	return "This is not the admin password."
}

// elsewhere says why a login at a provider let nobody in; empty if there was none.
func (p AdminLogin) elsewhere() string {
	switch {
	case p.Refused:
		return "The login was not completed, or took too long. Start it again from here."
	case p.NoProvider:
		return "Your organisation’s login cannot be reached now. The log says why."
	case p.NoOperator:
		return "You have an account there, but are no operator here. Who runs this service gives roles, in its " +
			"configuration."
	}
	return ""
}

// AdminOverview is the first page: the state of the store and the relays, and the numbers of the sites.
type AdminOverview struct {
	Store  AdminStore
	Relays []AdminRelay // none: nothing is known of relays
	Days   int          // how many days the sites' numbers cover, today included
	Sites  []AdminSite
	Now    time.Time

	Jobs    []AdminFact
	Unusual []AdminUnusual // the worst first; none: all is as it should be
	Flow    AdminFlow
	Lights  []AdminLight
}

// unusualSays says how many things are unusual.
func (p AdminOverview) unusualSays() string {
	if len(p.Unusual) == 1 {
		return "One thing is not as it should be."
	}
	return strconv.Itoa(len(p.Unusual)) + " things are not as they should be."
}

// AdminStore says whether what is accepted now will last. With a Setting, it will not until that setting of the server
// is mended.
type AdminStore struct {
	Unreachable              bool
	Setting, Have, Want, Fix string
}

// AdminRelay is a mail server as one process sees it.
type AdminRelay struct {
	Address     string    // host:port
	PausedSince time.Time // zero: it takes emails
	Refused     int       // recipients' domains for which it refuses us
	Words       string    // its last, that say why
}

// AdminSite is what was counted at a site.
type AdminSite struct {
	ID, Name     string
	Pending      BoundedCount // now
	FailedEvents BoundedCount // now
	HasEndpoints bool
	Unreadable   []string // ids of records that were met and do not open

	// Of the last AdminOverview.Days.
	Signups, Emails, Confirmations, Declines, Expired, Undeliverable int64

	ConfirmedPercent int    // of the signups; negative: unknown
	MedianBucket     string // name of the bucket that has the median time to confirm; empty: nobody confirmed
}

// BoundedCount is a number that was counted up to a limit only.
type BoundedCount struct {
	N    int
	More bool // there are more than N
}

// AdminWebhooks lists the failed events of a site's endpoints.
type AdminWebhooks struct {
	ID, Name     string // of the site
	HasEndpoints bool
	Events       []AdminFailedEvent
	Continued    bool          // these are not the first
	Next         string        // path of the page with the next ones; empty: there are none
	Requeued     *BoundedCount // how many events the button that was pressed has requeued; nil: none was pressed
	Now          time.Time
}

// requeuedSays says what becomes of the events that were requeued.
func (p AdminWebhooks) requeuedSays() string {
	says := "They are"
	if p.Requeued.N == 1 {
		says = "It is"
	}
	says += " due now. An event that is refused again is retried for nine days."
	if p.Requeued.More {
		says += " There are more: press the button once more."
	}
	return says
}

// AdminFailedEvent is an event that was given up. Type and At are empty if it can no longer be decrypted.
type AdminFailedEvent struct {
	ID, Type, Endpoint string
	At                 time.Time
}

// AdminTexts is what a site puts to people in one of its languages: statements as they stand in the records by their
// hashes, and emails with canned data.
type AdminTexts struct {
	ID, Name   string // of the site
	Lang, Dir  string // of the texts
	Unreviewed bool   // nobody has reviewed our words in this language
	Languages  []AdminLanguage
	Statements []AdminStatement
	Emails     []AdminSample
}

// AdminLanguage is a language by its tag, and by its name in that language.
type AdminLanguage struct{ Tag, Name string }

// AdminStatement is what is put to people about a purpose.
type AdminStatement struct {
	Purpose, Text, TextChild, SHA256 string
	Since                            time.Time // zero: not known yet
}

// AdminSample is an email with canned data.
type AdminSample struct {
	Name, Subject, Text string
	SHA256              string    // of what the site's emails of this kind have in common; empty: it sends none
	Since               time.Time // zero: none was sent yet
}

// AdminFailure is any error of the dashboard, by HTTP status.
type AdminFailure struct{ Status int }

func (AdminLogin) admin() string    { return "login" }
func (AdminOverview) admin() string { return "overview" }
func (AdminWebhooks) admin() string { return "webhooks" }
func (AdminTexts) admin() string    { return "texts" }
func (AdminFailure) admin() string  { return "failure" }

// TextsPath is that of the site's page of texts.
func (s AdminSite) TextsPath() string { return adminTextsPath(s.ID) }

// Path is the page's own, in the site's first language.
func (p AdminTexts) Path() string { return adminTextsPath(p.ID) }

// Frame is the path of an email itself.
func (p AdminTexts) Frame(e AdminSample) string {
	return "/admin/sites/" + p.ID + "/email?" + url.Values{"lang": {p.Lang}, "name": {e.Name}}.Encode()
}

func adminTextsPath(site string) string { return "/admin/sites/" + site + "/texts" }

// Path is that of the site's page of webhooks.
func (s AdminSite) Path() string { return adminWebhooksPath(s.ID) }

// Path is the page's own, where its forms post to.
func (p AdminWebhooks) Path() string { return adminWebhooksPath(p.ID) }

func adminWebhooksPath(site string) string { return "/admin/sites/" + site + "/webhooks" }

// adminLink is a view of the dashboard that its navigation leads to.
type adminLink struct{ Name, Path, Label string }

// adminViews lists the views that an operator may see, in the order of the navigation.
func adminViews(v AdminViewer) []adminLink {
	all := []adminLink{
		{"overview", "/admin", "Now"},
		{"pending", "/admin/pending", "Pending"},
		{"emails", "/admin/emails", "Emails"},
		{"endpoints", "/admin/webhooks", "Webhooks"},
		{"people", "/admin/people", "People"},
		{"trends", "/admin/trends", "Trends"},
	}
	if v.Rules {
		all = append(all, adminLink{"audit", "/admin/audit", "Audit"})
	}
	return all
}

// moment writes a time in UTC, to the minute.
func moment(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

// rfc3339 writes a time for a time element.
func rfc3339(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// Ago writes how long ago something was, rounded down.
func Ago(now, at time.Time) string {
	if d := now.Sub(at); d >= time.Minute {
		return largestUnit(d) + " ago"
	}
	return "just now" // or, by another machine's clock, in a moment
}

// DurationInWords writes how long something takes, rounded up.
func DurationInWords(d time.Duration) string {
	if d <= time.Minute {
		return Count(max(1, ceilDiv(d, time.Second)), "second")
	}
	return largestUnit(d + time.Minute - 1)
}

// largestUnit writes a minute or more in its largest unit, up to two days in hours.
func largestUnit(d time.Duration) string {
	switch {
	case d < time.Hour:
		return Count(int(d/time.Minute), "minute")
	case d <= 48*time.Hour:
		return Count(int(d/time.Hour), "hour")
	}
	return Count(int(d/(24*time.Hour)), "day")
}

// Count writes a number of things, or of people or leaves.
func Count(n int, singular string) string {
	switch {
	case n == 1:
		return "1 " + singular
	case singular == "person":
		return strconv.Itoa(n) + " people"
	case singular == "leaf":
		return strconv.Itoa(n) + " leaves"
	}
	return strconv.Itoa(n) + " " + singular + "s"
}

// bounded writes a number that may be a limit.
func bounded(c BoundedCount) string {
	if c.More {
		return fmt.Sprintf("more than %d", c.N)
	}
	return strconv.Itoa(c.N)
}

// BucketInWords writes a bucket of the time to confirm. A bucket that it does not know is written by its name.
func BucketInWords(bucket string) string {
	words, ok := map[string]string{
		"":      "–",
		"1m":    "under a minute",
		"10m":   "1 to 10 minutes",
		"1h":    "10 minutes to an hour",
		"24h":   "1 to 24 hours",
		"later": "over a day",
	}[bucket]
	if !ok {
		return bucket
	}
	return words
}
