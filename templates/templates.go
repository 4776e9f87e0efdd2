// Package templates holds every page and every email that a person sees, and the words in them.
//
// It is only about looks and words. It decides nothing, reads no clock, and knows no address except the one that it is
// given to show (masked by the caller). Everything is embedded and checked by New: a service that has started can
// render every page and every email in every language.
//
// Pages are HTML for the Content-Security-Policy
//
//	default-src 'none'; style-src 'self'; script-src 'self';
//	form-action 'self'; base-uri 'none'; frame-ancestors 'none'
//
// (script-src is needed only by a Confirm page with SameBrowser and a Signup with Challenge). They work without
// JavaScript, unless a proof of work or a captcha is asked for, which only a browser with scripts can give. They load
// nothing from elsewhere, except for a Signup with Captcha. They meet WCAG 2.2 AA and are kept out of search engines. A
// page with a form that would post to anywhere but a path of the same origin is not rendered. No box is ever ticked
// beforehand (GDPR recital 32, CJEU C-673/17).
//
// The pages of a confirmation are prepared: rendered once for all people who see the same, and filled in with
// what differs (prepared.go).
//
// Pages and the HTML of emails are the files *.templ, which templ compiles to Go (`make generate`): what they show is
// escaped by where it stands, and a value that is not there does not build.
//
// An email is a pair of bodies that say the same, plain text and HTML under 20 kB with inline styles and tables, and a
// subject of one line. Nothing in it comes from the person who filled in the form: no advertising, pictures or
// tracking. EmailWith renders one with markers in the place of its links and moments, of which the mailer makes the
// skeleton of all emails that differ in those only.
//
// Messages are in locales/<tag>.json, one file per language, with CLDR plurals; context.json describes each to
// translators. How a language writes dates and lists comes from the CLDR (conventions.go). A new language is one more
// such file; the tests name what it still lacks, and until it is whole it is not offered. A language may be asked for
// by any BCP 47 tag; the nearest one built in is shown.
package templates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/a-h/templ"
)

// Set is all pages and emails in all languages. It is safe for concurrent use. All that it remembers of its calls is
// which languages were found for which headers, and pages without what is of one person.
type Set struct {
	languages
	prepared prepared
	own      map[string]*Set // of sites with translations of their own
}

// New reads and checks all that is embedded. Its error names every file and every message that is wrong. A translation
// that lacks something is left out: it is not offered to anybody before it is whole.
func New() (*Set, error) {
	translations, err := embeddedTranslations()
	if err != nil {
		return nil, err
	}
	return build(translations)
}

// build is New on any translations, English first.
func build(translations []*translation) (*Set, error) {
	s := &Set{}
	s.add(translations[0])
	if errs := s.problems(translations[0]); len(errs) > 0 {
		return nil, fmt.Errorf("templates: %w", errors.Join(errs...))
	}
	for _, t := range translations[1:] {
		if len(s.problems(t)) == 0 {
			s.add(t)
		}
	}
	return s, nil
}

// pageView is a page and what stands around it.
type pageView struct {
	*translation
	Locale  string // as it was asked for, which may be narrower than the language shown
	Site    Site
	page    Page
	endonym func(locale string) string
}

// When writes a moment in the site's time zone.
func (v pageView) When(at time.Time) (string, error) { return v.moment(at, v.Site.TimeZone) }

// textWhen is text with a moment as When, beside other values.
func (v pageView) textWhen(key string, at time.Time, pairs ...string) (string, error) {
	when, err := v.When(at)
	return v.text(key, append(pairs, "When", when)...), err
}

// Exactly writes a moment in the site's time zone, to the second.
func (v pageView) Exactly(at time.Time) (string, error) { return v.exactly(at, v.Site.TimeZone) }

// ExactState is State to the second.
func (v pageView) ExactState(name string, since time.Time) (string, error) {
	when, err := v.Exactly(since)
	return v.stateSince(name, when), err
}

// State writes the state of a purpose, and since when if that is known.
func (v pageView) State(name string, since time.Time) (string, error) {
	if since.IsZero() {
		return v.state(name), nil
	}
	when, err := v.When(since)
	return v.stateSince(name, when), err
}

// Languages lists the locales that the page can be switched to, its own included; none if there is no other. A page of
// an error has no address of its own that could be asked for in another language.
func (v pageView) Languages() []string {
	switch p := v.page.(type) {
	case Dossier, Failure, Statement:
		return nil
	case Signup:
		if len(p.Errors) > 0 { // it is the response to a post, at the address of the API
			return nil
		}
	}
	if len(v.Site.Locales) < 2 {
		return nil
	}
	return v.Site.Locales
}

// maxInLine is how many languages a page lists in a line. More are in a menu, which is closed at first.
const maxInLine = 6

// LanguageMenu reports whether the languages are in a menu.
func (v pageView) LanguageMenu() bool { return len(v.Languages()) > maxInLine }

// Own returns the site's own words in the page's language.
func (v pageView) Own() Wording { return v.Site.Wording[v.Locale] }

// Page renders a page in the language nearest to locale. It renders into memory first: with an error nothing was
// written, unless the error is w's own. A page with a form that would post to anywhere but a path of the same origin is
// such an error.
func (s *Set) Page(w io.Writer, locale string, p Page) error { return s.PageWith(w, locale, p, "") }

// PageWith is Page with a reference at the foot of the page, which a person can quote when they ask about it; empty:
// none.
func (s *Set) PageWith(w io.Writer, locale string, p Page, reference string) error {
	for _, action := range p.actions() {
		if !isPath(action) {
			return fmt.Errorf("templates: page %s: a form must post to a path of the same origin, not %q",
				p.name(), action)
		}
	}
	of := s.Of(p.site().ID)
	html, err := of.page(locale, p)
	if err != nil {
		return fmt.Errorf("templates: page %s: %w", p.name(), err)
	}
	at := bytes.LastIndex(html, []byte("</footer>"))
	if reference == "" || at < 0 {
		_, err = w.Write(html)
		return err
	}
	_, err = w.Write(slices.Insert(html, at, of.translation(locale).referenceLine(reference)...))
	return err
}

// referenceLine is what a person can quote when they ask about a page. Most pages are prepared once for everybody, so
// it is not in their layout.
func (t *translation) referenceLine(reference string) []byte {
	return []byte(`<p class="reference">` + templ.EscapeString(t.text("footer.reference")) + ` <span dir="ltr">` +
		templ.EscapeString(reference) + `</span></p>`)
}

func (s *Set) page(locale string, p Page) ([]byte, error) {
	if v, ok := p.(varied); ok {
		return s.variedPage(locale, v)
	}
	return s.execute(locale, p)
}

// execute renders a page whole.
func (s *Set) execute(locale string, p Page) ([]byte, error) {
	v := pageView{translation: s.translation(locale), Locale: locale, Site: p.site(), page: p, endonym: s.Endonym}
	var b bytes.Buffer
	if err := v.layout().Render(context.Background(), &b); err != nil {
		return nil, err
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")), nil // what a person typed may be any bytes
}
