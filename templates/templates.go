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
// An email is a pair of bodies that say the same, plain text and HTML under 20 kB with inline styles and tables, and a
// subject of one line. Nothing in it comes from the person who filled in the form: no advertising, pictures or
// tracking. EmailWith renders one with markers in the place of its links and moments, of which the mailer makes the
// skeleton of all emails that differ in those only.
//
// Messages are in locales/<tag>.json, one file per language, with CLDR plurals. A new language is one more such file;
// New names what it still lacks. A language may be asked for by any BCP 47 tag; the nearest one built in is shown.
package templates

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	texttemplate "text/template"
)

//go:embed locales/*.json pages/*.html emails/*.html emails/*.txt
var embedded embed.FS

// Set is all pages and emails in all languages. It is safe for concurrent use. All that it remembers of its calls is
// which languages were found for which headers, and pages without what is of one person.
type Set struct {
	translations []*translation // English first
	names        []string       // of the translations, in their order
	matches      matches
	prepared     prepared
	html         map[string]map[string]*template.Template     // by language, then by file without its folder
	text         map[string]map[string]*texttemplate.Template // the same
}

// New parses and checks everything embedded. Its error names every file and every message that is missing or wrong.
func New() (*Set, error) { return build(embedded) }

// build is New on any file system with the folders locales, pages and emails.
func build(files fs.FS) (*Set, error) {
	translations, err := readTranslations(files)
	if err != nil {
		return nil, err
	}
	s := &Set{
		translations: translations,
		html:         map[string]map[string]*template.Template{},
		text:         map[string]map[string]*texttemplate.Template{},
	}
	for _, t := range translations {
		s.names = append(s.names, t.name())
		if err := s.parse(files, t); err != nil {
			return nil, err
		}
	}
	return s, errors.Join(s.missingMessages()...)
}

// parse reads all files of one language.
func (s *Set) parse(files fs.FS, t *translation) error {
	html, text := map[string]*template.Template{}, map[string]*texttemplate.Template{}
	funcs := s.funcs(t)
	pageLayout, err := template.New("layout.html").Funcs(funcs).ParseFS(files, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, name := range pageNames() {
		page, err := template.Must(pageLayout.Clone()).ParseFS(files, "pages/"+name+".html")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		html[name] = page
	}
	emailLayout, err := template.New("layout.html").Funcs(funcs).ParseFS(files, "emails/layout.html")
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, name := range emailNames() {
		email, err := template.Must(emailLayout.Clone()).ParseFS(files, "emails/"+name+".html")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		html["email/"+name] = email
		plain, err := texttemplate.New(name+".txt").
			Funcs(funcs).
			ParseFS(files, "emails/controller.txt", "emails/"+name+".txt")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		text[name] = plain
	}
	s.html[t.name()], s.text[t.name()] = html, text
	return nil
}

// pageView is what a page's template sees.
type pageView struct {
	Locale string // as it was asked for, which may be narrower than the language shown
	Site   Site
	Page   Page
}

// Page renders a page in the language nearest to locale. It renders into memory first: with an error nothing was
// written, unless the error is w's own. A page with a form that would post to anywhere but a path of the same origin is
// such an error.
func (s *Set) Page(w io.Writer, locale string, p Page) error {
	for _, action := range p.actions() {
		if !isPath(action) {
			return fmt.Errorf("templates: page %s: a form must post to a path of the same origin, not %q",
				p.name(), action)
		}
	}
	html, err := s.page(locale, p)
	if err != nil {
		return fmt.Errorf("templates: page %s: %w", p.name(), err)
	}
	_, err = w.Write(html)
	return err
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
	t := s.html[s.Language(locale)][p.name()]
	if err := t.ExecuteTemplate(&b, "layout.html", pageView{Locale: locale, Site: p.site(), Page: p}); err != nil {
		return nil, err
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")), nil // what a person typed may be any bytes
}
