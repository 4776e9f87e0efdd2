package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/templates"
)

// oneClick is the field of a mail provider's post (RFC 8058, section 3.1): List-Unsubscribe=One-Click.
const oneClick = "List-Unsubscribe"

// unsubscribe handles /u/{token}: the page of what an address agreed to at a site, and its withdrawal.
type unsubscribePage struct {
	service *confirm.Service
	sites   sites
	pages   *pages
}

// show shows what an address agreed to, and changes nothing.
func (u *unsubscribePage) show(c echo.Context) error {
	v, err := u.service.Person.Consents(c.Request().Context(), c.Param("token"))
	if err != nil {
		return err
	}
	st := u.sites[v.Site]
	if v.Address.IsZero() { // all is forgotten
		return u.pages.state(c, http.StatusOK, v, "withdrawn",
			templates.Withdrawn{Site: st.Show, BackURL: st.after(afterWithdraw, nil)})
	}
	p := templates.Unsubscribe{
		Site: st.Show, Address: v.Address.Masked(), ReceiptURL: v.Receipt,
		Action:      u.pages.inChosen(c, v.Site, "/u/"+c.Param("token")),
		CopyAction:  u.pages.inChosen(c, v.Site, "/u/"+c.Param("token")+"/copy"),
		EraseAction: u.pages.inChosen(c, v.Site, "/u/"+c.Param("token")+"/erase"),
	}
	p.Purposes = u.pages.purposes(st, u.pages.languageOfView(c, v), v.Purposes)
	for i := range p.Purposes {
		p.Purposes[i].Given = givenOf(v.Given[p.Purposes[i].ID])
	}
	return u.pages.state(c, http.StatusOK, v, string(v.State), p)
}

// givenOf returns how something was agreed to, as the page shows it.
func givenOf(g confirm.Given) *templates.Given {
	known := func(words ...string) []string {
		return slices.DeleteFunc(words, func(w string) bool { return w == "" })
	}
	if g.Asked.IsZero() {
		return nil
	}
	return &templates.Given{
		Asked: g.Asked, AskedFrom: known(g.Source, g.AskedIP),
		Confirmed: g.Confirmed, ConfirmedFrom: known(g.ConfirmedIP),
	}
}

// withdraw withdraws consent at once, without another question, a cookie or a redirect (GDPR, article 7(3); RFC 8058,
// section 3.1). The link is enough: its holder may post it from any page or program.
func (u *unsubscribePage) withdraw(c echo.Context) error {
	ctx, token := c.Request().Context(), c.Param("token")
	named, how, err := readWithdrawal(c)
	if err != nil {
		return err
	}
	if len(named) > 0 {
		before, err := u.service.Person.Consents(ctx, token)
		if err != nil {
			return err
		}
		u.pages.about(c, before)
		if !request.ArePurposes(u.sites[before.Site].rules, before.Purposes, named) {
			return problem.InFields(problem.Field{Name: "purposes", Code: problem.PurposeUnknown})
		}
	}
	v, err := u.service.Person.Withdraw(ctx, token, named, request.Evidence(c, how))
	if err != nil {
		return err
	}
	state := string(v.State)
	if state == "" {
		state = string(consent.Withdrawn)
	}
	return u.pages.state(c, http.StatusOK, v, state, u.withdrawn(c, v, named))
}

// readWithdrawal returns the purposes to withdraw, none for all, and how they were named. A body that does not readably
// name purposes means all, whatever its type, charset and other fields are: mail programs post what their HTTP library
// happens to write.
func readWithdrawal(c echo.Context) ([]string, consent.Method, error) {
	in := request.Schema{"purposes": request.List, oneClick: request.Text}.DecodeAny(c)
	how := consent.ByLink
	if strings.EqualFold(in.One(oneClick), "One-Click") {
		how = consent.ByOneClick
	}
	code := in.Wrong("purposes")
	switch {
	case code == problem.FieldInvalid:
		return nil, how, nil
	case code == "" && in.Times("purposes") > 0 && in.Misspelt("purposes"):
		// Purposes under a misspelt name: to withdraw all would be more than was meant.
		code = problem.PurposeUnknown
	}
	if code != "" {
		return nil, "", problem.InFields(problem.Field{Name: "purposes", Code: code})
	}
	named := in.All("purposes")
	if strings.Join(named, "") == "" { // an empty field names none
		named = nil
	}
	return named, how, nil
}

// withdrawn returns the page of what was withdrawn of the purposes named, and what is left. It is the same when the
// form is posted again.
func (u *unsubscribePage) withdrawn(c echo.Context, v confirm.View, named []string) templates.Page {
	st := u.sites[v.Site]
	all := u.pages.purposes(st, u.pages.languageOfView(c, v), v.Purposes)
	p := templates.Withdrawn{
		Site: st.Show, Left: inState(all, consent.Confirmed), SignupURL: u.pages.inChosen(c, v.Site, st.signupPath()),
	}
	about := named
	if len(about) == 0 {
		about = purposeIDs(v.Purposes)
	}
	p.BackURL = st.after(afterWithdraw, about)
	p.Purposes = slices.DeleteFunc(inState(all, consent.Withdrawn), func(q templates.Purpose) bool {
		return len(named) > 0 && !slices.Contains(named, q.ID)
	})
	return p
}
