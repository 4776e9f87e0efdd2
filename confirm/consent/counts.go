package consent

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// What is counted, each at the time of the action. Some are counted by dimensions as well (see DimensionPurpose): a
// confirmation of two purposes is one of CountConfirmations and one of each of its purposes.
const (
	CountSignups       = "signups"       // requests that were opened, except for renewals: not every signup opens one
	CountEmails        = "emails"        // emails with a link that a relay took
	CountConfirmations = "confirmations" // confirmations that made a consent
	CountDeclines      = "declines"
	CountObjections    = "objections"  // that the website passed on, of any channel
	CountWithdrawals   = "withdrawals" // actions that withdrew a consent, except for a decline
	CountExpiries      = "expiries"    // requests that nobody confirmed, except for those to renew a consent
	CountUndeliverable = "undeliverable"
	CountBounces       = "bounces"         // those of CountUndeliverable that a mail system reported later
	CountComplaints    = "complaints"      // spam reports that withdrew a consent or closed a request
	CountReminders     = "reminders"       // emails that were made due once more because nobody had confirmed
	CountRenewals      = "renewals"        // confirmations of what was confirmed and would have ended
	CountValidityEnded = "validity_ended"  // times at which consents ended by their validity
	CountSeconds       = "confirm_seconds" // from the signup, or renewal, to its confirmation, summed up
	CountWithin        = "confirm_within_" // confirmations by how long they took: a ConfirmTimeBucket follows
)

// The dimensions of signups and confirmations; withdrawals have DimensionPurpose, undeliverable ones DimensionProvider.
const (
	DimensionPurpose  = "purpose"  // its id: once for each that was asked for, or confirmed
	DimensionText     = "text"     // the hash of the statement (TextValue), likewise
	DimensionForm     = "form"     // of the website, if the site lists it; else OtherValue
	DimensionLanguage = "language" // of the statements
	DimensionProvider = "provider" // of the mailbox: see address.Address.Provider
)

// OtherValue is what is counted where a dimension's own value is not one of few, or could name somebody.
const OtherValue = "other"

// TextValue returns the hash of a statement as it is counted: in 43 characters of base64url in place of hexadecimal.
func TextValue(sha256 string) string {
	sum, err := hex.DecodeString(sha256)
	if err != nil || len(sum) != 32 {
		return OtherValue
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// TextSHA256 is the reverse of TextValue.
func TextSHA256(value string) string {
	sum, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(sum) != 32 {
		return OtherValue
	}
	return hex.EncodeToString(sum)
}

// ConfirmTimeBucket counts the confirmations that took less than Under, and no less than the bucket before.
type ConfirmTimeBucket struct {
	Name  string
	Under time.Duration
	count string // the name of its count
}

// ConfirmTimeBuckets returns those of the time to confirm, the shortest first; the last one has no end.
func ConfirmTimeBuckets() []ConfirmTimeBucket {
	return []ConfirmTimeBucket{
		{"1m", time.Minute, CountWithin + "1m"},
		{"10m", 10 * time.Minute, CountWithin + "10m"},
		{"1h", time.Hour, CountWithin + "1h"},
		{"24h", 24 * time.Hour, CountWithin + "24h"},
		{"later", 1<<63 - 1, CountWithin + "later"},
	}
}

// Counts returns what one action is counted as: read from the difference that it made, so that nothing is counted that
// was not committed. Forms are those that the site lists.
func Counts(before, after Subscription, forms map[string]bool) []store.Count {
	c := &counts{at: after.Changed, forms: forms}
	for i := range after.Requests {
		c.request(before.Requests.Find(after.Requests[i].ID), &after.Requests[i])
	}
	for i := range before.Requests {
		// What expired and was deleted in one action, because its deadline and its grace had passed.
		r := &before.Requests[i]
		if r.State == Pending && !r.IsRenewal() && after.Requests.Find(r.ID) == nil &&
			!r.Deadline.After(after.Changed) {
			c.add(CountExpiries, 1)
		}
	}
	c.consents(&before, &after)
	if before.Refusals.Declined() == nil && after.Refusals.Declined() != nil {
		c.add(CountDeclines, 1)
	}
	for i := range after.Objections {
		is := &after.Objections[i]
		if !is.isWithdrawal() && !slices.ContainsFunc(before.Objections, func(o Objection) bool { return is.same(o) }) {
			c.add(CountObjections, 1)
		}
	}
	if complainedAt(after).After(complainedAt(before)) {
		c.add(CountComplaints, 1)
	}
	return c.all
}

// counts adds up under names.
type counts struct {
	at    time.Time
	forms map[string]bool
	all   []store.Count
}

func (c *counts) add(name string, n int64) { c.addBy(name, "", "", n) }

func (c *counts) addBy(name, by, of string, n int64) {
	if n <= 0 {
		return
	}
	for i := range c.all {
		if o := &c.all[i]; o.Name == name && o.By == by && o.Of == of {
			o.N += n
			return
		}
	}
	if c.all == nil {
		c.all = make([]store.Count, 0, 12)
	}
	c.all = append(c.all, store.Count{At: c.at, Name: name, By: by, Of: of, N: n})
}

// purposes adds one to a name, and one for each of some purposes.
func (c *counts) purposes(name string, of []Statement) {
	c.add(name, 1)
	for i := range of {
		c.addBy(name, DimensionPurpose, of[i].Purpose, 1)
	}
}

// asked counts what a request asked for, or of it what was confirmed, by every dimension.
func (c *counts) asked(name string, r *Request, of []Statement) {
	c.purposes(name, of)
	for i := range of {
		c.addBy(name, DimensionText, TextValue(of[i].SHA256), 1)
	}
	form, language := r.Asked.Form, r.Locale
	if !c.forms[form] {
		form = OtherValue
	}
	if language == "" {
		language = OtherValue
	}
	c.addBy(name, DimensionForm, form, 1)
	c.addBy(name, DimensionLanguage, language, 1)
	c.addBy(name, DimensionProvider, c.provider(r), 1)
}

func (c *counts) provider(r *Request) string {
	if name := r.Address.Provider(); name != "" {
		return name
	}
	return OtherValue
}

// request counts what became of one request; was is nil if it is new.
func (c *counts) request(was, is *Request) {
	if was == nil {
		if is.Renewed == nil {
			c.asked(CountSignups, is, is.Statements)
		}
		was = &Request{State: Pending}
	}
	c.add(CountEmails, is.count(Email.wasTaken)-was.count(Email.wasTaken))
	c.add(CountReminders, is.count(Email.isReminder)-was.count(Email.isReminder))
	if was.State != Pending {
		return
	}
	switch {
	case is.State == Expired && !is.IsRenewal():
		c.add(CountExpiries, 1)
	case is.State == Undeliverable:
		c.add(CountUndeliverable, 1)
		c.addBy(CountUndeliverable, DimensionProvider, c.provider(is), 1)
		if is.Closed.How == ByReport {
			c.add(CountBounces, 1)
		}
	}
}

func (e Email) wasTaken() bool   { return e.Taken != nil }
func (e Email) isReminder() bool { return e.Reason == ReasonReminder }

// count returns how many emails of a request are such.
func (r *Request) count(such func(Email) bool) (n int64) {
	for _, e := range r.Emails {
		if such(e) {
			n++
		}
	}
	return n
}

// consents counts what was given and withdrawn.
func (c *counts) consents(before, after *Subscription) {
	var given, withdrawn []Statement
	var by string
	over := false
	for k := range after.Consents {
		is := &after.Consents[k]
		i := slices.IndexFunc(before.Consents, func(o Consent) bool {
			return o.RequestID == is.RequestID && o.Purpose == is.Purpose
		})
		over = over || i >= 0 && is.endedByValidity() && !before.Consents[i].endedByValidity()
		switch {
		case i < 0:
			given, by = append(given, is.Statement), is.RequestID
		case before.Consents[i].State != Withdrawn && is.State == Withdrawn:
			withdrawn = append(withdrawn, is.Statement)
		}
	}
	if over {
		c.add(CountValidityEnded, 1)
	}
	if r := after.Requests.Find(by); r != nil && r.IsRenewal() {
		c.add(CountRenewals, 1)
	} else if len(given) > 0 {
		c.asked(CountConfirmations, r, given)
		c.timeToConfirm(after.Changed.Sub(r.openedAt()))
	}
	if len(withdrawn) > 0 {
		c.purposes(CountWithdrawals, withdrawn)
	}
}

func (c *counts) timeToConfirm(d time.Duration) {
	c.add(CountSeconds, int64(d/time.Second)) // a negative time, from replicas whose clocks disagree, adds nothing
	for _, b := range ConfirmTimeBuckets() {
		if d < b.Under {
			c.add(b.count, 1)
			return
		}
	}
}

// complainedAt returns when a complaint last ended a consent or closed a request, as far as that is known; zero: never.
func complainedAt(s Subscription) (last time.Time) {
	look := func(e *Evidence) {
		if e != nil && e.How == ByComplaint && e.At.After(last) {
			last = e.At
		}
	}
	for _, r := range s.Requests {
		look(r.Closed)
	}
	for _, c := range s.Consents {
		look(c.Ended)
	}
	return last
}
