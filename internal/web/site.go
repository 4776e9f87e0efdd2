package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/templates"
)

// site is a Site as it is used: checked and parsed.
type site struct {
	Site
	id       string
	rules    confirm.Site
	prefixes []*url.URL
	pulse    pulse

	// Of the Content-Security-Policy:
	formAction  string // of pages with the signup form
	pressAction string // of the page with the letter's button
	ancestors   string // of the hosted pages
}

func newSite(id string, w Site, desk *confirm.Service) (*site, error) {
	rules, ok := desk.Site(id)
	if !ok {
		return nil, errors.New("the rules do not know it")
	}
	st := &site{Site: w, id: id, rules: rules, formAction: "'self'", pressAction: "'self'", ancestors: "'none'"}
	var err error
	if st.Origins, err = origins(w.Origins); err != nil {
		return nil, err
	}
	framers, err := origins(w.FrameAncestors)
	if err != nil {
		return nil, err
	}
	if len(framers) > 0 {
		st.ancestors = strings.Join(framers, " ")
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

// origins reads origins, each as a browser writes it.
func origins(texts []string) (all []string, err error) {
	for _, text := range texts {
		u, err := url.Parse(text)
		if err != nil {
			return nil, errors.New("an origin is not a URL")
		}
		o, err := origin(u)
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
		return errors.New("a redirect prefix must be an absolute http or https URL without query, fragment or dot segments")
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

// checkTexts sees to it that nobody is asked for a consent without words.
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

// choices are the site's purposes in one of its languages.
func (s *Server) choices(st *site, locale string) []templates.Purpose {
	var all []templates.Purpose
	for _, p := range st.rules.Purposes {
		all = append(all, templates.Purpose{ID: p.ID, Text: p.Text[locale], Lang: s.foreign(locale, locale)})
	}
	return all
}

// purposes are those of a subscription, with the language of each text where it is not that of the page.
func (s *Server) purposes(st *site, locale string, from []consent.PurposeStatus) []templates.Purpose {
	var all []templates.Purpose
	for _, p := range from {
		all = append(all, templates.Purpose{
			ID: p.ID, Text: p.Text, State: string(p.State), Since: p.Since, Lang: s.foreign(st.languageOf(p, locale), locale),
		})
	}
	return all
}

// languageOf finds the language in which a text was shown: the page's if the text is the same in several, and also if the text
// is one of the past.
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

// foreign is the language of a text if a page in this locale is written in another; else empty.
func (s *Server) foreign(text, locale string) string {
	if s.opt.Pages.Language(locale) == text {
		return ""
	}
	return text
}
