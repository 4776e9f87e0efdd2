package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

const (
	overviewDays  = 7   // of statistics, today included
	pendingLooked = 100 // records that are read of a site to count what is pending
	parkedAtOnce  = 50  // events on one page, and those that are read to count them
)

// overview is the first room: the store, the relays, the sites.
func (s *Server) overview(w http.ResponseWriter, r *http.Request) error {
	page := templates.AdminOverview{Store: s.storeShown(r.Context()), Days: overviewDays, Now: s.opt.Now()}
	if s.opt.Admin.Relays != nil {
		for _, relay := range s.opt.Admin.Relays() {
			page.Relays = append(page.Relays, templates.AdminRelay{Address: relay.Address, PausedSince: relay.Paused})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.sites)) {
		shown, err := s.siteShown(r.Context(), s.sites[id])
		if err != nil {
			return err
		}
		page.Sites = append(page.Sites, shown)
	}
	return s.adminPage(w, http.StatusOK, page)
}

// storeShown is what /readyz says.
func (s *Server) storeShown(ctx context.Context) templates.AdminStore {
	err := s.ready(ctx)
	if u := new(store.UnsafeError); errors.As(err, &u) {
		return templates.AdminStore{Setting: u.Setting, Have: u.Have, Want: u.Want, Fix: u.Fix}
	}
	return templates.AdminStore{Unreachable: err != nil}
}

// siteShown is what is counted at a site, by little reading: no record is opened.
func (s *Server) siteShown(ctx context.Context, st *site) (shown templates.AdminSite, err error) {
	shown = templates.AdminSite{ID: st.id, Name: st.Show.Name, HasEndpoints: len(st.rules.EventQueues) > 0}
	today := s.opt.Now().UTC()
	days, err := s.opt.Service.Stats(ctx, st.id, today.AddDate(0, 0, 1-overviewDays).Format(time.DateOnly), today.Format(time.DateOnly))
	if err != nil {
		return shown, err
	}
	addUp(&shown, days)
	pending, err := s.opt.Store.List(ctx, store.Query{Site: st.id, State: string(consent.Pending), Limit: pendingLooked})
	if err != nil {
		return shown, err
	}
	shown.Pending = templates.BoundedCount{N: len(pending.Records), More: pending.Next != store.Cursor{}}
	parked, next, err := s.opt.Webhooks.Failed(ctx, st.id, "", parkedAtOnce)
	shown.FailedEvents = templates.BoundedCount{N: len(parked), More: next != ""}
	return shown, err
}

// addUp is what was counted on all days together.
func addUp(shown *templates.AdminSite, days []confirm.Day) {
	within := map[string]int64{}
	for _, d := range days {
		shown.Signups += d.Signups
		shown.Emails += d.Emails
		shown.Confirmations += d.Confirmations
		shown.Declines += d.Declines
		shown.Expired += d.Expired
		shown.Undeliverable += d.Undeliverable
		for _, in := range d.TimeToConfirm.Within {
			within[in.Under] += in.Count
		}
	}
	shown.ConfirmedPercent = -1
	if shown.Signups > 0 && shown.Confirmations <= shown.Signups { // more than all: those of before are among them
		shown.ConfirmedPercent = int(100 * shown.Confirmations / shown.Signups)
	}
	shown.MedianBucket = middle(within)
}

// middle is the bucket of the median; of two middle presses, the quicker one's.
func middle(within map[string]int64) string {
	var all, before int64
	for _, n := range within {
		all += n
	}
	for _, b := range consent.Buckets() {
		if before += within[b.Name]; all > 0 && 2*before >= all {
			return b.Name
		}
	}
	return ""
}
