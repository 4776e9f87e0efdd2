package confirm

import (
	"context"
	"errors"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// undeliverableOf returns what of a subscription has ended because its address takes no email; false if nothing has.
func undeliverableOf(key store.Key, sub *consent.Subscription) (p Pending, ok bool) {
	for i := len(sub.Requests) - 1; i >= 0; i-- {
		r := &sub.Requests[i]
		if r.State != consent.Undeliverable || r.Closed == nil {
			continue
		}
		p = Pending{
			Site: key.Site, ID: key.ID, Address: r.Address, Asked: r.Asked.At, Deadline: r.Deadline,
			Purposes: purposesOf(r), Words: r.Closed.Reply,
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

// TryNow makes the email of somebody who is pending, which waits to be tried again or for the limits, due now. Limits
// and the pauses of relays hold all the same. It reports whether there was such an email: one that is just being tried
// is none.
func (o *Operator) TryNow(ctx context.Context, key store.Key) (bool, error) {
	sub, err := o.get(ctx, key)
	if err != nil {
		return false, err
	}
	r := sub.Requests.LatestOpen(o.Now())
	if r == nil {
		return false, nil
	}
	for n := range r.Emails {
		if r.Emails[n].Taken != nil {
			continue
		}
		for _, queue := range []store.QueueName{QueueEmailRetry, o.emailQueue(r.Address), QueueEmailMaybeSent} {
			err := o.Store.MakeDue(ctx, queue, emailID(key, r.ID, n), key)
			if !errors.Is(err, store.ErrNotFound) {
				return err == nil, err
			}
		}
	}
	return false, nil
}
