// Package templates holds every page and every letter that a person sees, and the words in them.
//
// It is only about looks and words. It decides nothing, reads no clock, and knows no address but the one that it is given to
// show (masked by the caller). Everything is embedded and checked at once by New: a service that has started can render every
// page and every letter in every language.
//
// Pages are HTML for the Content-Security-Policy
//
//	default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
//
// (script-src is needed only by a Confirm page with SameBrowser and a Signup with Challenge). They work without JavaScript, unless a proof
// is asked for that only a browser can give; they load nothing from elsewhere, but for a Signup with Captcha; they meet WCAG 2.2 AA, and are kept out of search engines. A form posts to a path of the same origin or the page is
// not rendered. No box is ever ticked beforehand (GDPR recital 32, CJEU C-673/17).
//
// Letters are a pair of bodies that say the same, plain text and HTML under 20 kB with inline styles and tables, and a subject of
// one line. Nothing in them comes from whoever filled in the form: no advertising, pictures, tracking. Templates are executed once
// for all letters that differ in links and moments only; what is sent is the same, byte for byte, as if they were executed for each.
//
// Words stand in locales/<tag>.json, one file per language, with CLDR plurals. A new language is one more such file;
// New names what it still lacks. A language may be asked for by any BCP 47 tag; the nearest one built in answers.
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

	"golang.org/x/text/language"
)

//go:embed locales/*.json pages/*.html letters/*.html letters/*.txt
var embedded embed.FS

// Set is all pages and letters in all languages. It is safe for concurrent use, and keeps of what it has shown but
// the moulds of letters, in which nothing is of a person.
type Set struct {
	tongues []*tongue // as in Languages
	matcher language.Matcher
	styled  map[string]map[string]*template.Template     // language, then file without its folder: HTML
	plain   map[string]map[string]*texttemplate.Template // the same for text
	moulds  moulds
}

// New parses and checks everything embedded. Its error names every file and every message that is missing or wrong.
func New() (*Set, error) { return build(embedded) }

// build is New on any file system with the folders locales, pages and letters.
func build(files fs.FS) (*Set, error) {
	tongues, err := readTongues(files)
	if err != nil {
		return nil, err
	}
	s := &Set{
		tongues: tongues,
		styled:  map[string]map[string]*template.Template{},
		plain:   map[string]map[string]*texttemplate.Template{},
	}
	tags := make([]language.Tag, len(tongues))
	for i, t := range tongues {
		tags[i] = t.tag
		if err := s.parse(files, t); err != nil {
			return nil, err
		}
	}
	s.matcher = language.NewMatcher(tags)
	return s, errors.Join(s.lacking()...)
}

// parse reads all files of one language.
func (s *Set) parse(files fs.FS, t *tongue) error {
	styled, plain := map[string]*template.Template{}, map[string]*texttemplate.Template{}
	funcs := s.funcs(t)
	layout, err := template.New("layout.html").Funcs(funcs).ParseFS(files, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, name := range pageNames() {
		page, err := template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		styled[name] = page
	}
	frame, err := template.New("layout.html").Funcs(funcs).ParseFS(files, "letters/layout.html")
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, name := range letterNames() {
		letter, err := template.Must(frame.Clone()).ParseFS(files, "letters/"+name+".html")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		styled["letter/"+name] = letter
		text, err := texttemplate.New(name+".txt").Funcs(funcs).ParseFS(files, "letters/controller.txt", "letters/"+name+".txt")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		plain[name] = text
	}
	s.styled[t.name()], s.plain[t.name()] = styled, plain
	return nil
}

// view is what a page's template sees.
type view struct {
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
			return fmt.Errorf("templates: page %s: a form must post to a path of the same origin, not %q", p.name(), action)
		}
	}
	var b bytes.Buffer
	t := s.styled[s.Language(locale)][p.name()]
	if err := t.ExecuteTemplate(&b, "layout.html", view{Locale: locale, Site: p.site(), Page: p}); err != nil {
		return fmt.Errorf("templates: page %s: %w", p.name(), err)
	}
	_, err := w.Write(bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD"))) // what a person had typed may be anything
	return err
}
