package web

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/ratelimit"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// confirmationPages handle the links of emails, /c/{token}, and the buttons on their pages.
type confirmationPages struct {
	service  *confirm.Service
	sites    sites
	pages    *pages
	browsers *browserCookies
	limits   *signupLimits
	stamps   *stamps
}

// show shows the page behind a link. It changes nothing, since mail scanners open links, too.
func (l *confirmationPages) show(c echo.Context) error {
	v, err := l.service.Person.View(c.Request().Context(), c.Param("token"))
	respond.Vary(c.Response().Header(), echo.HeaderCookie)
	if err != nil {
		return l.failPage(c, v, err)
	}
	// The request is gone. The link still declines, by the button of the page.
	if v.Use == token.UseDecline && v.Asked.IsZero() {
		return l.failPage(c, v, consent.ErrExpired)
	}
	return l.pages.state(c, http.StatusOK, v, string(v.State), l.page(c, v))
}

// confirm handles the confirmation button: the one action that makes a consent valid. A second press changes nothing
// and gets the same response; (*confirm.Person).Confirm decides that.
func (l *confirmationPages) confirm(c echo.Context) error {
	ctx, token := request.WithID(c), c.Param("token")
	in, err := readChoice(c)
	if err != nil {
		return err
	}
	if in.code != "" {
		return l.askAgain(c, in.code)
	}
	e := request.Evidence(c, consent.ByLink)
	if l.browsers.of(c) != "" {
		if v, err := l.service.Person.View(ctx, token); err == nil && l.browsers.isSame(c, v) {
			e.How = consent.ByBrowser
		}
	}
	if made, age, ok := l.stamps.read(confirmPage, token, in.stamp); ok && age >= -stampSlack {
		e.PageMade = made
	}
	v, err := l.service.Person.Confirm(ctx, token, in.purposes, e)
	if errors.Is(err, consent.ErrNotAsked) {
		return l.askAgain(c, problem.PurposeUnknown)
	}
	if err != nil {
		return l.failPage(c, v, err)
	}
	if to := l.sites[v.Site].after(afterConfirm, confirmedIDs(v.Purposes)); to != "" && request.WantsPage(c) {
		l.pages.about(c, v)
		return respond.SeeOther(c, to)
	}
	return l.pages.state(c, http.StatusOK, v, "confirmed", l.confirmed(c, v, false))
}

// confirmPage is the kind of page in the stamps of confirmation pages.
const confirmPage = "confirm page"

// choice is what a confirmation says: which of the purposes that were asked for, none for all, and the page's stamp.
type choice struct {
	purposes []string
	stamp    string
	code     problem.Code // of what is wrong with the purposes
}

// readChoice reads a form of the page, or JSON. An empty body confirms all. Purposes without any id are none, not all,
// and what cannot be read confirms nothing: to guess could be more than was meant.
func readChoice(c echo.Context) (out choice, err error) {
	if len(bytes.TrimSpace(request.StateOf(c).Body)) == 0 {
		return choice{}, nil
	}
	schema := request.Schema{"purposes": request.List, fieldStamp: request.Text}
	in, form, err := schema.Decode(c, request.MediaJSON, request.MediaForm, request.MediaMultipart)
	if err != nil {
		return choice{}, err
	}
	if unknown := in.Unknown(); !form && len(unknown) > 0 {
		return choice{}, problem.InFields(unknown...)
	}
	out.purposes = slices.DeleteFunc(in.All("purposes"), func(id string) bool { return id == "" })
	out.stamp = in.One(fieldStamp) // even if something is wrong with it
	switch out.code = in.Wrong("purposes"); {
	case out.code != "":
	case in.Misspelt("purposes"):
		out.code = problem.FieldRepeated
	case in.Times("purposes") > 0 && len(out.purposes) == 0:
		out.code = problem.PurposeRequired
	}
	return out, nil
}

// askAgain responds to a choice that cannot be confirmed: with the page again, or a problem.
func (l *confirmationPages) askAgain(c echo.Context, wrong problem.Code) error {
	v, err := l.service.Person.View(c.Request().Context(), c.Param("token"))
	if err != nil {
		return l.failPage(c, v, err)
	}
	l.pages.about(c, v)
	page, ok := l.page(c, v).(templates.Confirm)
	if !ok || !request.WantsPage(c) {
		return problem.InFields(problem.Field{Name: "purposes", Code: wrong})
	}
	page.Error, page.SameBrowser = string(wrong), false // no script may confirm more than was just chosen
	return l.pages.render(c, wrong.Status(), l.pages.languageOfView(c, v), page)
}

// decline handles the button "this was not me", or "no" to whether a consent is to be renewed, which withdraws it. A
// second press gets the same response.
func (l *confirmationPages) decline(c echo.Context) error {
	v, err := l.service.Person.Decline(c.Request().Context(), c.Param("token"), request.Evidence(c, consent.ByLink))
	if err != nil {
		return l.failPage(c, v, err)
	}
	if !v.Agreed.IsZero() && !v.Declined {
		st := l.sites[v.Site]
		all := l.pages.purposes(st, l.pages.languageOfView(c, v), v.Purposes)
		return l.pages.state(c, http.StatusOK, v, "withdrawn", templates.Withdrawn{
			Site: st.Show, Purposes: inState(all, consent.Withdrawn), Left: inState(all, consent.Confirmed),
			SignupURL: l.signup(c, v), BackURL: st.after(afterWithdraw, purposeIDs(v.Purposes)),
		})
	}
	p := templates.Declined{
		Site: l.sites[v.Site].Show, UnblockAction: l.action(c, v, v.Unblock, "/unblock"), JustNow: true,
	}
	return l.pages.state(c, http.StatusOK, v, "declined", p)
}

// unblock handles the button of a declined link that allows emails again. It confirms nothing.
func (l *confirmationPages) unblock(c echo.Context) error {
	v, err := l.service.Person.Unblock(c.Request().Context(), c.Param("token"), request.Evidence(c, consent.ByLink))
	if err != nil {
		return l.failPage(c, v, err)
	}
	return l.pages.state(c, http.StatusOK, v, "unblocked", l.unblocked(c, v))
}

// renew handles the button of an expired link, which asks for a new email. It counts against the client's limits on
// signups, whatever comes of it.
func (l *confirmationPages) renew(c echo.Context) error {
	var quotas []ratelimit.Quota
	ofClient := func(site string) []ratelimit.Quota {
		request.StateOf(c).Site = site
		quotas = l.limits.quotas(l.sites[site], request.Client(c))
		return quotas
	}
	v, err := l.service.Person.Renew(c.Request().Context(), c.Param("token"), ofClient,
		request.Evidence(c, consent.ByLink))
	if exceeded := new(ratelimit.Exceeded); errors.As(err, &exceeded) {
		return l.limits.refusal(c, quotas, err)
	}
	if err != nil {
		return l.failPage(c, v, err)
	}
	if v.State == consent.Confirmed {
		return l.pages.state(c, http.StatusOK, v, "confirmed", l.confirmed(c, v, true))
	}
	return l.pages.state(c, http.StatusAccepted, v, "pending", templates.Renewed{Site: l.sites[v.Site].Show})
}

// failPage responds to the error of a link: with a page that says what the person can do instead, or else by returning
// the error.
func (l *confirmationPages) failPage(c echo.Context, v confirm.View, err error) error {
	if l.sites[v.Site] != nil {
		l.pages.about(c, v)
	}
	p := l.failedPage(c, v, err)
	if p == nil || !request.WantsPage(c) {
		return err
	}
	return l.pages.render(c, respond.ProblemOf(err).Code.Status(), l.pages.languageOfView(c, v), p)
}

// action returns the path that a button posts to; empty where there is no token.
func (l *confirmationPages) action(c echo.Context, v confirm.View, token, path string) string {
	if token == "" {
		return ""
	}
	return l.pages.inChosen(c, v.Site, "/c/"+token+path)
}

// page returns the page of a link that works.
func (l *confirmationPages) page(c echo.Context, v confirm.View) templates.Page {
	show, renewal := l.sites[v.Site].Show, !v.Agreed.IsZero()
	if renewal {
		v.Asked = v.Agreed
	}
	switch {
	case v.Use == token.UseUnblock:
		return l.unblocked(c, v)
	case v.Use == token.UseDecline:
		return templates.Decline{
			Site: show, Address: v.Address.Masked(), Asked: v.Asked, Renewal: renewal,
			Purposes:      l.pages.purposes(l.sites[v.Site], l.pages.languageOfView(c, v), v.Purposes),
			DeclineAction: l.action(c, v, v.Decline, "/decline"),
		}
	case v.State == consent.Confirmed:
		return l.confirmed(c, v, true)
	}
	return templates.Confirm{
		Site: show, Address: v.Address.Masked(), Asked: v.Asked, Deadline: v.Deadline, Renewal: renewal,
		Purposes:      l.pages.purposes(l.sites[v.Site], l.pages.languageOfView(c, v), v.Purposes),
		ConfirmAction: l.action(c, v, c.Param("token"), ""), DeclineAction: l.action(c, v, v.Decline, "/decline"),
		SameBrowser: l.browsers.isSame(c, v),
		Stamp:       l.stamps.make(confirmPage, c.Param("token"), l.stamps.now()),
	}
}

// failedPage returns the page of a link that is expired, declined or withdrawn, or nil for any other error.
func (l *confirmationPages) failedPage(c echo.Context, v confirm.View, err error) templates.Page {
	st := l.sites[v.Site]
	if st == nil {
		return nil
	}
	switch {
	case errors.Is(err, consent.ErrExpired):
		p := templates.Expired{
			Site: st.Show, DeclineAction: l.action(c, v, v.Decline, "/decline"), SignupURL: l.signup(c, v),
		}
		if !v.Agreed.IsZero() { // it was the person, and what they agreed to has ended
			p.DeclineAction = ""
		}
		if v.Renewable {
			p.RenewAction = l.action(c, v, c.Param("token"), "/renew")
		}
		return p
	case errors.Is(err, consent.ErrDeclined):
		return templates.Declined{Site: st.Show, UnblockAction: l.action(c, v, v.Unblock, "/unblock")}
	case errors.Is(err, confirm.ErrLost):
		return templates.LostLink{Site: st.Show, SignupURL: l.signup(c, v)}
	case errors.Is(err, consent.ErrWithdrawn):
		return templates.WithdrawnLink{Site: st.Show, SignupURL: l.signup(c, v)}
	}
	return nil
}

// confirmed returns the page after the confirmation, with those of the link's purposes that are confirmed: some may
// have been withdrawn since.
func (l *confirmationPages) confirmed(c echo.Context, v confirm.View, already bool) templates.Page {
	st := l.sites[v.Site]
	p := templates.Confirmed{Site: st.Show, Already: already, UnsubscribeURL: v.Unsubscribe,
		Receipt: v.Receipt != "", BackURL: st.Show.URL}
	p.Purposes = inState(l.pages.purposes(st, l.pages.languageOfView(c, v), v.Purposes), consent.Confirmed)
	return p
}

func (l *confirmationPages) unblocked(c echo.Context, v confirm.View) templates.Page {
	return templates.Unblocked{Site: l.sites[v.Site].Show, SignupURL: l.signup(c, v)}
}

// signup returns the path of the site's signup page, in the language that the person chose.
func (l *confirmationPages) signup(c echo.Context, v confirm.View) string {
	return l.pages.inChosen(c, v.Site, l.sites[v.Site].signupPath())
}
