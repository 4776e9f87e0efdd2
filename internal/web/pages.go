package web

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/templates"
)

// pages renders the pages for people.
type pages struct {
	set   *templates.Set
	sites sites
}

// render writes a page and the headers that are particular to it.
func (p *pages) render(c echo.Context, status int, locale string, page templates.Page) error {
	var b bytes.Buffer
	if err := p.set.Page(&b, locale, page); err != nil {
		return err
	}
	h := c.Response().Header()
	switch page := page.(type) {
	case templates.Confirm:
		script := ""
		if page.SameBrowser {
			script = "'self'"
		}
		h.Set(echo.HeaderContentSecurityPolicy, policy(script, p.sites[page.Site.ID].confirmAction, "'none'"))
	case templates.Signup:
		p.public(h, page.Site.ID)
		p.allowProof(h, page)
	case templates.Sent:
		p.public(h, page.Site.ID)
	}
	h.Set("Content-Language", p.set.Language(locale))
	respond.Vary(h, echo.HeaderAccept, "Accept-Language")
	return respond.HTML(c, status, b.Bytes())
}

// public is for pages without a token in their address. With the policy no-referrer browsers would send "Origin: null"
// with their form, and a signup from our own page could not be told from a stranger's.
func (p *pages) public(h http.Header, site string) {
	h.Set(echo.HeaderReferrerPolicy, "same-origin")
	if st := p.sites[site]; st != nil {
		h.Set(echo.HeaderContentSecurityPolicy, policy("", st.formAction, st.ancestors))
	}
}

// allowProof lets a signup page run and show what its proof needs; with a captcha, content of another's.
func (p *pages) allowProof(h http.Header, page templates.Signup) {
	st, more := p.sites[page.Site.ID], challenge.Policy{}
	switch {
	case st == nil:
		return
	case page.Captcha != nil:
		more = st.Captcha.Widget().Policy
	case page.Challenge != "":
		more.Script = []string{"'self'"}
	}
	h.Set(echo.HeaderContentSecurityPolicy, policyWith(more, st.formAction, st.ancestors))
}

// policy is a Content-Security-Policy; script is empty or a source.
func policy(script, formAction, ancestors string) string {
	return policyWith(challenge.Policy{Script: strings.Fields(script)}, formAction, ancestors)
}

// policyWith is a Content-Security-Policy with more sources.
func policyWith(more challenge.Policy, formAction, ancestors string) string {
	p := "default-src 'none'; style-src " + strings.Join(append([]string{"'self'"}, more.Style...), " ") +
		"; img-src 'self'; form-action " + formAction + "; base-uri 'none'; frame-ancestors " + ancestors
	for _, d := range []struct {
		name    string
		sources []string
	}{{"script-src", more.Script}, {"frame-src", more.Frame}, {"connect-src", more.Connect}} {
		if len(d.sources) > 0 {
			p += "; " + d.name + " " + strings.Join(d.sources, " ")
		}
	}
	return p
}

// language is the best locale for a reader: what is wanted first, else what their browser prefers, of what the site
// offers. Without a site all languages are offered.
func (p *pages) language(c echo.Context, st *site, wanted ...string) string {
	offered := p.set.Languages()
	if st != nil {
		offered = st.Locales
	}
	return p.set.Match(offered, append(wanted, c.Request().Header.Values("Accept-Language")...)...)
}

// languageOfView is the language in which the person signed up; where that is forgotten, what the browser prefers.
func (p *pages) languageOfView(c echo.Context, v confirm.View) string {
	if v.Locale != "" {
		return v.Locale
	}
	return p.language(c, p.sites[v.Site])
}

// state tells the holder of a link where things stand: as a page, or for programs as {"state": …}.
func (p *pages) state(c echo.Context, status int, v confirm.View, state string, page templates.Page) error {
	request.StateOf(c).Site = v.Site
	if !request.WantsPage(c) {
		return respond.JSON(c, status, map[string]string{"state": state})
	}
	return p.render(c, status, p.languageOfView(c, v), page)
}

// unknownLink is the page of a link that is not ours, or was damaged.
func (p *pages) unknownLink(c echo.Context) error {
	return p.render(c, http.StatusNotFound, p.language(c, nil), templates.UnknownLink{})
}

// choices are a site's purposes in one of its languages.
func (p *pages) choices(st *site, locale string) []templates.Purpose {
	var all []templates.Purpose
	for _, purpose := range st.rules.Purposes {
		all = append(all, templates.Purpose{ID: purpose.ID, Text: purpose.Text[locale],
			Lang: p.foreign(locale, locale)})
	}
	return all
}

// purposes are those of a subscription, with the language of each text where it is not that of the page.
func (p *pages) purposes(st *site, locale string, from []consent.PurposeStatus) []templates.Purpose {
	var all []templates.Purpose
	for _, purpose := range from {
		all = append(all, templates.Purpose{
			ID: purpose.ID, Text: purpose.Text, State: string(purpose.State), Since: purpose.Since,
			Lang: p.foreign(st.languageOf(purpose, locale), locale),
		})
	}
	return all
}

// foreign is the language of a text if a page in this locale is written in another; else empty.
func (p *pages) foreign(text, locale string) string {
	if p.set.Language(locale) == text {
		return ""
	}
	return text
}

// inState are the purposes in one state.
func inState(all []templates.Purpose, state consent.State) []templates.Purpose {
	var some []templates.Purpose
	for _, p := range all {
		if p.State == string(state) {
			some = append(some, p)
		}
	}
	return some
}

// fieldErrors are field errors as pages show them.
func fieldErrors(fields []problem.Field) []templates.FieldError {
	var all []templates.FieldError
	for _, f := range fields {
		all = append(all, templates.FieldError{Field: f.Name, Code: string(f.Code)})
	}
	return all
}
