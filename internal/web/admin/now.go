package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/templates"
)

// Now has the handler of the first page: whether confirmations flow, and what to do if they do not.
type Now struct {
	*Dashboard
	read recent[templates.AdminOverview]
}

// NewNow returns the first page of a dashboard.
func NewNow(d *Dashboard) *Now {
	return &Now{Dashboard: d, read: recent[templates.AdminOverview]{age: d.Recent}}
}

// period is a time that the flow can be shown for.
type period struct {
	word, label, before string
	days                int
}

func periods() []period {
	return []period{
		{"today", "Today", "yesterday", 1}, {"week", "7 days", "the 7 days before", 7},
		{"month", "30 days", "the 30 days before", 30},
	}
}

// Show is the page. Which time it is for is in the address. All who look within the same second see the same.
func (n *Now) Show(c echo.Context) error {
	q, err := request.ParseQuery(c, "of")
	if err != nil {
		return err
	}
	of := periods()[1]
	for _, p := range periods() {
		if p.word == q.OneOf("of", "today", "week", "month") {
			of = p
		}
	}
	if err := q.Err(); err != nil {
		return err
	}
	page, err := n.read.get(of.word, func() (templates.AdminOverview, error) {
		return n.look(c.Request().Context(), of)
	})
	if err != nil {
		return err
	}
	return n.page(c, http.StatusOK, page)
}

// look reads what the page shows.
func (n *Now) look(ctx context.Context, of period) (page templates.AdminOverview, err error) {
	page = templates.AdminOverview{Store: n.storeStatus(), Days: overviewDays, Now: n.Now()}
	if n.Relays != nil {
		for _, relay := range n.Relays() {
			page.Relays = append(page.Relays,
				templates.AdminRelay{Address: relay.Address, PausedSince: relay.PausedSince, Refused: relay.Refused})
		}
	}
	today, f := n.Now().UTC(), newFlow(of)
	for _, s := range n.Sites {
		first := today.AddDate(0, 0, 1-2*max(of.days, overviewDays))
		days, err := n.Service.Website.Stats(ctx, s.ID, first.Format(time.DateOnly), today.Format(time.DateOnly))
		if err != nil {
			return page, err
		}
		f.add(days, today)
		shown, err := n.siteStatus(ctx, s, days)
		if err != nil {
			return page, err
		}
		page.Sites = append(page.Sites, shown)
	}
	page.Flow = f.shown()
	if page.Lights, err = n.lights(ctx); err != nil {
		return page, err
	}
	page.Unusual, err = n.unusual(ctx, page, f)
	return page, err
}

// lights returns how the queues, the consent log and the endpoints stand.
func (n *Now) lights(ctx context.Context) (all []templates.AdminLight, err error) {
	email, err := n.emailLight(ctx)
	if err != nil {
		return nil, err
	}
	all = append(all, email)
	if n.ConsentLog != nil {
		all = append(all, logLight(n.ConsentLog()))
	}
	endpoints, err := n.endpoints(ctx)
	for _, one := range endpoints {
		all = append(all, templates.AdminLight{
			Name: "Webhook " + one.Host, Light: one.Light, Word: one.Word, Says: one.Says, Path: EndpointsPath,
		})
	}
	return all, err
}

// lateAfter is how long a job may be due before that is worth a word.
const lateAfter = 2 * time.Minute

func (n *Now) emailLight(ctx context.Context) (templates.AdminLight, error) {
	q, err := n.emailQueues(ctx)
	light := templates.AdminLight{Name: "Emails", Light: "good", Word: "Leave", Says: "None waits.", Path: EmailsPath}
	switch {
	case q.late > lateAfter:
		light.Light, light.Word = "bad", "Late"
		light.Says = fmt.Sprintf("%s wait; one has been due for %s.", templates.Count(q.waiting+q.refused, "email"),
			templates.DurationInWords(q.late))
	case q.refused > 0:
		light.Light, light.Word = "warn", "Some are refused for now"
		light.Says = templates.Count(q.refused, "email") + " to be tried again after a refusal."
		if q.waiting > 0 {
			light.Says = templates.Count(q.waiting, "email") + " on the way or for later, and " + light.Says
		}
	case q.waiting > 0:
		light.Says = templates.Count(q.waiting, "email") + " on the way, or for a later time, as the limits say."
	}
	return light, err
}

// logLight returns how the consent log stands.
func logLight(s consentlog.Status) templates.AdminLight {
	light := templates.AdminLight{
		Name: "Consent log", Light: "good", Word: "Up to date", Says: templates.Count(int(s.Size), "leaf") + ".",
	}
	switch {
	case s.Other:
		light.Light, light.Word = "bad", "Another log"
		light.Says = "It is not the one that the store knows. Put the right folder back before anything else."
	case s.Lag > lateAfter:
		light.Light, light.Word = "bad", "Behind"
		light.Says = "A change has had no leaf for " + templates.DurationInWords(s.Lag) +
			". The log of the process says why."
	}
	return light
}
