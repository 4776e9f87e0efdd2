package confirm

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Operator is what operators of the service see of the people of all sites.
type Operator struct{ mailboxes }

// Pending is a subscription that waits for its confirmation: what its latest open request asks for, and what became of
// the emails of that.
type Pending struct {
	Site, ID string
	Address  address.Address
	Purposes []string
	Asked    time.Time
	Deadline time.Time
	Emails   int             // that a relay took
	Waits    bool            // one more is enqueued
	Due      time.Time       // of that one: when it was to leave, by what the limits allowed then
	Tries    int             // of that one: at which no relay took it
	Taken    time.Time       // the last of Emails; zero: none was
	Answer   *consent.Answer // the last by which an email was not delivered; nil: there is none
	Words    string          // the last words of a relay or a mail system

	At         store.Cursor // its place in the listing
	Unreadable bool         // its record does not open, so all but Site, ID and Asked is unknown
}

// DeliveryState is how far the emails of a pending subscription have come.
type DeliveryState string

// The delivery states. Others are the reasons of the last refusal of an email that still waits.
const (
	DeliveryUntried DeliveryState = "untried" // no relay has answered yet
	DeliveryTaken   DeliveryState = "taken"   // a relay took the last email
	DeliveryRefused DeliveryState = "refused" // for any reason
	DeliveryWaiting DeliveryState = "waiting" // an email is to leave yet, whether one was tried or not
)

// DeliveryStates returns all of them, in the order in which they are offered to choose from.
func DeliveryStates() []DeliveryState {
	all := []DeliveryState{DeliveryTaken, DeliveryWaiting, DeliveryUntried, DeliveryRefused}
	for _, r := range refusalCodes {
		if r != consent.RefusalRecipient { // which ends a request
			all = append(all, DeliveryState(r))
		}
	}
	return all
}

// Delivery returns how far the emails have come.
func (p Pending) Delivery() DeliveryState {
	switch {
	case p.Answer != nil && p.Answer.At.After(p.Taken):
		if p.Answer.Reason == "" {
			return DeliveryState(consent.RefusalUnknown)
		}
		return DeliveryState(p.Answer.Reason)
	case p.Waits:
		return DeliveryUntried
	}
	return DeliveryTaken
}

// NextTry returns about when the email that waits is tried next, by the waits between tries; zero if none waits, or if
// it is due. The limits on emails to its domain, and a relay that is paused, may make it later.
func (p Pending) NextTry(waits []time.Duration, now time.Time) (at time.Time) {
	switch {
	case !p.Waits:
		return at
	case p.Tries == 0 || p.Answer == nil || len(waits) == 0:
		at = p.Due
	default:
		at = p.Answer.At.Add(waits[min(p.Tries, len(waits))-1])
	}
	if !at.After(now) {
		return time.Time{}
	}
	return at
}

// PendingQuery asks for what is pending, newest first.
type PendingQuery struct {
	// Undeliverable asks, instead, for what has ended because the address takes no email.
	Undeliverable bool

	Sites    []string      // empty: at all sites
	Purpose  string        // only those that ask for it
	Domain   string        // only addresses at this domain, as A-labels
	Age      time.Duration // only those that wait for so long, or longer
	Delivery DeliveryState // only those whose emails have come so far
	Limit    int
	Before   store.Cursor
}

// PendingPage is one part of a listing. It may be shorter than the limit, and even empty, while Next is not zero: what
// is sealed is looked for among MaxPendingRead records at a time.
type PendingPage struct {
	All  []Pending
	Next store.Cursor // zero: there is nothing older
	Read int          // how many records were looked at
}

// MaxPendingRead is how many records are read for one page.
const MaxPendingRead = 2000

// Pending returns one page of what is pending.
func (o *Operator) Pending(ctx context.Context, q PendingQuery) (page PendingPage, err error) {
	now, from := o.Now(), q.Before
	if longAgo := now.Add(-q.Age); q.Age > 0 && (from.Created.IsZero() || from.Created.After(longAgo)) {
		from = store.Cursor{Created: longAgo.Add(time.Millisecond)}
	}
	for r, err := range o.newest(ctx, q.state(), q.Sites, from) {
		if err != nil {
			return PendingPage{}, err
		}
		if len(page.All) == q.Limit || page.Read == MaxPendingRead {
			page.Next = from
			return page, nil
		}
		from = store.Cursor{Created: r.Created, ID: r.Key.ID}
		page.Read++
		sub, err := o.open(ctx, r)
		p, ok := q.read(r.Key, &sub, now)
		if errors.Is(err, ErrUnreadable) {
			p, ok = Pending{Site: r.Key.Site, ID: r.Key.ID, Asked: r.Created, Unreadable: true}, true
		} else if err != nil {
			return PendingPage{}, err
		}
		if p.At = from; ok && q.matches(p, now) {
			page.All = append(page.All, p)
		}
	}
	return page, nil
}

func (q PendingQuery) state() consent.State {
	if q.Undeliverable {
		return consent.Undeliverable
	}
	return consent.Pending
}

func (q PendingQuery) read(key store.Key, sub *consent.Subscription, now time.Time) (p Pending, ok bool) {
	if q.Undeliverable {
		return undeliverableOf(key, sub)
	}
	return PendingOf(key, sub, now)
}

// newest returns the records that are stored with a state, of some sites or, without any, of all, newest first.
func (o *Operator) newest(
	ctx context.Context, state consent.State, of []string, before store.Cursor,
) iter.Seq2[store.Record, error] {
	var sites []string
	for _, s := range o.Sites {
		if len(of) == 0 || slices.Contains(of, s.ID) {
			sites = append(sites, s.ID)
		}
	}
	return func(yield func(store.Record, error) bool) {
		fronts := make([]front, len(sites))
		for i, id := range sites {
			fronts[i].ask = store.Query{Site: id, State: string(state), Limit: 200, Before: before}
		}
		for {
			newest := -1
			for i := range fronts {
				if err := fronts[i].fill(ctx, o.Store); err != nil {
					yield(store.Record{}, err)
					return
				}
				if len(fronts[i].left) > 0 && (newest < 0 || newer(fronts[i].left[0], fronts[newest].left[0])) {
					newest = i
				}
			}
			if newest < 0 || !yield(fronts[newest].left[0], nil) {
				return
			}
			fronts[newest].left = fronts[newest].left[1:]
		}
	}
}

// front is what was read of one site and not used yet.
type front struct {
	ask  store.Query
	left []store.Record
	end  bool
}

// fill reads the next page of the site if all of the last one is used.
func (f *front) fill(ctx context.Context, from store.Records) error {
	for len(f.left) == 0 && !f.end {
		page, err := from.List(ctx, f.ask)
		if err != nil {
			return err
		}
		f.left, f.ask.Before, f.end = page.Records, page.Next, page.Next == store.Cursor{}
	}
	return nil
}

// newer reports whether one record comes before another in a listing, as stores order them.
func newer(a, b store.Record) bool {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Key.ID, b.Key.ID)) > 0
}

// PendingOf returns what is pending of a subscription; false if nothing is any more.
func PendingOf(key store.Key, sub *consent.Subscription, now time.Time) (p Pending, ok bool) {
	r := sub.Requests.LatestOpen(now)
	if r == nil {
		return p, false
	}
	p = Pending{Site: key.Site, ID: key.ID, Address: r.Address, Asked: r.Asked.At, Deadline: r.Deadline}
	if r.Renewed != nil {
		p.Asked = r.Renewed.At
	}
	p.Purposes = r.Purposes()
	var spoke time.Time
	for i := range r.Emails {
		e := &r.Emails[i]
		if e.Taken == nil {
			p.Waits, p.Due, p.Tries = true, e.Due, e.Tries
		} else {
			p.Emails++
			p.Waits = false
			if p.Taken = e.Taken.At; p.Taken.After(spoke) {
				spoke, p.Words = p.Taken, e.Taken.Reply
			}
		}
		for n := range e.Answers {
			if a := &e.Answers[n]; a.At.After(spoke) {
				spoke, p.Words, p.Answer = a.At, a.Reply, a
			}
		}
	}
	return p, true
}

// undeliverableOf returns what of a subscription has ended because its address takes no email; false if nothing has.
func undeliverableOf(key store.Key, sub *consent.Subscription) (p Pending, ok bool) {
	for i := len(sub.Requests) - 1; i >= 0; i-- {
		r := &sub.Requests[i]
		if r.State != consent.Undeliverable || r.Closed == nil {
			continue
		}
		p = Pending{
			Site: key.Site, ID: key.ID, Address: r.Address, Asked: r.Asked.At, Deadline: r.Deadline,
			Purposes: r.Purposes(), Words: r.Closed.Reply,
			Answer: &consent.Answer{At: r.Closed.At, Reply: r.Closed.Reply, Reason: consent.RefusalRecipient},
		}
		for n := range r.Emails {
			e := &r.Emails[n]
			p.Tries = e.Tries
			if e.Taken != nil {
				p.Emails++
			}
			if e.Bounced != nil {
				p.Words = e.Bounced.Reply
			}
		}
		return p, true
	}
	return p, false
}

// matches reports whether a subscription belongs in the listing.
func (q PendingQuery) matches(p Pending, now time.Time) bool {
	if p.Unreadable {
		return q.Purpose == "" && q.Domain == "" && q.Delivery == "" && now.Sub(p.Asked) >= q.Age
	}
	delivery := p.Delivery()
	refused := q.Delivery == DeliveryRefused && delivery != DeliveryTaken && delivery != DeliveryUntried
	return (q.Purpose == "" || slices.Contains(p.Purposes, q.Purpose)) &&
		(q.Domain == "" || q.Domain == p.Address.Domain()) &&
		(q.Age == 0 || now.Sub(p.Asked) >= q.Age) &&
		(q.Delivery == "" || q.Delivery == delivery || refused || q.Delivery == DeliveryWaiting && p.Waits)
}
