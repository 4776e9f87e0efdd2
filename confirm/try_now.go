package confirm

import (
	"context"
	"errors"

	"github.com/optin/optin/store"
)

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
