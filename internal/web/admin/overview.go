package admin

import (
	"context"
	"errors"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// What the dashboard reads.
const (
	overviewDays = 7   // of statistics, today included
	PendingRead  = 100 // records that are read of a site to count what is pending
	EventsRead   = 50  // failed events on one page, and those that are read to count them
)

// storeStatus returns whether the store is ready, as /readyz does.
func (n *Now) storeStatus() dashboard.Store {
	err := n.Ready()
	if u := new(store.UnsafeError); errors.As(err, &u) {
		return dashboard.Store{Fault: u.Fault(), Fix: u.Fix, Incomplete: u.Incomplete}
	}
	return dashboard.Store{Unreachable: err != nil}
}

// siteStatus returns the counts of a site, those of the last days among others. It opens no record except those that
// did not open.
func (n *Now) siteStatus(ctx context.Context, s Site, days []confirm.Day) (shown dashboard.Site, err error) {
	shown = dashboard.Site{ID: s.ID, Name: s.Name, HasEndpoints: s.HasEndpoints}
	sumDays(&shown, days)
	if shown.Unreadable, err = n.Service.Website.Unreadable(ctx, s.ID); err != nil {
		return shown, err
	}
	pending, err := n.Store.List(ctx, store.Query{Site: s.ID, State: string(consent.Pending), Limit: PendingRead})
	if err != nil {
		return shown, err
	}
	shown.Pending = dashboard.BoundedCount{N: len(pending.Records), More: pending.Next != store.Cursor{}}
	failed, next, err := n.Webhooks.Failed(ctx, s.ID, "", EventsRead)
	shown.FailedEvents = dashboard.BoundedCount{N: len(failed), More: next != ""}
	return shown, err
}

// sumDays adds up the counts of all days.
func sumDays(shown *dashboard.Site, days []confirm.Day) {
	within, sum := map[string]int64{}, confirm.Day{}
	for _, day := range days {
		addDay(&sum, day)
		for _, in := range day.TimeToConfirm.Within {
			within[in.Under] += in.Count
		}
	}
	shown.Signups, shown.Emails, shown.Confirmations = sum.Signups, sum.Emails, sum.Confirmations
	shown.Declines, shown.Expired, shown.Undeliverable = sum.Declines, sum.Expired, sum.Undeliverable
	shown.ConfirmedPercent = -1
	// Where more were confirmed than signed up, those of earlier signups are among them.
	if shown.Signups > 0 && shown.Confirmations <= shown.Signups {
		shown.ConfirmedPercent = int(100 * shown.Confirmations / shown.Signups)
	}
	shown.MedianBucket = medianBucket(within)
}

// medianBucket returns the bucket of the median; of two middle confirmations, the quicker one's.
func medianBucket(within map[string]int64) string { return quantile(within, 50) }

// quantile returns the bucket within which so many percent have confirmed; empty if nobody has.
func quantile(within map[string]int64, percent int64) string {
	var all, before int64
	for _, n := range within {
		all += n
	}
	for _, b := range consent.ConfirmTimeBuckets() {
		if before += within[b.Name]; all > 0 && 100*before >= percent*all {
			return b.Name
		}
	}
	return ""
}
