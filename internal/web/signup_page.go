package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/templates"
)

// Our own signup page tells people from programs without a script: people leave a field empty that they do not see, and
// take a moment to fill in the rest. Other forms are not checked in this way, since a website decides what they show.
const (
	fieldTrap = "subject" // a name that no browser fills in by itself
	// fieldMeant is the button with the address that the person may have meant.
	fieldMeant = "meant"

	// defaultFill is the least time that a person takes to fill in our page.
	defaultFill = time.Second
)

// signupPage handles the hosted signup page, /s/{site}.
type signupPage struct {
	service *confirm.Service
	sites   sites
	pages   *pages
	gate    *challenge.Gate
	stamps  *stamps
	fill    time.Duration // see Options.Fill
	// suggests is whether the page asks about domains that may be mistyped.
	suggests bool
	now      func() time.Time
}

// show shows the page in the language of the parameter lang, or else of the browser.
func (f *signupPage) show(c echo.Context) error {
	st, err := f.sites.of(c)
	if err != nil {
		return err
	}
	locale := f.pages.language(c, st, c.QueryParam(langParam))
	return f.pages.render(c, http.StatusOK, locale, f.page(st, locale, f.gate.Offer(st.id)))
}

// sent shows the page after a signup: look in your inbox.
func (f *signupPage) sent(c echo.Context) error {
	st, err := f.sites.of(c)
	if err != nil {
		return err
	}
	locale := f.pages.language(c, st, c.QueryParam(langParam))
	return f.pages.render(c, http.StatusOK, locale, templates.Sent{
		Site: st.Show, TTL: st.rules.Terms.TTL, Address: maskedIn(c.QueryParam("to")),
		CorrectURL: st.signupPath() + "?" + langParam + "=" + url.QueryEscape(locale),
	})
}

// sentPath is where a person goes after a signup: to the page that says to look in the inbox of the address, which is
// masked.
func (st *site) sentPath(locale string, to address.Address) string {
	return st.signupPath() + "/sent?" + url.Values{langParam: {locale}, "to": {to.Masked()}}.Encode()
}

// maskedIn returns a masked address of a page's URL as it is shown; empty if it is none. Anybody can write that URL.
func maskedIn(text string) string {
	first, domain, ok := strings.Cut(text, "…@")
	a, err := address.Parse(first + "@" + domain)
	if !ok || err != nil || a.Masked() != text {
		return ""
	}
	return text
}

// showAgain shows the page with what is wrong with a signup that it posted.
func (f *signupPage) showAgain(c echo.Context, in *signup, wrong []problem.Field) error {
	demand := in.demand
	if demand == nil {
		demand = f.gate.Offer(in.site.id)
	}
	p := f.page(in.site, in.locale, demand)
	p.Stamp = f.stamp(in.site, f.now().Add(-f.fill)) // the person need not take that time again
	if email := in.fields.One("email"); in.fields.Wrong("email") == "" && len(email) <= 320 {
		p.Values.Email = email
	}
	if in.fields.One("redirect") != "" {
		p.Redirect = in.redirect
	}
	p.Errors = fieldErrors(wrong)
	request.StateOf(c).Code = string(wrong[0].Code)
	if p.Suggest = false; !in.meant.IsZero() { // once is enough
		p.Meant = in.meant.String()
	}
	if in.demand != nil {
		p.Errors[0].Code = string(codeForPeople(in.site, *in.demand, wrong[0].Code))
	}
	return f.pages.render(c, http.StatusUnprocessableEntity, in.locale, p)
}

// codeForPeople returns the code of the text that the page shows when a proof is missing: people read another text than
// programs.
func codeForPeople(st *site, d challenge.Requirement, c problem.Code) problem.Code {
	switch {
	case d.Captcha != nil:
		return problem.CaptchaRequired
	case c == problem.ChallengeRequired && st.challenge == surge.ChallengeAlways:
		return problem.ChallengeAlways
	}
	return c
}

// purposes returns what a site asks, in one of its languages.
func (f *signupPage) purposes(st *site, locale string) []templates.Purpose {
	all := f.pages.choices(st, locale)
	for i := range all {
		if sum := f.service.StatementSum(st.id, all[i].ID, locale); sum != "" {
			all[i].StatementURL = statementPath(sum)
		}
	}
	return all
}

func (f *signupPage) page(st *site, locale string, demand *challenge.Requirement) templates.Signup {
	p := templates.Signup{
		Site: st.Show, Purposes: f.purposes(st, locale), Action: "/v1/sites/" + st.id + "/subscriptions",
		Stamp: f.stamp(st, f.now()), Suggest: f.suggests,
	}
	switch {
	case demand == nil:
	case demand.Captcha != nil:
		w := demand.Captcha
		p.Captcha = &templates.Captcha{Class: w.Class, SiteKey: w.SiteKey, Script: w.Script, Module: w.Module}
	default:
		b, err := json.Marshal(demand.Work)
		if err != nil {
			panic(err) // our own type
		}
		p.Challenge = string(b)
	}
	return p
}

// detectBot reports whether a post of our page filled in the trap. Otherwise it returns what is wrong with its stamp.
func (f *signupPage) detectBot(in *signup) (trapped bool, wrong []problem.Field) {
	if in.fields.Filled(fieldTrap) {
		return true, nil
	}
	if c := f.readStamp(in.site, in.fields.One(fieldStamp)); c != "" {
		return false, []problem.Field{{Name: fieldStamp, Code: c}}
	}
	return false, nil
}

// stamp returns the stamp of a site's page; empty if it is not checked.
func (f *signupPage) stamp(st *site, made time.Time) string {
	if f.fill < 0 {
		return ""
	}
	return f.stamps.make("signup page", st.id, made)
}

// readStamp returns what is wrong with a stamp: it is not ours or not this site's, too old, or too young. If the clock
// of the replica that made the page is ahead of ours, a person may be too quick once.
func (f *signupPage) readStamp(st *site, stamp string) problem.Code {
	if f.fill < 0 {
		return ""
	}
	switch _, age, ok := f.stamps.read("signup page", st.id, stamp); {
	case !ok:
		return problem.PageExpired
	case age < f.fill:
		return problem.TooQuick
	}
	return ""
}
