package admin

import (
	"fmt"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/templates/dashboard"
)

// flow is what was counted at all sites in a period, and in the one before.
type flow struct {
	of          period
	now, before confirm.Day
	within      map[string]int64 // confirmations by how long they took
}

func newFlow(of period) *flow { return &flow{of: of, within: map[string]int64{}} }

// add adds what was counted at a site.
func (f *flow) add(counted []confirm.Day, now time.Time) {
	from, before := f.of.from(now)
	for _, one := range counted {
		switch {
		case !one.At.Before(from):
			addDay(&f.now, one)
			for _, in := range one.TimeToConfirm.Within {
				f.within[in.Under] += in.Count
			}
		case !one.At.Before(before):
			addDay(&f.before, one)
		}
	}
}

// addDay adds the counts of one day to a sum.
func addDay(sum *confirm.Day, day confirm.Day) {
	sum.Signups += day.Signups
	sum.Emails += day.Emails
	sum.Confirmations += day.Confirmations
	sum.Declines += day.Declines
	sum.Expired += day.Expired
	sum.Undeliverable += day.Undeliverable
}

// shown returns the flow as it is shown: each number as a bar beside that of the time before, and as a part of the
// signups.
func (f *flow) shown() dashboard.Flow {
	shown := dashboard.Flow{Before: f.of.before, Times: f.times()}
	for _, p := range periods() {
		shown.Periods = append(shown.Periods, dashboard.Option{
			Value: "/admin?of=" + p.word, Label: p.label, Chosen: p.word == f.of.word,
		})
	}
	most := max(f.now.Signups, f.now.Emails, f.before.Signups, f.before.Emails, 1)
	row := func(label, class string, now, before, of int64) {
		shown.Rows = append(shown.Rows, dashboard.FlowRow{
			Label: label, Class: class, N: now, Before: before, Rate: percentOf(now, of), Change: change(now, before),
			Width: width(now, most), WidthBefore: width(before, most),
		})
	}
	n, b := f.now, f.before
	row("Signups", "", n.Signups, b.Signups, 0)
	row("Emails taken by a relay", "", n.Emails, b.Emails, 0)
	row("Confirmed", "good", n.Confirmations, b.Confirmations, n.Signups)
	row("Declined", "bad", n.Declines, b.Declines, n.Signups)
	row("Expired", "warn", n.Expired, b.Expired, n.Signups)
	row("Undeliverable", "bad", n.Undeliverable, b.Undeliverable, n.Signups)
	return shown
}

// times returns how long it took to confirm; without rows if nobody did.
func (f *flow) times() (t dashboard.Times) {
	var all, most int64
	for _, n := range f.within {
		all, most = all+n, max(most, n)
	}
	if all == 0 {
		return t
	}
	t.Median, t.P90 = quantile(f.within, 50), quantile(f.within, 90)
	for _, b := range consent.ConfirmTimeBuckets() {
		n := f.within[b.Name]
		t.Rows = append(t.Rows, dashboard.FlowRow{
			Label: dashboard.BucketInWords(b.Name), N: n, Rate: percentOf(n, all), Width: width(n, most),
		})
	}
	return t
}

// width returns how long a bar is, in thousandths of the longest one; a number that is not zero can be seen.
func width(n, most int64) int {
	if n == 0 {
		return 0
	}
	return int(max(4, min(1000, 1000*n/most)))
}

// percentOf writes a part of a whole, rounded to the nearest percent, but neither nothing nor all where it is not. It
// is empty where it would say nothing: those of an earlier time may be among the part.
func percentOf(part, whole int64) string {
	switch {
	case whole <= 0 || part > whole:
		return ""
	case part > 0 && 200*part < whole:
		return "under 1 %"
	case part < whole && 200*part >= 199*whole:
		return "over 99 %"
	}
	return fmt.Sprintf("%d %%", (200*part+whole)/(2*whole))
}

// change writes how a number differs from the one before it.
func change(now, before int64) string {
	switch {
	case before == 0 && now == 0:
		return ""
	case now == before:
		return "as before"
	case before == 0:
		return "none before"
	case now > 3*before:
		return fmt.Sprintf("%d times as many", now/before)
	case now > before:
		return fmt.Sprintf("up %d %%", max(1, (200*(now-before)+before)/(2*before)))
	}
	return fmt.Sprintf("down %d %%", max(1, (200*(before-now)+before)/(2*before)))
}
