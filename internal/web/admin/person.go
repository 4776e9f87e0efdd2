package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of people.
const (
	PeoplePath  = "/admin/people"
	PersonPath  = "/admin/sites/:site/people/:id"
	DossierPath = PersonPath + "/dossier"
	ReceiptPath = PersonPath + "/receipt"
	EmailPath   = PersonPath + "/emails/:email"
	FramePath   = EmailPath + "/frame"
)

// People has the handlers of the search for a person, and of one person.
type People struct {
	*Dashboard
	looks looks
	read  recent[known]
}

// NewPeople returns the people of a dashboard.
func NewPeople(d *Dashboard) *People {
	return &People{
		Dashboard: d, looks: looks{since: map[string]time.Time{}}, read: recent[known]{age: d.Recent},
	}
}

// Forget makes the next viewer see the store as it is.
func (p *People) Forget() { p.read.forget() }

// ShowFind is the search, before anything was looked for.
func (p *People) ShowFind(c echo.Context) error {
	q, err := request.ParseQuery(c, "done")
	if err != nil {
		return err
	}
	return p.page(c, http.StatusOK, dashboard.People{Done: doneInWords(q)})
}

// Find finds a person by what was typed. That is in the body, so that no address is in a log or a browser's history.
func (p *People) Find(c echo.Context) error {
	in, _, err := request.Schema{"who": request.Text}.Decode(c, request.MediaForm)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	keys, err := p.Service.Operator.Find(ctx, in.One("who"))
	if err != nil && !errors.Is(err, confirm.ErrUnreadable) {
		return err
	}
	keys = slices.DeleteFunc(keys, func(k store.Key) bool { return !maySee(c, k.Site) })
	if len(keys) == 0 {
		if err := p.audit(c, audit.Find, store.Key{}, ""); err != nil {
			return err
		}
		return p.page(c, http.StatusOK, dashboard.People{Asked: true})
	}
	page := dashboard.People{Asked: true}
	for _, key := range keys {
		if err := p.audit(c, audit.Find, key, ""); err != nil {
			return err
		}
		st, err := p.Service.Website.ByID(ctx, key.Site, key.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, confirm.ErrUnreadable) {
			return err
		}
		sub, err := p.Service.Website.Subscription(ctx, key.Site, key.ID)
		if err != nil && !errors.Is(err, confirm.ErrUnreadable) {
			return err
		}
		page.Found = append(page.Found, dashboard.Found{
			Path: dashboard.PersonPath(key.Site, key.ID), Address: sub.Address.Masked(), Site: p.nameOf(key.Site),
			State: dashboard.StateInWords(string(st.State)),
		})
	}
	if len(keys) == 1 {
		return respond.SeeOther(c, page.Found[0].Path)
	}
	return p.page(c, http.StatusOK, page)
}

// known is what the page of a person is made of.
type known struct {
	status consent.Status
	sub    consent.Subscription
	steps  []consent.Step
}

// Show is the page of one person.
func (p *People) Show(c echo.Context) error {
	q, err := request.ParseQuery(c, "done", "resent", "not")
	if err != nil {
		return err
	}
	key, err := p.key(c)
	if err != nil {
		return err
	}
	if p.looks.isNew(sessionName(c)+" "+key.Site+" "+key.ID, p.Now()) {
		if err := p.audit(c, audit.Look, key, ""); err != nil {
			return err
		}
	}
	is, err := p.read.get(key.Site+" "+key.ID, func() (known, error) { return p.know(c.Request().Context(), key) })
	page := dashboard.Person{
		SiteName: p.nameOf(key.Site), ID: key.ID, Name: key.Site + "/" + key.ID,
		Path: dashboard.PersonPath(key.Site, key.ID),
	}
	switch {
	case errors.Is(err, confirm.ErrUnreadable):
		page.State, page.Light, page.Unopened = "Does not open", "bad", true
	case errors.Is(err, store.ErrNotFound):
		return problem.New(problem.NotFound)
	case err != nil:
		return err
	default:
		// In no list, where a look is not noted for each.
		p.fill(&page, key, is, mayDo(c, operator.Act))
		page.Acts = p.actsOn(c, key, is)
	}
	page.Done = doneInWords(q)
	return p.page(c, http.StatusOK, page)
}

// key returns the key of the record that a path names.
func (p *People) key(c echo.Context) (store.Key, error) {
	s, err := p.site(c)
	if err != nil {
		return store.Key{}, err
	}
	if !store.IsID(c.Param("id")) {
		return store.Key{}, problem.New(problem.NotFound)
	}
	return store.Key{Site: s.ID, ID: c.Param("id")}, nil
}

func (p *People) know(ctx context.Context, key store.Key) (is known, err error) {
	if is.status, err = p.Service.Website.ByID(ctx, key.Site, key.ID); err != nil {
		return is, err
	}
	if is.sub, err = p.Service.Website.Subscription(ctx, key.Site, key.ID); err != nil {
		return is, err
	}
	is.steps, err = p.Service.Website.Timeline(ctx, key.Site, key.ID)
	return is, err
}

// fill fills the page of a person whose record opens; unmasked says that nothing of it is hidden.
func (p *People) fill(page *dashboard.Person, key store.Key, is known, unmasked bool) {
	state := string(is.status.State)
	if page.Address = is.sub.Address.Masked(); unmasked && !is.sub.Address.IsZero() {
		page.Address = is.sub.Address.String()
	}
	page.State = dashboard.StateInWords(state)
	page.Light = dashboard.LightOfState(state)
	if page.Why, page.Words = p.why(key, is); !unmasked {
		page.Words = is.sub.Address.HiddenIn(page.Words)
	}
	page.Stages = stages(is, p.Now())
	for _, step := range is.steps {
		if !unmasked {
			step = masked(step, is.sub.Address)
		}
		page.Steps = append(page.Steps, stepOf(step, page.Path))
		page.HasReceipt = page.HasReceipt || step.Receipt != ""
	}
	for _, one := range is.status.Purposes {
		page.Purposes = append(page.Purposes, dashboard.Purpose{
			ID: one.ID, State: dashboard.StateInWords(string(one.State)), Text: one.Text, Since: one.Since,
			Until: one.ValidUntil, Light: dashboard.LightOfState(string(one.State)),
		})
	}
}

// actsOn returns what the operator of a request can do to a person, and what cannot be done, and why.
func (p *People) actsOn(c echo.Context, key store.Key, is known) []dashboard.Act {
	if !mayDo(c, operator.Act) {
		return nil
	}
	resend := dashboard.Act{Act: string(audit.Resend), Label: "Send the email again"}
	resend.Note = p.whyNot(key, &is.sub)
	withdraw := dashboard.Act{Act: string(audit.Withdraw), Label: "Take consent back", Danger: true}
	if !is.sub.Consents.Any() {
		withdraw.Note = "There is none."
	}
	erase := dashboard.Act{Act: string(audit.Erase), Label: "Erase", Danger: true}
	if is.sub.Address.IsZero() {
		erase.Note = "Nothing is left but that they declined or withdrew."
	}
	object := dashboard.Act{Act: string(audit.Object), Label: "Send them no more", Danger: true}
	if is.sub.Address.IsZero() {
		object.Note = "Their address is not known any more."
	}
	all := []dashboard.Act{resend, withdraw, object}
	if mayDo(c, operator.Admin) {
		all = append(all, erase)
	}
	if is.sub.Objections.Active() && !is.sub.Address.IsZero() {
		all = append(all, dashboard.Act{Act: string(audit.Unblock), Label: "End their objection"})
	}
	if is.sub.Refusals.Declined() != nil {
		all = append(
			all,
			dashboard.Act{Label: "Allow emails again", Note: "Only they can, from the page behind a " +
				"link of an email that they declined: nobody is to do that for them."},
		)
	}
	return all
}

// doneInWords returns what the button of the page before has done, as the query says; empty if it says nothing.
func doneInWords(q *request.Query) string {
	switch q.Get("done") {
	case string(audit.Withdraw):
		return "Their consent was taken back, and the website is told."
	case string(audit.Object):
		return "They are sent nothing more."
	case string(audit.Unblock):
		return "Their objection has ended. Nothing is confirmed by that."
	case string(audit.Erase):
		return "Their data was erased."
	}
	done := resent(q)
	switch {
	case done == nil:
		return ""
	case done.Resent > 0:
		return "The email is due now, with the same link as before."
	case len(done.Not) > 0:
		return "No email will leave: " + dashboard.NotDueInWords(done.Not[0].Why) + "."
	}
	return "No email will leave."
}

// Dossier is everything that proves what one person agreed to, as a file.
func (p *People) Dossier(c echo.Context) error {
	key, err := p.download(c)
	if err != nil {
		return err
	}
	d, err := p.Dossiers.Make(c.Request().Context(), key.Site, key.ID)
	if err != nil {
		return notFound(err)
	}
	b, err := p.Dossiers.ZIP(d, "en")
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="dossier-`+key.ID+`.zip"`)
	return respond.Bytes(c, http.StatusOK, "application/zip", b)
}

// Receipt is the receipt of the latest confirmation, as a file.
func (p *People) Receipt(c echo.Context) error {
	key, err := p.download(c)
	if err != nil {
		return err
	}
	text, err := p.Service.Website.Receipt(c.Request().Context(), key.Site, key.ID, "")
	if err != nil {
		return notFound(err)
	}
	return respond.Receipt(c, text)
}

// download returns whose proof is to be downloaded, and notes it in the audit log.
func (p *People) download(c echo.Context) (store.Key, error) {
	if _, err := request.ParseQuery(c); err != nil {
		return store.Key{}, err
	}
	key, err := p.key(c)
	if err == nil {
		err = p.audit(c, audit.Download, key, "")
	}
	return key, err
}

// notFound turns what the store does not have into a page that says so.
func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.NotFound)
	}
	return err
}

// lookFor is for how long a session that looked at a person is not noted to look again: the page is kept fresh.
const lookFor = 10 * time.Minute

// looks remembers who was looked at. It is safe for concurrent use.
type looks struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// isNew reports whether nobody looked under that name for a while, and notes that somebody does.
func (l *looks) isNew(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.since[name]; ok && now.Sub(at) < lookFor {
		return false
	}
	for other, at := range l.since {
		if now.Sub(at) >= lookFor {
			delete(l.since, other)
		}
	}
	l.since[name] = now
	return true
}
