package templates

import (
	"fmt"
	"html/template"
	"io/fs"
	"sync"
	texttemplate "text/template"
)

// parsedFiles is the files with the words of one language. Each is parsed when it is first needed, because parsed it
// takes a hundred times its size, and most pages are never shown in most languages.
type parsedFiles struct {
	files fs.FS
	funcs func() template.FuncMap // of the language

	mu    sync.Mutex
	pages map[string]*template.Template
	html  map[string]*template.Template // of emails
	text  map[string]*texttemplate.Template
}

func (s *Set) newParsedFiles(t *translation) *parsedFiles {
	return &parsedFiles{
		files: s.files, funcs: sync.OnceValue(func() template.FuncMap { return t.funcs(s.Endonym) }),
		pages: map[string]*template.Template{}, html: map[string]*template.Template{},
		text: map[string]*texttemplate.Template{},
	}
}

// page returns a page's template. That it can be parsed was seen in English, of the same files with the same functions.
func (p *parsedFiles) page(name string) *template.Template {
	p.mu.Lock()
	defer p.mu.Unlock()
	return template.Must(p.parsePage(name))
}

// email returns the templates of an email's bodies.
func (p *parsedFiles) email(name string) (*template.Template, *texttemplate.Template) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return template.Must(p.parseHTML(name)), texttemplate.Must(p.parseText(name))
}

// parseAll parses all files.
func (p *parsedFiles) parseAll() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range pageNames() {
		if _, err := p.parsePage(name); err != nil {
			return fmt.Errorf("templates: %w", err)
		}
	}
	for _, name := range emailNames() {
		if _, err := p.parseHTML(name); err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		if _, err := p.parseText(name); err != nil {
			return fmt.Errorf("templates: %w", err)
		}
	}
	return nil
}

func (p *parsedFiles) parsePage(name string) (t *template.Template, err error) {
	if t = p.pages[name]; t != nil {
		return t, nil
	}
	t, err = template.New("layout.html").Funcs(p.funcs()).
		ParseFS(p.files, "pages/layout.html", "pages/parts.html", "pages/"+name+".html")
	p.pages[name] = t
	return t, err
}

func (p *parsedFiles) parseHTML(name string) (t *template.Template, err error) {
	if t = p.html[name]; t != nil {
		return t, nil
	}
	t, err = template.New("layout.html").Funcs(p.funcs()).
		ParseFS(p.files, "emails/layout.html", "emails/"+name+".html")
	p.html[name] = t
	return t, err
}

func (p *parsedFiles) parseText(name string) (t *texttemplate.Template, err error) {
	if t = p.text[name]; t != nil {
		return t, nil
	}
	t, err = texttemplate.New(name+".txt").Funcs(p.funcs()).
		ParseFS(p.files, "emails/controller.txt", "emails/"+name+".txt")
	p.text[name] = t
	return t, err
}
