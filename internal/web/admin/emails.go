package admin

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sort"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// EmailsPath is what waits to leave, and what cannot be delivered.
const EmailsPath = "/admin/emails"

// Emails has the handlers of the view of emails.
type Emails struct {
	*Dashboard
	read recent[emailsRead]
}

// emailsRead is what the view is made of: a bounded slice of the people, and what stands in the queues.
type emailsRead struct {
	page   confirm.PendingPage
	queues emailQueues
}

// NewEmails returns the view of a dashboard.
func NewEmails(d *Dashboard) *Emails {
	return &Emails{Dashboard: d, read: recent[emailsRead]{age: d.Recent}}
}

// Forget makes the next viewer see the store as it is.
func (e *Emails) Forget() { e.read.forget() }

// Show is the view. Everything that it is asked for is in the address. However many emails wait, it reads as many
// people as confirm.MaxPendingRead.
func (e *Emails) Show(c echo.Context) error {
	q, err := request.ParseQuery(c,
		"site", "domain", "age", "answer", "relay", "words", "before", "done", "resent", "not", "busy")
	if err != nil {
		return err
	}
	view := e.as(c)
	f, ask, page, err := (&Emails{Dashboard: view}).ask(q)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	found, err := e.read.get(view.cacheKey()+c.Request().URL.RawQuery, func() (read emailsRead, err error) {
		if read.page, err = e.Service.Operator.Pending(ctx, ask); err == nil {
			read.queues, err = e.emailQueues(ctx)
		}
		return read, err
	})
	if err != nil {
		return err
	}
	e.fill(&page, f, found)
	if page.Bulk, err = e.Bulk.shown(ctx, view); err != nil {
		return err
	}
	return e.page(c, http.StatusOK, page)
}

// ask reads what is asked for, and returns the page without what was found.
func (e *Emails) ask(q *request.Query) (f filter, ask confirm.PendingQuery, page dashboard.Emails, err error) {
	var periods, answers []dashboard.Option
	for _, a := range ages() {
		periods = append(periods, dashboard.Option{Value: a.word, Label: a.label})
	}
	option := func(state string) {
		answers = append(answers, dashboard.Option{Value: state, Label: dashboard.DeliveryInWords(state)})
	}
	for _, s := range confirm.DeliveryStates() {
		if s != confirm.DeliveryTaken && s != confirm.DeliveryWaiting {
			option(string(s))
		}
	}
	option(answerUndeliverable)
	page.Choices = []dashboard.Choice{
		choice(q, "site", "Site", "All sites", e.siteOptions()),
		choice(q, "answer", "Which", "All that wait", answers),
		choice(q, "age", "Waiting for", "However long", periods),
	}
	f = e.limit(filterOf(q.Get))
	page.Filtered = f.encode() != ""
	page.First, page.Self = emailsPath(f), emailsPath(f, "before", q.Get("before"))
	if f.answer == "" {
		f.answer = string(confirm.DeliveryWaiting)
	}
	page.Domain, page.Match, page.Undeliverable = f.domain, f.encode(), f.answer == answerUndeliverable
	page.Done, page.Busy, page.Continued = resent(q), q.Get("busy") != "", q.Get("before") != ""
	ask = f.query()
	ask.Limit = confirm.MaxPendingRead
	if page.Continued {
		if ask.Before, err = parseCursor(q.Get("before")); err != nil {
			return f, ask, page, err
		}
	}
	return f, ask, page, q.Err()
}

// emailsPath returns the address of the view with a filter, and more parameters in pairs.
func emailsPath(f filter, more ...string) string {
	if f.answer == string(confirm.DeliveryWaiting) {
		f.answer = "" // as without it
	}
	return pathWith(EmailsPath, f.values(), more...)
}

// fill fills the page with what was found.
func (e *Emails) fill(page *dashboard.Emails, f filter, found emailsRead) {
	page.Now, page.Read, page.Queues = e.Now(), found.page.Read, found.queues.facts()
	byWords, byDomain, byRelay := newGroups(e), newGroups(e), newGroups(e)
	next, last := found.page.Next, store.Cursor{}
	for _, p := range found.page.All {
		if p.Unreadable || !f.matches(p) {
			continue
		}
		if page.Matching++; len(page.Rows) < PendingShown {
			page.Rows = append(page.Rows, e.row(p))
			last = p.At
		}
		byDomain.add(p.Address.Domain(), p)
		if p.Answer != nil {
			byWords.add(normalised(wordsOf(p)), p)
		}
		if relay := relayOf(p); relay != "" {
			byRelay.add(relay, p)
		}
	}
	if page.Matching > PendingShown {
		next = last
	}
	page.Words = byWords.shown(true, f, func(f *filter, name string) { f.words = nameOfWords(name) })
	page.Domains = byDomain.shown(false, f, func(f *filter, name string) { f.domain = name })
	page.Relays = byRelay.shown(false, f, func(f *filter, name string) { f.relay = name })
	if next != (store.Cursor{}) {
		page.Next = emailsPath(f, "before", cursorText(next))
	}
	if f.relay != "" {
		page.Chosen = append(page.Chosen, dashboard.Fact{Label: "Relay", Value: f.relay})
	}
	if f.words != "" && len(page.Words) == 1 {
		page.Chosen = append(page.Chosen, dashboard.Fact{Label: "Words", Value: page.Words[0].Name})
	}
}

// groups are emails by what they have in common.
type groups struct {
	*Emails
	all map[string]*group
}

type group struct {
	dashboard.Group
	at   time.Time // of the last answer
	next time.Time // of the next try
	due  bool      // one is to be tried now
}

func newGroups(e *Emails) groups { return groups{e, map[string]*group{}} }

// add adds an email to the group of a name.
func (g groups) add(name string, p confirm.Pending) {
	one := g.all[name]
	if one == nil {
		one = &group{Group: dashboard.Group{Name: name, Oldest: p.Asked}}
		g.all[name] = one
	}
	one.N++
	if p.Asked.Before(one.Oldest) {
		one.Oldest = p.Asked
	}
	if p.Answer != nil && p.Answer.At.After(one.at) {
		one.at, one.Newest = p.Answer.At, p.Answer.At
		one.Words, one.Delivery = shorten(wordsOf(p)), string(p.Delivery())
	}
	switch at := p.NextTry(g.RetryWaits, g.Now()); {
	case at.IsZero():
		one.due = one.due || p.Waits
	case one.next.IsZero() || at.Before(one.next):
		one.next = at
	}
}

// shown returns the groups, those with the newest answer first or else the largest. By narrows a filter to a group.
func (g groups) shown(newest bool, f filter, by func(*filter, string)) (all []dashboard.Group) {
	names := slices.Sorted(maps.Keys(g.all))
	sort.SliceStable(names, func(i, j int) bool {
		a, b := g.all[names[i]], g.all[names[j]]
		if newest {
			return a.at.After(b.at)
		}
		return a.N > b.N
	})
	for _, name := range names[:min(dashboard.MaxGroups, len(names))] {
		one := g.all[name]
		switch {
		case one.due:
			one.Next = "now"
		case !one.next.IsZero():
			one.Next = "in about " + dashboard.DurationInWords(one.next.Sub(g.Now()))
		}
		if one.at.IsZero() {
			one.Delivery = string(confirm.DeliveryUntried)
		}
		narrow := f
		by(&narrow, name)
		one.Match = narrow.encode()
		one.Path = emailsPath(narrow)
		all = append(all, one.Group)
	}
	return all
}

// emailQueues is what stands in the queues of emails.
type emailQueues struct {
	waiting, refused dashboard.BoundedCount
	late             time.Duration
}

func (d *Dashboard) emailQueues(ctx context.Context) (q emailQueues, err error) {
	queues := append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent)
	backlogs, err := d.Store.Backlogs(ctx, queues...)
	for i, b := range backlogs {
		n := &q.waiting
		if queues[i] == confirm.QueueEmailRetry || queues[i] == confirm.QueueEmailMaybeSent {
			n = &q.refused
		}
		n.N, n.More = n.N+b.Jobs, n.More || b.Jobs >= store.MaxCounted
		q.late = max(q.late, b.Late)
	}
	return q, err
}

// facts says what stands in the queues.
func (q emailQueues) facts() []dashboard.Fact {
	number := func(n dashboard.BoundedCount) string {
		if n.More {
			return dashboard.Number(int64(n.N)) + " or more"
		}
		return dashboard.Number(int64(n.N))
	}
	all := []dashboard.Fact{
		{Label: "On the way, or for later", Value: number(q.waiting)},
		{Label: "To be tried again", Value: number(q.refused)},
	}
	late := "none is late"
	if q.late > 0 {
		late = dashboard.DurationInWords(q.late)
	}
	return append(all, dashboard.Fact{Label: "Due for the longest", Value: late})
}
