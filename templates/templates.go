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
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
)

// embedded returns the folders pages, emails and admin.
var embedded = sync.OnceValue(embeddedFiles)

// Set is all pages and emails in all languages. It is safe for concurrent use. All that it remembers of its calls is
// which languages were found for which headers, and pages without what is of one person.
type Set struct {
	languages
	prepared prepared
	// references has what stands around a reference, by language.
	references sync.Map
	parsed     map[string]*parsedFiles // by language
	keys       []string                // of the messages that files and code ask for, sorted
	files      fs.FS                   // with the folders pages and emails
	own        map[string]*Set         // of sites with translations of their own
}

// New parses and checks everything embedded. Its error names every file and every message that is missing or wrong.
func New() (*Set, error) {
	translations, err := embeddedTranslations()
	if err != nil {
		return nil, err
	}
	return build(embedded(), translations)
}

// build is New on any file system with the folders pages and emails, and any translations, English first. A translation
// that lacks something is left out: it is not offered to anybody before it is whole.
func build(files fs.FS, translations []*translation) (*Set, error) {
	s := &Set{parsed: map[string]*parsedFiles{}, files: files}
	all := s.newParsedFiles(translations[0])
	if err := all.parseAll(); err != nil {
		return nil, err
	}
	s.keys = all.messageKeys()
	s.put(translations[0])
	if errs := s.problems(translations[0]); len(errs) > 0 {
		return nil, fmt.Errorf("templates: %w", errors.Join(errs...))
	}
	for _, t := range translations[1:] {
		if len(s.problems(t)) == 0 {
			s.put(t)
		}
	}
	return s, nil
}

// pageView is what a page's template sees.
type pageView struct {
	Locale string // as it was asked for, which may be narrower than the language shown
	Site   Site
	Page   Page
	in     *translation
}

// When writes a moment in the site's time zone.
func (v pageView) When(at time.Time) (string, error) { return v.in.moment(at, v.Site.TimeZone) }

// Exactly writes a moment in the site's time zone, to the second.
func (v pageView) Exactly(at time.Time) (string, error) { return v.in.exactly(at, v.Site.TimeZone) }

// ExactState is State to the second.
func (v pageView) ExactState(name string, since time.Time) (string, error) {
	when, err := v.Exactly(since)
	if err != nil {
		return "", err
	}
	return v.in.stateSince(name, when)
}

// factsView is what is known of a step, in a page.
type factsView struct {
	In    pageView
	Facts Facts
}

// Of puts what is known of a step beside the page.
func (v pageView) Of(f Facts) factsView { return factsView{v, f} }

// State writes the state of a purpose, and since when if that is known.
func (v pageView) State(name string, since time.Time) (string, error) {
	if since.IsZero() {
		return v.in.state(name)
	}
	when, err := v.When(since)
	if err != nil {
		return "", err
	}
	return v.in.stateSince(name, when)
}

// Languages lists the locales that the page can be switched to, its own included; none if there is no other. A page of
// an error has no address of its own that could be asked for in another language.
func (v pageView) Languages() []string {
	switch p := v.Page.(type) {
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
	var foot [2]string
	if err == nil && reference != "" {
		foot, err = of.aroundReference(locale, p)
	}
	if err != nil {
		return fmt.Errorf("templates: page %s: %w", p.name(), err)
	}
	at := bytes.LastIndex(html, []byte("</footer>"))
	if reference == "" || at < 0 {
		_, err = w.Write(html)
		return err
	}
	line := foot[0] + template.HTMLEscapeString(reference) + foot[1]
	for _, part := range [][]byte{html[:at], []byte(line), html[at:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// aroundReference returns what stands before and behind a reference at the foot of a page. Most pages are prepared once
// for everybody, so it is not in their layout, and is prepared as well.
func (s *Set) aroundReference(locale string, p Page) (around [2]string, err error) {
	name := s.translation(locale).name()
	if known, ok := s.references.Load(name); ok {
		return known.([2]string), nil
	}
	const here = "HERE"
	var line bytes.Buffer
	if err := s.parsed[name].page(p.name()).ExecuteTemplate(&line, "reference", here); err != nil {
		return around, err
	}
	around[0], around[1], _ = strings.Cut(line.String(), here)
	s.references.Store(name, around)
	return around, nil
}

func (s *Set) page(locale string, p Page) ([]byte, error) {
	if v, ok := p.(varied); ok {
		return s.variedPage(locale, v)
	}
	return s.execute(locale, p)
}

// execute renders a page by its template.
func (s *Set) execute(locale string, p Page) ([]byte, error) {
	var b bytes.Buffer
	in := s.translation(locale)
	t := s.parsed[in.name()].page(p.name())
	if err := t.ExecuteTemplate(&b, "layout.html", pageView{locale, p.site(), p, in}); err != nil {
		return nil, err
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")), nil // what a person typed may be any bytes
}
