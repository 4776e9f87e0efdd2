package confirm

import (
	"context"
	"errors"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Retained is what a step of Clock.Retain did, in subscriptions.
type Retained struct {
	Read       int
	Cut        int // something of the evidence was deleted: IPs, or proof that is no longer needed
	Erased     int
	Superseded int // newer revisions had ended consents, which is stored now, and a leaf of the consent log
	Dated      int // consents from before their site had a validity have an end now
	Unreadable int
}

// Add adds what another step did.
func (r *Retained) Add(o Retained) {
	r.Read, r.Cut, r.Erased = r.Read+o.Read, r.Cut+o.Cut, r.Erased+o.Erased
	r.Superseded, r.Unreadable = r.Superseded+o.Superseded, r.Unreadable+o.Unreadable
	r.Dated += o.Dated
}

// Retain applies the retention of the options to a page of at most limit subscriptions of a site, the newest first. It
// returns where the next page begins; zero after the last one. A subscription that it has nothing to do for is only
// read.
func (c *Clock) Retain(
	ctx context.Context, site string, from store.Cursor, limit int,
) (did Retained, next store.Cursor, err error) {
	page, err := c.Store.List(ctx, store.Query{Site: site, Limit: limit, Before: from})
	if err != nil {
		return did, from, err
	}
	for _, rec := range page.Records {
		did.Read++
		err := c.retain(ctx, rec, &did)
		if errors.Is(err, ErrUnreadable) {
			did.Unreadable++
			err = nil
		}
		if err != nil {
			return did, from, err
		}
	}
	return did, page.Next, nil
}

func (c *Clock) retain(ctx context.Context, rec store.Record, did *Retained) error {
	k := known{record: rec}
	var err error
	if k.subscription, k.raw, err = c.openWith(c.sealer.box(rec.Key), rec); err != nil {
		return c.notes.note(ctx, err)
	}
	site := rec.Key.Site
	retain := consent.Retain{
		Retention: c.Retention, Revised: k.raw.Consents.IsSupersededBy(c.revisions.of[site], c.revisions.sinceOf(site)),
		Validity: c.sites[site].Terms.Validity,
	}
	would, err := consent.Apply(k.subscription, retain, c.Now())
	if err != nil || !would.Changed {
		return err
	}
	res, err := c.applyFrom(ctx, k, retain, extra{})
	if err != nil || !res.changed {
		return err
	}
	address := k.subscription.Address
	switch {
	case !address.IsZero() && res.after.Address.IsZero():
		did.Erased++
		err = c.forget(ctx, rec.Key, address, &res.after)
	case retain.Revised:
		did.Superseded++
	case k.subscription.Consents.LackEnd() && !res.after.Consents.LackEnd():
		did.Dated++
	default:
		did.Cut++
	}
	return err
}
