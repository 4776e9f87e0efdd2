// Package consent is the rules of double opt-in: who has said yes, and what may happen next.
//
// A rule is a pure function of what is known (a Subscription), one Action and the time. Apply returns what is known
// afterwards and what follows from it: jobs to be done and events for the website. The package reads no clock and does
// no I/O; of package store it uses the types Limit and Count alone.
//
// A Subscription keeps all that happened to it, and nothing is overwritten: see there.
//
//	action      by                                  what it does
//	Signup      anybody, with a form                opens a request with its own link, evidence and deadline
//	Confirm     the mailbox, with an email's link   turns what the request asked for into consents
//	Decline     the mailbox, with an email's link   ends every consent, closes every request; no email until Unblock
//	Unblock     the mailbox, with an email's link;  emails may come again; confirms nothing
//	            the website, after Object
//	Renew       the mailbox, with an expired link   opens a new request for the same, with the first one's evidence
//	Withdraw    the mailbox, with the link that     takes back one purpose or all
//	            unsubscribes, or the website
//	Object      the website, for the person         ends the consents to some purposes or all; no email about
//	                                                them until Unblock
//	ClaimRight  the mailbox, with the link that     an email with a link to a copy of the data, or to their erasure
//	            unsubscribes
//	TakeCopy    the mailbox, with that link         notes that the copy was taken
//	Resend      the website                         the email of the latest open request again, with the same link
//	Use         the website                         notes that it relied on a consent today
//	Erase       the website                         forgets the person, but not that they declined or withdrew
//	Postpone    the mailer                          keeps a link good while its email waits for a limit
//	Tried       the relay                           keeps its answer as evidence: the email will be tried again
//	Delivered   the relay                           keeps its answer as evidence: it took the email
//	Signed      the mailer                          keeps how the emails of a confirmed request were signed
//	Bounced     the relay, or a mail system later   the email will never arrive: closes its request
//	Reported    a mail system later                 keeps as evidence why the email did not arrive this time
//	Complained  a mail system, for the mailbox      takes back everything and closes what is open
//	Notified    an endpoint of the website          keeps that it took an event
//	Suppressed  the mailer                          closes a request, since its mailbox declined in another spelling
//	Retain      the retention policy                cuts IPs to networks, deletes proof that is no longer needed
//	Expire      the clock                           one reminder of the latest open request, if the site wants it;
//	                                                asks whether to renew a consent whose validity ends
//	Move        a rotation of secrets               leaves the new id of a bare refusal in its place
//
// Before every action, what is past its deadline is closed, what is past its validity ended, and what nothing needs any
// more is deleted.
//
// For all actions in any order:
//
//  1. Nothing is confirmed but by a Confirm on a request that asked for it.
//  2. A Signup changes neither what is confirmed nor any open request.
//  3. Declined and objected hold until Unblock; withdrawn, and what was refused before an Unblock, holds until a new
//     Signup and a new Confirm.
//  4. The times at which emails are due keep to the site's limits for one address, exactly, until the person is erased.
//     Unless it is asked for again, a request's email comes at most twice: the second one is its reminder.
//  5. An action that is repeated at once changes nothing and causes no event, but that a Signup for which no email is
//     due is counted.
//  6. What the mailbox and the relays did is kept: confirmations, refusals, withdrawals, emails and answers are never
//     pushed out. A Signup for which no email is due is one more in a count.
//  7. A person who was erased stays unknown until a new Signup. That they declined or withdrew outlives their data.
//
// A Signup always yields one email job, whatever is known of the address, so nothing that a store does for it tells a
// stranger what that is. Whether the job's email is due is asked when the job runs: Subscription.EmailDue.
//
// Counts reads what an action is counted as from the difference that it made.
package consent

import (
	"errors"
	"slices"
	"time"
)

// Errors of actions by the holder of a link. Each has a page of its own.
var (
	// ErrExpired means that the link's time is over. The request may be renewed while it is still known.
	ErrExpired = errors.New("consent: this link has expired")
	// ErrUnknownRequest means that the request of the link is no longer known.
	ErrUnknownRequest = errors.New("consent: the request of this link is no longer known")
	// ErrDeclined means that the person wants no emails from this site.
	ErrDeclined = errors.New("consent: emails from this site were declined")
	// ErrNotAsked means that a purpose is not one that the request of the link asked for.
	ErrNotAsked = errors.New("consent: the request of this link did not ask for this purpose")
	// ErrWithdrawn means that what the link confirmed, or would confirm, was withdrawn.
	ErrWithdrawn = errors.New("consent: this consent was withdrawn")
)

// Bounds of one subscription, so that nobody can make it grow without end.
const (
	// MaxOpen is how many requests for the same purposes may be open at once. Requests for other purposes have as much
	// room again.
	MaxOpen = 8
	// MaxWait is the longest that an email may wait for the limits: nobody can book a mailbox further ahead.
	MaxWait = 24 * time.Hour
	// Grace is how long after its deadline a request can be renewed. Then everything personal about it is deleted.
	Grace = 7 * 24 * time.Hour
	// NoticeEvery is the least time between two emails that say "you confirmed already".
	NoticeEvery = 24 * time.Hour
	// deliveryTime is how long an email takes to its reader, at least: a link that ends sooner would arrive dead.
	deliveryTime = time.Minute

	// maxSize is how large a subscription may be, in bytes, for a request or an email to be added. What it holds is
	// proof and is not pushed out; what there is to say about what it holds already always has room beside it.
	maxSize = 128 << 10
	// largeSize is the size from which a new request is kept without what its signup says of itself. So a stranger
	// with long signups cannot fill up the room that the person's own signup needs: as many requests as the usual
	// limits allow fit between the two sizes.
	largeSize = 96 << 10
	// maxNotices is how many notices are kept, and noticeKept how long. When there are so many, none is added.
	maxNotices = 16
	noticeKept = 365 * 24 * time.Hour
)

// Action is one thing that happens to a subscription.
type Action interface {
	// apply changes s and returns what follows from it. An action that comes a second
	// time changes nothing and causes no event.
	apply(s *edit, now time.Time) (effects, error)
}

// effects is what follows from an action.
type effects struct {
	jobs    []Job
	events  []EventType
	forgets bool
}

// Change is what an action makes of a subscription.
type Change struct {
	Subscription Subscription // as it is afterwards
	Jobs         []Job        // to be done because of it; at most one
	Events       []EventType  // for the website, in order
	Changed      bool         // whether Subscription differs from what it was
	Forgets      bool         // jobs and events of earlier actions must not run any more
}

// Apply first closes what is past its deadline, then carries out the action, on a copy of s. With an error nothing has
// changed, and Change.Subscription is s as it was.
func Apply(s Subscription, a Action, now time.Time) (Change, error) {
	now = now.UTC().Truncate(time.Millisecond)
	after := s.clone()
	e := &edit{Subscription: &after}
	expired := e.closeExpired(now)
	e.prune(now)
	then, err := a.apply(e, now)
	if err != nil {
		return Change{Subscription: s}, err
	}
	if e.touched {
		after.Changed = now
	}
	return Change{
		Subscription: after, Jobs: then.jobs, Events: slices.Concat(expired, then.events), Changed: e.touched,
		Forgets: then.forgets,
	}, nil
}

// JobType says what a Job does.
type JobType string

// The job types.
const (
	JobEmail     JobType = "email"     // see whether an email is due, and send it
	JobSignature JobType = "signature" // keep the signatures of the emails of a request that was confirmed
)

// Job is a piece of work that an action makes necessary.
type Job struct {
	Type      JobType
	RequestID string    // the request, or the signup, that it is for
	Email     int       // of JobEmail: which email of the request, from 0
	Due       time.Time // not before; zero: now
}

func emailJob(request string, email int, due time.Time) []Job {
	return []Job{{Type: JobEmail, RequestID: request, Email: email, Due: due}}
}

// EventType is what a website is told. That a subscription is pending is never announced.
type EventType string

// The event types.
const (
	EventConfirmed     EventType = "subscription.confirmed"
	EventDeclined      EventType = "subscription.declined"
	EventWithdrawn     EventType = "subscription.withdrawn"
	EventExpired       EventType = "subscription.expired"
	EventUndeliverable EventType = "subscription.undeliverable"
	EventErased        EventType = "subscription.erased"
)

// EventTypes returns all of them.
func EventTypes() []EventType {
	return []EventType{
		EventConfirmed, EventDeclined, EventWithdrawn, EventExpired, EventUndeliverable, EventErased,
	}
}

func event(e EventType) effects { return effects{events: []EventType{e}} }
