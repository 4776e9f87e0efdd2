package consent

import (
	"slices"
	"time"

	"github.com/optin/optin/store"
)

// What is counted, each by the UTC day of the action. Counts by purpose have the purpose's id behind a slash as well: a
// confirmation of two purposes is one of CountConfirmations and one of each of its purposes.
const (
	CountSignups       = "signups"       // requests that were opened, except for renewals: not every signup opens one
	CountEmails        = "emails"        // emails with a link that a relay took
	CountConfirmations = "confirmations" // confirmations that made a consent
	CountDeclines      = "declines"
	CountObjections    = "objections"  // that the website passed on, of any channel
	CountWithdrawals   = "withdrawals" // actions that withdrew a consent, except for a decline
	CountExpiries      = "expiries"    // requests that nobody confirmed
	CountUndeliverable = "undeliverable"
	CountBounces       = "bounces"         // those of CountUndeliverable that a mail system reported later
	CountComplaints    = "complaints"      // spam reports that withdrew a consent or closed a request
	CountReminders     = "reminders"       // emails that were made due once more because nobody had confirmed
	CountSeconds       = "confirm_seconds" // from the signup, or renewal, to its confirmation, summed up
	CountWithin        = "confirm_within"  // confirmations by how long they took: one of Buckets behind a slash
)

// ConfirmTimeBucket counts the confirmations that took less than Under, and no less than the bucket before.
type ConfirmTimeBucket struct {
	Name  string
	Under time.Duration
}

// ConfirmTimeBuckets returns those of the time to confirm, the shortest first; the last one has no end.
func ConfirmTimeBuckets() []ConfirmTimeBucket {
	return []ConfirmTimeBucket{
		{"1m", time.Minute},
		{"10m", 10 * time.Minute},
		{"1h", time.Hour},
		{"24h", 24 * time.Hour},
		{"later", 1<<63 - 1},
	}
}

// Counts returns what one action is counted as: read from the difference that it made, so that nothing is counted that
// was not committed.
func Counts(before, after Subscription) []store.Count {
	c := &counts{day: after.Changed.UTC().Format(time.DateOnly)}
	for _, r := range after.Requests {
		c.request(before.Requests.Find(r.ID), r)
	}
	for _, r := range before.Requests {
		// What expired and was deleted in one action, because its deadline and its grace had passed.
		if r.State == Pending && after.Requests.Find(r.ID) == nil && !r.Deadline.After(after.Changed) {
			c.add(CountExpiries, 1)
		}
	}
	c.consents(before, after)
	if before.Declined() == nil && after.Declined() != nil {
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
	for _, st := range of {
		c.add(name+"/"+st.Purpose, 1)
	}
}

// request counts what became of one request; was is nil if it is new.
func (c *counts) request(was *Request, is Request) {
	if was == nil {
		if is.Renewed == nil {
			c.each(CountSignups, is.Statements)
		}
		was = &Request{State: Pending}
	}
	c.add(CountEmails, is.count(Email.wasTaken)-was.count(Email.wasTaken))
	c.add(CountReminders, is.count(Email.isReminder)-was.count(Email.isReminder))
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
func (c *counts) consents(before, after Subscription) {
	var given, withdrawn []Statement
	var by string
	for _, is := range after.Consents {
		same := func(o Consent) bool { return o.RequestID == is.RequestID && o.Purpose == is.Purpose }
		i := slices.IndexFunc(before.Consents, same)
		switch {
		case i < 0:
			given, by = append(given, is.Statement), is.RequestID
		case before.Consents[i].State != Withdrawn && is.State == Withdrawn:
			withdrawn = append(withdrawn, is.Statement)
		}
	}
	if len(given) > 0 {
		c.each(CountConfirmations, given)
		c.timeToConfirm(after.Changed.Sub(after.Requests.Find(by).openedAt()))
	}
	if len(withdrawn) > 0 {
		c.each(CountWithdrawals, withdrawn)
	}
}

func (c *counts) timeToConfirm(d time.Duration) {
	c.add(CountSeconds, int64(d/time.Second)) // a negative time, from replicas whose clocks disagree, adds nothing
	for _, b := range ConfirmTimeBuckets() {
		if d < b.Under {
			c.add(CountWithin+"/"+b.Name, 1)
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
