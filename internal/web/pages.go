package web

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
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

// render writes a page, and the headers that differ from those of every response.
func (p *pages) render(c echo.Context, status int, locale string, page templates.Page) error {
	var b bytes.Buffer
	if err := p.set.PageWith(&b, locale, page, request.StateOf(c).Reference); err != nil {
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
		p.publicHeaders(h, page.Site.ID)
		p.allowProofInPolicy(h, page)
	case templates.Sent:
		p.publicHeaders(h, page.Site.ID)
	}
	h.Set("Content-Language", p.set.Of(templates.SiteOf(page)).Language(locale))
	respond.Vary(h, echo.HeaderAccept, "Accept-Language")
	return respond.HTML(c, status, b.Bytes())
}

// publicHeaders sets the headers of a page without a token in its address. With the referrer policy no-referrer
// browsers would post its form with "Origin: null", and it would not be known as our own.
func (p *pages) publicHeaders(h http.Header, site string) {
	h.Set(echo.HeaderReferrerPolicy, "same-origin")
	if st := p.sites[site]; st != nil {
		h.Set(echo.HeaderContentSecurityPolicy, policy("", st.formAction, st.ancestors))
	}
}

// allowProofInPolicy adds to the Content-Security-Policy what the proof of a signup page needs: our own script, or the
// sources of a captcha's service.
func (p *pages) allowProofInPolicy(h http.Header, page templates.Signup) {
	st, more := p.sites[page.Site.ID], challenge.CSPSources{}
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

// policy returns a Content-Security-Policy; script is empty or a source.
func policy(script, formAction, ancestors string) string {
	return policyWith(challenge.CSPSources{Script: strings.Fields(script)}, formAction, ancestors)
}

// policyWith returns a Content-Security-Policy with more sources.
func policyWith(more challenge.CSPSources, formAction, ancestors string) string {
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

// language returns the best of a site's locales for a reader: the one that is wanted, or else the one that the browser
// prefers. Without a site, all languages that we have are offered.
func (p *pages) language(c echo.Context, st *site, wanted ...string) string {
	wanted = append(wanted, c.Request().Header.Values("Accept-Language")...)
	if st == nil {
		return p.set.Nearest(wanted...)
	}
	return p.set.Match(st.Locales, wanted...)
}

// langParam is the parameter of the language that a person chose on a page.
const langParam = "lang"

// languageOfView returns the locale that the person chose on the page; else the one in which they signed up; if the
// record is gone, what the browser prefers.
func (p *pages) languageOfView(c echo.Context, v confirm.View) string {
	if chosen := p.chosen(c, v.Site); chosen != "" {
		return chosen
	}
	if v.Locale != "" {
		return v.Locale
	}
	return p.language(c, p.sites[v.Site])
}

// chosen returns the site's locale that the person chose on the page; empty: none.
func (p *pages) chosen(c echo.Context, site string) string {
	lang, st := c.QueryParam(langParam), p.sites[site]
	if st == nil || !slices.Contains(st.Locales, lang) {
		return ""
	}
	return lang
}

// inChosen returns the path of a next step, in the language that the person chose.
func (p *pages) inChosen(c echo.Context, site, path string) string {
	if lang := p.chosen(c, site); lang != "" && path != "" {
		return path + "?" + langParam + "=" + url.QueryEscape(lang)
	}
	return path
}

// state responds to a link with a page, or with {"state": …} for programs.
func (p *pages) state(c echo.Context, status int, v confirm.View, state string, page templates.Page) error {
	p.about(c, v)
	if !request.WantsPage(c) {
		return respond.JSON(c, status, map[string]string{"state": state})
	}
	return p.render(c, status, p.languageOfView(c, v), page)
}

// about notes which subscription a request is about, for the log and for the foot of the page, where a person reads it.
func (p *pages) about(c echo.Context, v confirm.View) {
	st := request.StateOf(c)
	st.Site, st.Subscription, st.Trace = v.Site, v.ID, v.Trace
	st.Reference = st.Subscription
}

// redirectToPage returns the handler for the GET of a button's address, which a browser sends when the page after a
// POST is reloaded: it leads to the page of the link, /c/… or /u/…, in the language that was chosen there.
func redirectToPage(of string) echo.HandlerFunc {
	return func(c echo.Context) error {
		path := of + c.Param("token")
		if lang := c.QueryParam(langParam); lang != "" {
			path += "?" + langParam + "=" + url.QueryEscape(lang)
		}
		return respond.SeeOther(c, path)
	}
}

// home shows what the service is, and says nothing of its sites.
func (p *pages) home(c echo.Context) error {
	return p.render(c, http.StatusOK, p.language(c, nil), templates.Home{})
}

// unknownLink shows the page of a link that is not ours, or was damaged.
func (p *pages) unknownLink(c echo.Context) error {
	return p.render(c, http.StatusNotFound, p.language(c, nil), templates.UnknownLink{})
}

// choices returns a site's purposes in one of its languages.
func (p *pages) choices(st *site, locale string) []templates.Purpose {
	var all []templates.Purpose
	for _, purpose := range st.rules.Purposes {
		all = append(all, templates.Purpose{ID: purpose.ID, Text: purpose.Text[locale],
			TextChild: st.Show.ChildTexts[locale][purpose.Text[locale]], Lang: p.foreign(locale, locale)})
	}
	return all
}

// purposes returns the purposes of a subscription, with the language of each text where it is not the page's.
func (p *pages) purposes(st *site, locale string, from []consent.PurposeStatus) []templates.Purpose {
	var all []templates.Purpose
	for _, purpose := range from {
		in := st.languageOf(purpose, locale)
		all = append(all, templates.Purpose{
			ID: purpose.ID, Text: purpose.Text, TextChild: st.Show.ChildTexts[in][purpose.Text],
			State: string(purpose.State), Since: purpose.Since,
			Superseded: purpose.Reason == consent.ReasonSuperseded,
			Over:       purpose.Reason == consent.ReasonValidity, Until: purpose.ValidUntil,
			Lang:         p.foreign(in, locale),
			StatementURL: statementPath(purpose.TextSHA256),
		})
	}
	return all
}

// foreign returns the language of a text if a page in this locale is written in another; else empty.
func (p *pages) foreign(text, locale string) string {
	if p.set.Language(locale) == text || locale == text {
		return ""
	}
	return text
}

// inState returns the purposes that are in a state.
func inState(all []templates.Purpose, state consent.State) []templates.Purpose {
	var some []templates.Purpose
	for _, p := range all {
		if p.State == string(state) {
			some = append(some, p)
		}
	}
	return some
}

// fieldErrors returns field errors for the pages.
func fieldErrors(fields []problem.Field) []templates.FieldError {
	var all []templates.FieldError
	for _, f := range fields {
		all = append(all, templates.FieldError{Field: f.Name, Code: string(f.Code)})
	}
	return all
}
