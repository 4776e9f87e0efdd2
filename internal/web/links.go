package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/token"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// links are the pages behind the links of emails, and their buttons.
type links struct {
	service  *confirm.Service
	sites    sites
	pages    *pages
	browsers *browsers
	limits   *signupLimits
}

// show shows what is behind a link, and changes nothing.
func (l *links) show(c echo.Context) error {
	v, err := l.service.Person.View(c.Request().Context(), c.Param("token"))
	respond.Vary(c.Response().Header(), echo.HeaderCookie)
	if err != nil {
		return l.fail(c, v, err)
	}
	if v.Use == token.UseDecline && v.Asked.IsZero() { // the link has outlived what it was for, and still declines
		return l.fail(c, v, consent.ErrExpired)
	}
	return l.pages.state(c, http.StatusOK, v, string(v.State), l.page(c, v))
}

// back is for who reloads the page that a post has shown.
func (l *links) back(c echo.Context) error {
	return respond.SeeOther(c, "/c/"+c.Param("token"))
}

// confirm is the button: the one act that makes a consent valid. Again, it answers the same.
func (l *links) confirm(c echo.Context) error {
	ctx, token, how := c.Request().Context(), c.Param("token"), consent.ByLink
	if l.browsers.of(c) != "" {
		if v, err := l.service.Person.View(ctx, token); err == nil && l.browsers.same(c, v) {
			how = consent.ByBrowser
		}
	}
	v, err := l.service.Person.Confirm(ctx, token, request.Evidence(c, how))
	if err != nil {
		return l.fail(c, v, err)
	}
	if to := l.sites[v.Site].after(afterConfirm, purposeIDs(v.Purposes)); to != "" && request.WantsPage(c) {
		request.StateOf(c).Site = v.Site
		return respond.SeeOther(c, to)
	}
	return l.pages.state(c, http.StatusOK, v, "confirmed", l.confirmed(v, false))
}

// decline is "this was not me".
func (l *links) decline(c echo.Context) error {
	v, err := l.service.Person.Decline(c.Request().Context(), c.Param("token"), request.Evidence(c, consent.ByLink))
	if err != nil {
		return l.fail(c, v, err)
	}
	p := templates.Declined{Site: l.sites[v.Site].Show, UnblockAction: action(v.Unblock, "/unblock"), JustNow: true}
	return l.pages.state(c, http.StatusOK, v, "declined", p)
}

// unblock lets emails come again.
func (l *links) unblock(c echo.Context) error {
	v, err := l.service.Person.Unblock(c.Request().Context(), c.Param("token"), request.Evidence(c, consent.ByLink))
	if err != nil {
		return l.fail(c, v, err)
	}
	return l.pages.state(c, http.StatusOK, v, "unblocked", l.unblocked(v))
}

// renew asks for a new email from the page of an expired link, within the limits of the client. What has been confirmed
// needs none.
func (l *links) renew(c echo.Context) error {
	ctx, token := c.Request().Context(), c.Param("token")
	v, err := l.service.Person.View(ctx, token)
	if err == nil && v.State == consent.Pending || errors.Is(err, consent.ErrExpired) {
		request.StateOf(c).Site = v.Site
		if err := l.limits.acquire(c, l.sites[v.Site], request.Client(c)); err != nil {
			return err
		}
	}
	v, err = l.service.Person.Renew(ctx, token, request.Evidence(c, consent.ByLink))
	if err != nil {
		return l.fail(c, v, err)
	}
	if v.State == consent.Confirmed {
		return l.pages.state(c, http.StatusOK, v, "confirmed", l.confirmed(v, true))
	}
	return l.pages.state(c, http.StatusAccepted, v, "pending", templates.Renewed{Site: l.sites[v.Site].Show})
}

// fail answers a link that cannot do what was asked: to people with a page that says what they can do instead.
func (l *links) fail(c echo.Context, v confirm.View, err error) error {
	if l.sites[v.Site] != nil {
		request.StateOf(c).Site = v.Site
	}
	p := l.failedPage(c, v, err)
	if p == nil || !request.WantsPage(c) {
		return err
	}
	return l.pages.render(c, respond.ProblemOf(err).Code.Status(), l.pages.languageOfView(c, v), p)
}

// action is the path of a button behind a token; empty where there is no token.
func action(token, path string) string {
	if token == "" {
		return ""
	}
	return "/c/" + token + path
}

// page is the page of a link that works.
func (l *links) page(c echo.Context, v confirm.View) templates.Page {
	show := l.sites[v.Site].Show
	switch {
	case v.Use == token.UseUnblock:
		return l.unblocked(v)
	case v.Use == token.UseDecline:
		return templates.Decline{
			Site: show, Address: v.Address.Masked(), Asked: v.Asked, DeclineAction: action(v.Decline, "/decline"),
		}
	case v.State == consent.Confirmed:
		return l.confirmed(v, true)
	}
	return templates.Confirm{
		Site: show, Address: v.Address.Masked(), Purposes: l.pages.purposes(l.sites[v.Site], v.Locale, v.Purposes),
		Asked: v.Asked, Deadline: v.Deadline,
		ConfirmAction: action(c.Param("token"), ""), DeclineAction: action(v.Decline, "/decline"),
		SameBrowser: l.browsers.same(c, v),
	}
}

// failedPage is the page of a link that does not do what was asked, or nil where the error is not the link's.
func (l *links) failedPage(c echo.Context, v confirm.View, err error) templates.Page {
	st := l.sites[v.Site]
	if st == nil {
		return nil
	}
	switch {
	case errors.Is(err, consent.ErrExpired):
		p := templates.Expired{Site: st.Show, DeclineAction: action(v.Decline, "/decline"), SignupURL: st.signupPath()}
		if v.Renewable {
			p.RenewAction = action(c.Param("token"), "/renew")
		}
		return p
	case errors.Is(err, consent.ErrDeclined):
		return templates.Declined{Site: st.Show, UnblockAction: action(v.Unblock, "/unblock")}
	case errors.Is(err, consent.ErrWithdrawn):
		return templates.WithdrawnLink{Site: st.Show, SignupURL: st.signupPath()}
	}
	return nil
}

// confirmed shows of a link's purposes those that are confirmed: one of them may have been taken back since.
func (l *links) confirmed(v confirm.View, already bool) templates.Page {
	st := l.sites[v.Site]
	p := templates.Confirmed{Site: st.Show, Already: already, UnsubscribeURL: v.Unsubscribe, BackURL: st.Show.URL}
	p.Purposes = inState(l.pages.purposes(st, v.Locale, v.Purposes), consent.Confirmed)
	return p
}

func (l *links) unblocked(v confirm.View) templates.Page {
	st := l.sites[v.Site]
	return templates.Unblocked{Site: st.Show, SignupURL: st.signupPath()}
}
