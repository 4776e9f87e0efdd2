package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// Now has the handler of the first page: whether confirmations flow, and what to do if they do not.
type Now struct {
	*Dashboard
	read recent[dashboard.Overview]
}

// NewNow returns the first page of a dashboard.
func NewNow(d *Dashboard) *Now {
	return &Now{Dashboard: d, read: recent[dashboard.Overview]{age: d.Recent}}
}

// period is a time that the flow can be shown for.
type period struct {
	word, label, before string
	by                  store.CountPeriod
	n                   int // of these, the present one included
}

func periods() []period {
	return []period{
		{"hour", "Hour", "the hour before", store.ByMinute, 60},
		{"day", "24 hours", "the 24 hours before", store.ByHour, 24},
		{"week", "7 days", "the 7 days before", store.ByDay, 7},
		{"month", "30 days", "the 30 days before", store.ByDay, 30},
	}
}

// Periods returns the words of the periods that the flow can be shown for.
func Periods() (words []string) {
	for _, p := range periods() {
		words = append(words, p.word)
	}
	return words
}

// periodOf returns the period of a word; of any other, the week.
func periodOf(word string) period {
	for _, p := range periods() {
		if p.word == word {
			return p
		}
	}
	return periods()[2]
}

// from returns when the period begins, and the one before it.
func (p period) from(now time.Time) (from, before time.Time) {
	length := p.by.Length()
	from = p.by.Start(now).Add(-time.Duration(p.n-1) * length)
	return from, from.Add(-time.Duration(p.n) * length)
}

// Show is the page. Which time it is for is in the address. All who look within the same second see the same.
func (n *Now) Show(c echo.Context) error {
	q, err := request.ParseQuery(c, "of")
	if err != nil {
		return err
	}
	of := periodOf(q.OneOf("of", Periods()...))
	if err := q.Err(); err != nil {
		return err
	}
	view := &Now{Dashboard: n.as(c)}
	page, err := n.read.get(view.cacheKey()+of.word, func() (dashboard.Overview, error) {
		page, _, err := view.look(c.Request().Context(), of)
		return page, err
	})
	if err != nil {
		return err
	}
	return n.page(c, http.StatusOK, page)
}

// Seen is what the page shows, and what was counted at all sites in its period and in the one before.
type Seen struct {
	dashboard.Overview
	Counted, Before confirm.Day
}

// Look reads what the page shows, to be shown elsewhere. Of the options it takes those that the page is made of; of is
// one of Periods.
func Look(ctx context.Context, o Options, of string) (Seen, error) {
	n := &Now{Dashboard: &Dashboard{Options: o}}
	page, f, err := n.look(ctx, periodOf(of))
	return Seen{page, f.now, f.before}, err
}

// look reads what the page shows, and what became of the signups of a period.
func (n *Now) look(ctx context.Context, of period) (page dashboard.Overview, f *flow, err error) {
	page = dashboard.Overview{Store: n.storeStatus(), Days: overviewDays, Now: n.Now()}
	if n.Relays != nil {
		for _, relay := range n.Relays() {
			if n.limited {
				relay.Words = "" // perhaps about an email of a site that is not theirs
			}
			page.Relays = append(page.Relays, dashboard.Relay{
				Address: relay.Address, PausedSince: relay.PausedSince, Refused: relay.Refused, Words: relay.Words,
			})
		}
	}
	now, left := n.Now().UTC(), int64(0)
	f = newFlow(of)
	if page.Store.Incomplete { // no figure would be right
		page.Unusual = slices.Concat(ofStore(page.Store), ofRelays(page))
		return page, f, nil
	}
	_, before := of.from(now)
	for _, s := range n.Sites {
		days, err := n.Service.Statistics.By(ctx, s.ID, store.ByDay, now.AddDate(0, 0, 1-overviewDays), now)
		if err != nil {
			return page, f, err
		}
		shown, err := n.siteStatus(ctx, s, days)
		if err != nil {
			return page, f, err
		}
		page.Sites = append(page.Sites, shown)
		if days, err = n.Service.Statistics.By(ctx, s.ID, of.by, before, now); err != nil {
			return page, f, err
		}
		f.add(days, now)
		recent, err := n.Service.Statistics.By(ctx, s.ID, store.ByMinute, now.Add(-rateOver), now)
		if err != nil {
			return page, f, err
		}
		for _, minute := range recent {
			left += minute.Emails
		}
	}
	page.Flow = f.shown()
	queues, err := n.emailQueues(ctx)
	if err != nil {
		return page, f, err
	}
	endpoints, err := n.endpoints(ctx)
	if err != nil {
		return page, f, err
	}
	page.Lights, page.Jobs = n.lights(queues, endpoints), jobs(queues, endpoints, left)
	page.Unusual, err = n.unusual(ctx, page, f)
	return page, f, err
}

// rateOver is the time over which the rate of emails is said.
const rateOver = 10 * time.Minute

// jobs says how many jobs wait, how long the oldest, and at which rate emails leave.
func jobs(q emailQueues, endpoints []dashboard.Endpoint, left int64) []dashboard.Fact {
	events := 0
	for _, one := range endpoints {
		events += one.Waiting
	}
	rate := "none in 10 minutes"
	if left > 0 {
		rate = dashboard.Number(left) + " in 10 minutes"
	}
	return append(q.facts(),
		dashboard.Fact{Label: "Emails that left", Value: rate},
		dashboard.Fact{Label: "Events that wait", Value: dashboard.Number(int64(events))})
}

// lights returns how the queues, the consent log and the endpoints stand.
func (n *Now) lights(q emailQueues, endpoints []dashboard.Endpoint) []dashboard.Light {
	all := []dashboard.Light{emailLight(q)}
	if n.ConsentLog != nil {
		all = append(all, logLight(n.ConsentLog()))
	}
	for _, one := range endpoints {
		all = append(all, dashboard.Light{
			Name: "Webhook " + one.Host, Light: one.Light, Word: one.Word, Says: one.Says, Path: EndpointsPath,
		})
	}
	return all
}

// lateAfter is how long a job may be due before that is worth a word.
const lateAfter = 2 * time.Minute

func emailLight(q emailQueues) dashboard.Light {
	light := dashboard.Light{Name: "Emails", Light: "good", Word: "Leave", Says: "None waits.", Path: EmailsPath}
	switch {
	case q.late > lateAfter:
		light.Light, light.Word = "bad", "Late"
		light.Says = fmt.Sprintf("%s wait; one has been due for %s.", dashboard.Count(q.waiting.N+q.refused.N, "email"),
			dashboard.DurationInWords(q.late))
	case q.refused.N > 0:
		light.Light, light.Word = "warn", "Some are refused for now"
		light.Says = dashboard.Count(q.refused.N, "email") + " to be tried again after a refusal."
		if q.waiting.N > 0 {
			light.Says = dashboard.Count(q.waiting.N, "email") + " on the way or for later, and " + light.Says
		}
	case q.waiting.N > 0:
		light.Says = dashboard.Count(q.waiting.N, "email") + " on the way, or for a later time, as the limits say."
	}
	return light
}

// logLight returns how the consent log stands.
func logLight(s consentlog.Status) dashboard.Light {
	light := dashboard.Light{
		Name: "Consent log", Light: "good", Word: "Up to date", Says: dashboard.Count(int(s.Size), "leaf") + ".",
	}
	switch {
	case s.Other:
		light.Light, light.Word = "bad", "Another log"
		light.Says = "It is not the one that the store knows. Put the right folder back before anything else."
	case s.Lag > lateAfter:
		light.Light, light.Word = "bad", "Behind"
		light.Says = "A change has had no leaf for " + dashboard.DurationInWords(s.Lag) +
			". The log of the process says why."
	}
	return light
}
