package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/redirect"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// Site is what the web knows of a website, beside confirm.Site.
type Site struct {
	Show      templates.Site
	Locales   []string        // BCP 47; the first is the default; every purpose has its text in each
	Origins   []origin.Origin // who may call from a browser
	Redirects []*url.URL      // where a person may be sent afterwards: prefixes, see redirect.CheckPrefix
	APIKeys   []APIKey        // of the site's servers
	Limits    Limits
	Forms     map[string]Form // by id: the website's own
	// Captcha is required in the place of a proof of work. It needs Options.Work for when its service is unavailable.
	Captcha *challenge.Captcha

	After          RedirectAfter            // where a person is sent, under Redirects
	AfterPurpose   map[string]RedirectAfter // the same by purpose; goes before After
	FrameAncestors []origin.Origin          // whose pages may frame the hosted pages
	Theme          *theme.Theme             // nil: the pages' own look
}

// Limits are a site's limits on signups by client; none: no limit. The limits on emails are in confirm.Site.
type Limits struct {
	SignupsPerIP      []store.Limit // an IPv6 network of 64 bits counts as one IP
	SignupsPerNetwork []store.Limit // the network of an IPv4 address has 24 bits, that of an IPv6 address 48
}

// Form is one of a website's own forms, as its signups name it.
type Form struct {
	URL    string // of the page that it is on; may be empty
	Strict bool   // what it says it showed must be the words of the purposes
}

// RedirectAfter says where a person is sent after an action; nil: to our own page. Nothing is ever added to these URLs.
type RedirectAfter struct{ Signup, Confirm, Withdraw *url.URL }

// site is a Site that was checked, with the rest of what is known of it.
type site struct {
	Site
	id        string
	rules     confirm.Site
	challenge surge.ChallengePolicy // when its signups need a proof
	fields    request.Schema        // of a signup
	ownFields request.Schema        // of a signup on our own page

	// Of the Content-Security-Policy:
	formAction    string // of pages with the signup form
	confirmAction string // of the page with the confirmation button
	ancestors     string // of the hosted pages
}

// sites are all sites, by id.
type sites map[string]*site

// of returns the site that a request's path names.
func (s sites) of(c echo.Context) (*site, error) {
	if st := s[c.Param("site")]; st != nil {
		return st, nil
	}
	return nil, problem.New(problem.SiteUnknown)
}

func newSite(id string, w Site, service *confirm.Service, surges *surge.Surge) (*site, error) {
	rules, ok := service.Site(id)
	if !ok {
		return nil, errors.New("the service does not know it")
	}
	st := &site{
		Site: w, id: id, rules: rules, challenge: surges.ChallengePolicy(id),
		formAction: "'self'", confirmAction: "'self'", ancestors: "'none'",
	}
	st.Show.Locales = w.Locales
	st.fields, st.ownFields = st.schema(false), st.schema(true)
	if len(w.FrameAncestors) > 0 {
		st.ancestors = ""
		for _, o := range w.FrameAncestors {
			st.ancestors = strings.TrimPrefix(st.ancestors+" "+string(o), " ")
		}
	}
	if err := st.checkRedirects(); err != nil {
		return nil, err
	}
	if err := st.checkAfter(); err != nil {
		return nil, err
	}
	return st, st.checkTexts()
}

// checkRedirects checks the prefixes, and lets the signup form be answered with a redirect to them: Chrome applies
// form-action to where the answer redirects, too.
func (st *site) checkRedirects() error {
	for _, prefix := range st.Redirects {
		if err := redirect.CheckPrefix(prefix); err != nil {
			return fmt.Errorf("a redirect %w", err)
		}
		st.formAction = withSource(st.formAction, prefix)
	}
	return nil
}

// withSource adds a URL's origin to a list of sources, once.
func withSource(list string, u *url.URL) string {
	if o := u.Scheme + "://" + u.Host; !strings.Contains(list+" ", " "+o+" ") {
		list += " " + o
	}
	return list
}

// checkTexts makes sure that each purpose has a text in each of the site's languages.
func (st *site) checkTexts() error {
	if len(st.Locales) == 0 || len(st.rules.Purposes) == 0 {
		return errors.New("it needs a locale and a purpose")
	}
	for _, p := range st.rules.Purposes {
		for _, l := range st.Locales {
			if p.Text[l] == "" {
				return fmt.Errorf("purpose %s has no text in %s", p.ID, l)
			}
		}
	}
	return nil
}

// signupPath is the path of the hosted signup page.
func (st *site) signupPath() string { return "/s/" + st.id }

// languageOf returns the language of a purpose's text. It is locale, the language of the page, if several languages
// have the same text, or if the text is one that the configuration no longer has.
func (st *site) languageOf(shown consent.PurposeStatus, locale string) string {
	p, _ := st.rules.Purpose(shown.ID)
	if p.Text[locale] == shown.Text {
		return locale
	}
	i := slices.IndexFunc(st.Locales, func(l string) bool { return p.Text[l] == shown.Text })
	if i < 0 {
		return locale
	}
	return st.Locales[i]
}

// occasion is an action after which a person is sent to another page.
type occasion int

const (
	afterSignup occasion = iota
	afterConfirm
	afterWithdraw
)

func (a RedirectAfter) of(d occasion) *url.URL {
	return [...]*url.URL{a.Signup, a.Confirm, a.Withdraw}[d]
}

// after returns where a person is sent after an action on these purposes: the page of the first of them, in the site's
// order, that has one, else the site's; empty: nowhere.
func (st *site) after(d occasion, purposes []string) string {
	to := st.After.of(d)
	for _, p := range st.rules.Purposes {
		if own := st.AfterPurpose[p.ID].of(d); own != nil && slices.Contains(purposes, p.ID) {
			to = own
			break
		}
	}
	if to == nil {
		return ""
	}
	return to.String()
}

// checkAfter makes sure that those pages are under the site's redirects, and lets the button of the confirmation page
// be answered with a redirect, as checkRedirects does for the signup form.
func (st *site) checkAfter() error {
	all := []RedirectAfter{st.After}
	for _, p := range st.rules.Purposes {
		all = append(all, st.AfterPurpose[p.ID])
	}
	for _, a := range all {
		for _, to := range []*url.URL{a.Signup, a.Confirm, a.Withdraw} {
			if to != nil && (redirect.CheckPrefix(to) != nil || !redirect.Under(to, st.Redirects)) {
				return errors.New(
					"a page to go to afterwards must be under one of the redirects, without query and fragment")
			}
		}
		if a.Confirm != nil {
			st.confirmAction = withSource(st.confirmAction, a.Confirm)
		}
	}
	return nil
}

// purposeIDs are the ids of purposes.
func purposeIDs(of []consent.PurposeStatus) []string {
	var all []string
	for _, p := range of {
		all = append(all, p.ID)
	}
	return all
}

// confirmedIDs returns the ids of those purposes that are confirmed.
func confirmedIDs(of []consent.PurposeStatus) []string {
	unconfirmed := func(p consent.PurposeStatus) bool { return p.State != consent.Confirmed }
	return purposeIDs(slices.DeleteFunc(slices.Clone(of), unconfirmed))
}
