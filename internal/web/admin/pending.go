package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// PendingPath is the list of who is pending.
const PendingPath = "/admin/pending"

// PendingShown is how many people are on one page of it.
const PendingShown = 40

// Pending has the handlers of the list of who is pending.
type Pending struct {
	*Dashboard
	read recent[confirm.PendingPage]
}

// NewPending returns the list of a dashboard.
func NewPending(d *Dashboard) *Pending {
	return &Pending{Dashboard: d, read: recent[confirm.PendingPage]{age: d.Recent}}
}

// Forget makes the next viewer see the store as it is.
func (p *Pending) Forget() { p.read.forget() }

// Show lists who is pending. Everything that it is asked for is in the address.
func (p *Pending) Show(c echo.Context) error {
	q, err := request.ParseQuery(c,
		"site", "purpose", "domain", "age", "answer", "before", "done", "resent", "not", "busy")
	if err != nil {
		return err
	}
	view := p.as(c)
	ask, page, err := (&Pending{Dashboard: view}).ask(q)
	if err != nil {
		return err
	}
	found, err := p.read.get(view.cacheKey()+c.Request().URL.RawQuery, func() (confirm.PendingPage, error) {
		return p.Service.Operator.Pending(c.Request().Context(), ask)
	})
	if err != nil {
		return err
	}
	for _, one := range found.All {
		page.Rows = append(page.Rows, p.row(one))
	}
	page.Read, page.Now = found.Read, p.Now()
	if found.Next != (store.Cursor{}) {
		page.Next = withQuery(PendingPath, page.Match, "before", cursorText(found.Next))
	}
	if page.Bulk, err = p.Bulk.shown(c.Request().Context(), view); err != nil {
		return err
	}
	return p.page(c, http.StatusOK, page)
}

// ask reads what is asked for, and returns the page without its rows.
func (p *Pending) ask(q *request.Query) (ask confirm.PendingQuery, page dashboard.Pending, err error) {
	var periods, answers []dashboard.Option
	for _, a := range ages() {
		periods = append(periods, dashboard.Option{Value: a.word, Label: a.label})
	}
	for _, s := range confirm.DeliveryStates() {
		answers = append(answers, dashboard.Option{Value: string(s), Label: dashboard.DeliveryInWords(string(s))})
	}
	page.Choices = []dashboard.Choice{
		choice(q, "site", "Site", "All sites", p.siteOptions()),
		choice(q, "purpose", "Purpose", "All purposes", p.purposeOptions()),
		choice(q, "age", "Waiting for", "However long", periods),
		choice(q, "answer", "Last answer", "Whatever it was", answers),
	}
	f := p.limit(filterOf(q.Get))
	ask = f.query()
	ask.Limit = PendingShown
	if before := q.Get("before"); before != "" {
		if ask.Before, err = parseCursor(before); err != nil {
			return ask, page, err
		}
	}
	page.Domain, page.Match = f.domain, f.encode()
	page.Continued, page.Filtered = q.Get("before") != "", page.Match != ""
	page.First = pathWith(PendingPath, f.values())
	page.Self = pathWith(PendingPath, f.values(), "before", q.Get("before"))
	page.Done, page.Busy = resent(q), q.Get("busy") != ""
	return ask, page, q.Err()
}

// choice returns a filter of known values, of which the query may choose one.
func choice(
	q *request.Query, name, label, all string, options []dashboard.Option,
) dashboard.Choice {
	chosen := q.Get(name)
	c := dashboard.Choice{Name: name, Label: label, Options: []dashboard.Option{{Label: all}}}
	known := chosen == ""
	for _, o := range options {
		o.Chosen = o.Value == chosen
		known = known || o.Chosen
		c.Options = append(c.Options, o)
	}
	if !known {
		q.Fail(name, problem.ChoiceUnknown)
	}
	return c
}

// row returns one person who is pending, as it is shown.
func (d *Dashboard) row(one confirm.Pending) dashboard.PendingRow {
	row := dashboard.PendingRow{
		Name: one.Site + "/" + one.ID, Path: dashboard.PersonPath(one.Site, one.ID),
		Address: one.Address.Masked(), Site: d.nameOf(one.Site), Purposes: strings.Join(one.Purposes, ", "),
		Asked: one.Asked, Deadline: one.Deadline, Emails: one.Emails, Words: shorten(wordsOf(one)),
	}
	if one.Unreadable {
		return row
	}
	row.Delivery = string(one.Delivery())
	if at := one.NextTry(d.RetryWaits, d.Now()); !at.IsZero() {
		row.Next = "in about " + dashboard.DurationInWords(at.Sub(d.Now()))
	} else if one.Waits {
		row.Next = "now"
	}
	return row
}

// maxWords is how many characters of a relay's words are in a list; the page of the person has them all.
const maxWords = 140

// shorten cuts a text for a list.
func shorten(text string) string {
	if all := []rune(text); len(all) > maxWords {
		return string(all[:maxWords-1]) + "…"
	}
	return text
}

// nameOf returns the name of a site.
func (d *Dashboard) nameOf(site string) string {
	for _, s := range d.Sites {
		if s.ID == site {
			return s.Name
		}
	}
	return site
}

// resent returns what the button of the page before has done, as the query says; nil if it says nothing, or what no
// button causes.
func resent(q *request.Query) *dashboard.Resent {
	n, err := strconv.Atoi(q.Get("resent"))
	if err != nil || n < 0 || n > maxActed {
		return nil
	}
	done := &dashboard.Resent{Act: q.Get("done"), Resent: n}
	for one := range strings.SplitSeq(q.Get("not"), ",") {
		why, times, _ := strings.Cut(one, ".")
		if n, err := strconv.Atoi(times); err == nil && n > 0 && n <= maxActed && slices.Contains(notResent(), why) {
			done.Not = append(done.Not, dashboard.NotResent{Why: why, N: n})
		}
	}
	return done
}

// domainOf returns a domain as A-labels, as addresses have it. What is none is nobody's.
func domainOf(text string) string {
	if text == "" {
		return ""
	}
	a, err := address.Parse("x@" + strings.TrimPrefix(text, "@"))
	if err != nil {
		return text
	}
	return a.Domain()
}
