package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/templates"
)

const previewUsage = `optin preview serves every page and email in every language, for a look at them:

  optin preview [-config optin.yaml [-site gazette]]

It sends nothing and stores nothing.
`

// preview serves every page and email in every language, for a look at them. It sends nothing and stores nothing.
func preview(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	f := newFlags("preview", previewUsage)
	addr := f.String("listen", "127.0.0.1:8081", "the `address` to listen at, on this machine only; port 0 picks one")
	path := f.String("config", "", "the configuration `file` whose sites are shown; without it, a made-up one is")
	id := f.String("site", "", "the `id` of the site; without it, the first")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	if !loopback(*addr) {
		fmt.Fprintln(stderr, "optin preview:", errLoopback)
		return exitUsage
	}
	h, err := newPreview(*path, *id, env)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *addr)
	if err != nil {
		fmt.Fprintln(stderr, "optin preview:", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "http://%s/\n", l.Addr())
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(stderr, "optin preview:", err)
		return exitFailed
	}
	return exitOK
}

// previews handles the requests of optin preview.
type previews struct {
	pages *templates.Set
	site  *config.Site // nil: the made-up one
}

func newPreview(path, id string, env func(string) (string, bool)) (http.Handler, error) {
	p := &previews{}
	var err error
	if path == "" {
		p.pages, err = templates.New()
	} else {
		var sites []config.Site
		if _, p.pages, sites, err = siteConfig(path, id, env); err == nil {
			p.site, p.pages = &sites[0], p.pages.Of(sites[0].ID)
		}
	}
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.show)
	mux.HandleFunc("GET /{lang}/{name}", p.sample)
	mux.HandleFunc("GET /{lang}/{name}/text", p.sample)
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		content, kind, _, ok := templates.Asset(r.PathValue("name"))
		switch {
		case r.PathValue("name") == "theme.css" && p.site != nil && p.site.Theme != nil:
			content, kind = p.site.Theme.CSS(), "text/css; charset=utf-8"
		case r.PathValue("name") == "logo" && p.site != nil && p.site.Theme != nil && p.site.Theme.Logo != nil:
			content, kind = p.site.Theme.Logo.Bytes, p.site.Theme.Logo.Media
		case !ok:
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	})
	return mux, nil
}

// languages lists the site's, or all.
func (p *previews) languages() []string {
	if p.site != nil {
		return p.site.Locales
	}
	return p.pages.Languages()
}

// samples returns all pages and emails in a language, with the site's own data if there is one.
func (p *previews) samples(lang string) []templates.Sample {
	if p.site == nil {
		return p.pages.Canned(lang)
	}
	face := templateSite(*p.site)
	if t := p.site.Theme; t != nil {
		face.Style = "/assets/theme.css"
		if t.Logo != nil {
			face.Logo = "/assets/logo"
		}
	}
	var all []templates.Purpose
	for _, purpose := range p.site.Purposes {
		text, child := purpose.Text[lang], purpose.TextChild[lang]
		all = append(all, templates.Purpose{ID: purpose.ID, Text: text, TextChild: child})
	}
	return p.pages.Previews(lang, face, all)
}

// previewView is the page around a sample.
type previewView struct {
	Languages, Names   []string // to choose from
	Shown              []string // languages
	Lang, Beside, Name string
	Email              bool
	Text, Dark, Narrow bool
}

// scheme is the class of a frame.
func (v previewView) scheme() string {
	if v.Dark {
		return "dark"
	}
	return "light"
}

// width is that of a frame.
func (v previewView) width() int {
	if v.Narrow {
		return 360
	}
	return 720
}

// path is that of the sample itself.
func (v previewView) path(lang string) string {
	if v.Text && v.Email {
		return "/" + lang + "/" + v.Name + "/text"
	}
	return "/" + lang + "/" + v.Name
}

// show shows the page around a sample, by itself or beside the same in another language.
func (p *previews) show(w http.ResponseWriter, r *http.Request) {
	q, languages := r.URL.Query(), p.languages()
	view := previewView{
		Languages: languages, Lang: languages[0], Name: "signup",
		Text: q.Get("text") != "", Dark: q.Get("dark") != "", Narrow: q.Get("narrow") != "",
	}
	if slices.Contains(languages, q.Get("lang")) {
		view.Lang = q.Get("lang")
	}
	view.Shown = []string{view.Lang}
	if slices.Contains(languages, q.Get("beside")) {
		view.Beside = q.Get("beside")
		view.Shown = append(view.Shown, view.Beside)
	}
	for _, s := range p.samples(view.Lang) {
		view.Names = append(view.Names, s.Name)
		if s.Name == q.Get("name") {
			view.Name, view.Email = s.Name, s.Email != nil
		}
	}
	var b bytes.Buffer
	if err := view.page().Render(r.Context(), &b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// sample shows one page or email by itself.
func (p *previews) sample(w http.ResponseWriter, r *http.Request) {
	lang, name := r.PathValue("lang"), r.PathValue("name")
	all := p.samples(lang)
	i := slices.IndexFunc(all, func(s templates.Sample) bool { return s.Name == name })
	if i < 0 || !slices.Contains(p.languages(), lang) {
		http.NotFound(w, r)
		return
	}
	body, kind, err := p.render(lang, all[i], strings.HasSuffix(r.URL.Path, "/text"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	_, _ = io.WriteString(w, body)
}

func (p *previews) render(lang string, s templates.Sample, text bool) (body, kind string, err error) {
	if s.Page != nil {
		var b strings.Builder
		err := p.pages.Page(&b, lang, s.Page)
		return b.String(), "text/html", err
	}
	m, err := p.pages.Email(lang, s.Email)
	if text {
		return m.Subject + "\n\n" + skeleton.Wrap(m.Text), "text/plain", err
	}
	return m.HTML, "text/html", err
}
