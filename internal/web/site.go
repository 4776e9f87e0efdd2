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
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/surge"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// Site is what the web knows of a website beside the rules' confirm.Site.
type Site struct {
	Show      templates.Site
	Locales   []string // BCP 47; the first is the default; every purpose has its text in each
	Origins   []string // who may call from a browser: scheme://host[:port]
	Redirects []string // where a person may be sent afterwards: prefixes, absolute URLs
	APIKeys   []APIKey // of the site's servers
	Limits    Limits
	// Captcha is required in the place of a proof of work. It needs Options.Work for when its service is unavailable.
	Captcha *challenge.Captcha

	After          After            // where a person is sent, under Redirects
	AfterPurpose   map[string]After // the same by purpose; goes before After
	FrameAncestors []string         // origins whose pages may frame the hosted pages
	Theme          *theme.Theme     // nil: the pages' own look
}

// Limits are a site's limits on who may sign up; none: no limit. Those on emails are the rules' own.
type Limits struct {
	SignupsPerIP      []store.Limit // an IPv6 network of 64 bits counts as one IP
	SignupsPerNetwork []store.Limit // the network of an IPv4 address has 24 bits, that of an IPv6 address 48
}

// After says where a person is sent when something is done; empty: to our own page. Nothing is ever added to these
// addresses.
type After struct{ Signup, Confirm, Withdraw string }

// site is a Site as it is used: checked and parsed.
type site struct {
	Site
	id        string
	rules     confirm.Site
	challenge surge.Challenge // when its signups need one
	prefixes  []*url.URL      // that Redirects names

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
		return nil, errors.New("the rules do not know it")
	}
	st := &site{Site: w, id: id, rules: rules, challenge: surges.Challenge(id), formAction: "'self'", confirmAction: "'self'", ancestors: "'none'"}
	var err error
	if st.Origins, err = parseOrigins(w.Origins); err != nil {
		return nil, err
	}
	ancestors, err := parseOrigins(w.FrameAncestors)
	if err != nil {
		return nil, err
	}
	if len(ancestors) > 0 {
		st.ancestors = strings.Join(ancestors, " ")
	}
	for _, text := range w.Redirects {
		if err := st.addRedirect(text); err != nil {
			return nil, err
		}
	}
	if err := st.checkAfter(); err != nil {
		return nil, err
	}
	return st, st.checkTexts()
}

// parseOrigins reads origins, each as a browser writes it.
func parseOrigins(texts []string) (all []string, err error) {
	for _, text := range texts {
		u, err := url.Parse(text)
		if err != nil {
			return nil, errors.New("an origin is not a URL")
		}
		o, err := parseOrigin(u)
		if err != nil {
			return nil, fmt.Errorf("origin %s: %w", text, err)
		}
		all = append(all, o)
	}
	return all, nil
}

func (st *site) addRedirect(text string) error {
	u, err := parseRedirect(text)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New(
			"a redirect prefix must be an absolute http or https URL without query, fragment or dot segments")
	}
	st.prefixes = append(st.prefixes, u)
	st.formAction = withSource(st.formAction, u) // Chrome applies form-action to where the answer redirects, too
	return nil
}

// withSource adds a URL's origin to a list of sources, once.
func withSource(list string, u *url.URL) string {
	if o := u.Scheme + "://" + u.Host; !strings.Contains(list+" ", " "+o+" ") {
		list += " " + o
	}
	return list
}

// checkTexts makes sure that nobody is asked for a consent without words.
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

// signupPath is where the site's own hosted page is.
func (st *site) signupPath() string { return "/s/" + st.id }

// languageOf finds the language in which a text was shown: the page's if the text is the same in several, and also if
// the text is one of the past.
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

// done is one of the three things after which a person is sent on.
type done int

const (
	afterSignup done = iota
	afterConfirm
	afterWithdraw
)

func (a After) of(d done) string { return [...]string{a.Signup, a.Confirm, a.Withdraw}[d] }

// after is where a person is sent who did something about these purposes: to the page of the first of them, in the
// site's order, that has one, else to the site's; empty: nowhere.
func (st *site) after(d done, purposes []string) string {
	for _, p := range st.rules.Purposes {
		if to := st.AfterPurpose[p.ID].of(d); to != "" && slices.Contains(purposes, p.ID) {
			return to
		}
	}
	return st.After.of(d)
}

// checkAfter makes sure that every such page is one that a person may be sent to, and lets the button of a confirmation
// page be answered with a redirect: Chrome applies form-action to where the answer redirects, too.
func (st *site) checkAfter() error {
	all := []After{st.After}
	for _, p := range st.rules.Purposes {
		all = append(all, st.AfterPurpose[p.ID])
	}
	for _, a := range all {
		for _, to := range []string{a.Signup, a.Confirm, a.Withdraw} {
			if u, err := st.allowed(to); to != "" && (err != nil || u.RawQuery != "" || u.Fragment != "") {
				return errors.New(
					"a page to go to afterwards must be under one of the redirects, without query and fragment")
			}
		}
		if u, err := url.Parse(a.Confirm); a.Confirm != "" && err == nil {
			st.confirmAction = withSource(st.confirmAction, u)
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

// maxRedirect is the longest address that a person is sent to, in bytes.
const maxRedirect = 2048

var errRedirect = errors.New("not an address that a person may be sent to")

// parseRedirect reads an absolute http or https URL that no browser reads differently: printable ASCII without
// backslash or quotes, no user, no dot segments in any coding, no coded slash.
func parseRedirect(raw string) (*url.URL, error) {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\\\"'<>^`{|}", r) }
	if len(raw) > maxRedirect || strings.IndexFunc(raw, odd) >= 0 {
		return nil, errRedirect
	}
	if !strings.HasPrefix(raw, "https://") && !strings.HasPrefix(raw, "http://") {
		return nil, errRedirect
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return nil, errRedirect
	}
	u.Host = strings.ToLower(u.Host)
	coded := strings.ToLower(u.EscapedPath())
	for _, trick := range []string{"%2f", "%5c", "%00"} {
		if strings.Contains(coded, trick) {
			return nil, errRedirect
		}
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." || strings.ContainsFunc(segment, control) {
			return nil, errRedirect
		}
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// allowed reads where a person is to be sent, if it is under one of the site's prefixes: the same scheme and host, port
// included, and the prefix's path or one below it.
func (st *site) allowed(raw string) (*url.URL, error) {
	u, err := parseRedirect(raw)
	if err != nil {
		return nil, err
	}
	under := func(p *url.URL) bool {
		folder := strings.TrimSuffix(p.Path, "/") + "/"
		return u.Scheme == p.Scheme && u.Host == p.Host && (u.Path == p.Path || strings.HasPrefix(u.Path, folder))
	}
	if !slices.ContainsFunc(st.prefixes, under) {
		return nil, errRedirect
	}
	return u, nil
}
