// Package confirm is the rules of the game: who has said yes, and what may happen next.
//
// A rule is a pure function of what is known (a Subscription), of one act (a Signup, a Press, …) and of the time. It answers
// with what is known afterwards and with what is owed because of it. Apply carries one act out; Service does so on a store,
// atomically, and is all that the rest of the program calls.
//
//	act           who does it                        what it does
//	Signup        anybody, by a form                 opens a request: its own link, texts, evidence, deadline; owes a letter
//	Press         the mailbox, by the letter's link  confirms the purposes of that request
//	Decline       the mailbox                        closes everything; no letter from this site until Lift
//	Lift          the mailbox                        letters may come again; confirms nothing
//	Renewal       the mailbox, by an expired link    opens the same request anew, with its first evidence; owes a letter
//	Withdrawal    the mailbox, by any later letter,  takes back one purpose or all
//	              or the website's server
//	Resend        the website's server               owes the letter of the latest open request again, with the same link
//	Erasure       the website's server               forgets the person, but not that they declined or took back
//	Delivered     the relay                          keeps its answer as evidence
//	Bounce        the relay, or a report of a mail   the same; a refusal for good closes the request
//	              system that a letter came to later
//	Complaint     the mailbox, by a report of its    takes back all and closes what is open
//	              mail system
//	Lapse         the clock                          before every act, what is past its deadline is closed; by itself it owes one
//	              reminder of the latest open request, where the site wants that
//
// What always holds, whatever acts come in whatever order:
//
//  1. Nothing is confirmed but by a Press on a request that asked for it.
//  2. A Signup never changes or takes away what is confirmed, nor any request that is open.
//  3. Declined holds until Lift, withdrawn until a new Signup and a new Press.
//  4. Letters keep to the site's limits for one address, exactly. A request's letter comes once more at most without being asked for.
//  5. The same act done twice is done once.
//  6. Who was erased stays so until a new Signup, and a refusal outlives the person's data.
//
// What an act is counted as (tally) is read from the difference it made, and committed with it.
//
// The rules know one subscription. What spans many is kept by Service, in buckets of the store that replicas share: the letters to one
// mailbox over all sites, whatever way it is spelled (Place); the letters of a site and of the whole service, where an act that owes no
// letter gives back what it took (budgets); and whether a site has so many signups that they must come with a challenge (Calm). None of
// it can be read from an answer to a signup, but that there is no more room now for anybody.
//
// Personal data leaves this package towards a store only sealed; a store's key is a keyed hash that names nobody.
package consent

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Errors of acts that a link's holder is told about, each on a page of its own.
var (
	// ErrExpired says that the link's time is over. The request may be renewed while it is still known.
	ErrExpired = errors.New("consent: this link has expired")
	// ErrGone says that nothing is known any more of what the link was for.
	ErrGone = errors.New("consent: nothing is known any more of what this link was for")
	// ErrDeclined says that the person wants no letters from this site.
	ErrDeclined = errors.New("consent: letters from this site were declined")
	// ErrWithdrawn says that what the link confirmed, or would have, was taken back.
	ErrWithdrawn = errors.New("consent: this consent was taken back")
)

// Bounds of what one subscription holds, so that nobody can make it grow without end.
const (
	// MaxOpen is how many requests of one subscription may be open at once that ask the same again; with others, twice as many.
	MaxOpen = 8
	// MaxWait is how long a letter may wait for the limits to allow it: nobody books a mailbox for longer.
	MaxWait = 24 * time.Hour
	// MaxClosed is how many closed requests are kept that prove no grant.
	MaxClosed = 8
	// MaxConsents is how many grants are kept with the subscription; the oldest that ended go first.
	MaxConsents = 16
	// MaxEmails is the greatest N that a limit on letters to one address may have.
	MaxEmails = 100
	// Grace is how long after its deadline a request can be renewed; then everything personal about it is gone.
	Grace = 7 * 24 * time.Hour
	// NoticeEvery is how seldom somebody who is confirmed already is told so.
	NoticeEvery = 24 * time.Hour
)

// Act is one thing that happens to a subscription.
type Action interface {
	// on changes s, which is the caller's own copy, and answers what is owed because of it. An act that comes a second time changes
	// nothing and owes nothing.
	on(s *Subscription, now time.Time) ([]Job, error)
}

// Apply lets the clock act, then carries out an act, on a copy of s. On an error nothing has changed. Changed tells whether
// anything differs afterwards.
func Apply(s Subscription, a Action, now time.Time) (after Subscription, owed []Job, changed bool, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	before, err := json.Marshal(s)
	if err != nil {
		return s, nil, false, err
	}
	if err := json.Unmarshal(before, &after); err != nil {
		return s, nil, false, err
	}
	owed = after.lapse(now)
	after.prune(now)
	more, err := a.on(&after, now)
	if err != nil {
		return s, nil, false, err
	}
	owed = slices.Concat(owed, more, after.wind(now))
	then, err := json.Marshal(after)
	if err != nil {
		return s, nil, false, err
	}
	if changed = string(then) != string(before); changed {
		after.Changed = now
	}
	return after, owed, changed, nil
}

// Duty is the kind of thing that is owed.
type JobType string

// The duties.
const (
	JobConfirmEmail JobType = "confirm" // the letter with the link
	JobKnownEmail   JobType = "known"   // the letter that says: you agreed already, and here is how to take it back
	JobEvent        JobType = "tell"    // the website is told
	JobExpire       JobType = "clock"   // a Lapse is to be tried
)

// Owed is one thing that is owed because of an act. No act owes more than one letter.
type Job struct {
	Type    JobType
	Request string    // of JobConfirmEmail
	Event   EventType // of JobEvent
	Due     time.Time // not before; zero: now
}

// Event is what a website is told. A pending subscription is never announced.
type EventType string

// The events.
const (
	EventConfirmed     EventType = "subscription.confirmed"
	EventDeclined      EventType = "subscription.declined"
	EventWithdrawn     EventType = "subscription.withdrawn"
	EventExpired       EventType = "subscription.expired"
	EventUndeliverable EventType = "subscription.undeliverable"
	EventErased        EventType = "subscription.erased"
)

func tell(e EventType) []Job { return []Job{{Type: JobEvent, Event: e}} }
