package consent

import (
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// What is counted, each by the UTC day of the act. Those of purposes have the purpose's id behind a slash as well, so that a press
// that confirms two purposes is one of CountConfirmations and one of each of its purposes.
const (
	CountSignups       = "signups"       // requests that were opened; a signup for what is pending or confirmed already opens none
	CountEmails        = "emails"        // letters with a link that a relay took
	CountConfirmations = "confirmations" // presses that confirmed something
	CountDeclines      = "declines"
	CountWithdrawals   = "withdrawals" // acts that took a consent back, but for a decline
	CountExpiries      = "expiries"    // requests that nobody pressed
	CountUndeliverable = "undeliverable"
	CountBounces       = "bounces"         // those of CountUndeliverable that a report told, after a relay had taken the letter
	CountComplaints    = "complaints"      // reports of spam that took a consent back or closed a request
	CountReminders     = "reminders"       // letters that were owed once more because nobody had pressed
	CountSeconds       = "confirm_seconds" // from the signup, or renewal, to its press, summed up
	CountWithin        = "confirm_within"  // presses by how long they took: one of Buckets behind a slash
)

// Bucket counts the presses that took less than Under, and no less than the bucket before.
type Bucket struct {
	Name  string
	Under time.Duration
}

// Buckets are those of the time to confirm, the shortest first; the last one has no end.
func Buckets() []Bucket {
	return []Bucket{
		{"1m", time.Minute}, {"10m", 10 * time.Minute}, {"1h", time.Hour}, {"24h", 24 * time.Hour}, {"later", 1<<63 - 1},
	}
}

// counts are added up under their names.
type counts struct {
	day string
	all []store.Count
}

func (c *counts) add(name string, n int64) {
	i := slices.IndexFunc(c.all, func(o store.Count) bool { return o.Name == name })
	switch {
	case n <= 0:
	case i < 0:
		c.all = append(c.all, store.Count{Day: c.day, Name: name, N: n})
	default:
		c.all[i].N += n
	}
}

// each adds one to a name, and one for each of some purposes.
func (c *counts) each(name string, of []Statement) {
	c.add(name, 1)
	for _, sh := range of {
		c.add(name+"/"+sh.Purpose, 1)
	}
}

// tally is what one act is counted as: read from the difference that it made, so that nothing is counted that was not committed.
func Counts(before, after Subscription) []store.Count {
	c := &counts{day: after.Changed.UTC().Format(time.DateOnly)}
	for _, r := range after.Requests {
		c.request(before.Request(r.ID), r)
	}
	for _, r := range before.Requests {
		// What expired and was forgotten in one act, because its deadline and its grace had passed.
		if r.State == Pending && after.Request(r.ID) == nil && !r.Deadline.After(after.Changed) {
			c.add(CountExpiries, 1)
		}
	}
	c.grants(before, after)
	if before.Declined == nil && after.Declined != nil {
		c.add(CountDeclines, 1)
	}
	if after.complained().After(before.complained()) {
		c.add(CountComplaints, 1)
	}
	return c.all
}

// request counts what became of one request; was is nil if it is new.
func (c *counts) request(was *Request, is Request) {
	if was == nil {
		if is.Renewed == nil {
			c.each(CountSignups, is.Statements)
		}
		was = &Request{State: Pending}
	}
	if is.Delivery != nil && (was.Delivery == nil || !was.Delivery.At.Equal(is.Delivery.At)) {
		c.add(CountEmails, 1)
	}
	if !is.RemindedAt.Equal(was.RemindedAt) {
		c.add(CountReminders, 1)
	}
	if was.State != Pending {
		return
	}
	switch is.State {
	case Expired:
		c.add(CountExpiries, 1)
	case Undeliverable:
		c.add(CountUndeliverable, 1)
		if is.Closed.How == ByReport {
			c.add(CountBounces, 1)
		}
	}
}

// grants counts what was given and taken back.
func (c *counts) grants(before, after Subscription) {
	var given, ended []Statement
	var by string
	for _, g := range after.Consents {
		same := func(o Consent) bool { return o.Request == g.Request && o.Purpose == g.Purpose }
		i := slices.IndexFunc(before.Consents, same)
		switch {
		case i < 0:
			given, by = append(given, g.Statement), g.Request
		case before.Consents[i].State == Confirmed && g.State == Withdrawn:
			ended = append(ended, g.Statement)
		}
	}
	if len(given) > 0 {
		c.each(CountConfirmations, given)
		c.took(after.Changed.Sub(after.Request(by).opened()))
	}
	if len(ended) > 0 {
		c.each(CountWithdrawals, ended)
	}
}

// took counts how long it was from a signup to its press.
func (c *counts) took(d time.Duration) {
	c.add(CountSeconds, int64(d/time.Second)) // replicas' clocks may disagree: less than nothing is nothing
	for _, b := range Buckets() {
		if d < b.Under {
			c.add(CountWithin+"/"+b.Name, 1)
			return
		}
	}
}

// opened is when the request was made: signed up, or renewed.
func (r *Request) opened() time.Time {
	if r.Renewed != nil {
		return r.Renewed.At
	}
	return r.Asked.At
}
