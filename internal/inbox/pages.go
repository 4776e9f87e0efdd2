package inbox

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"time"
)

//go:embed pages
var files embed.FS

// pages is read-only once it is parsed; each page is its own template, all of them use layout.html.
var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Format("15:04:05") },
	"day":   func(t time.Time) string { return t.Format("Mon 2 Jan 2006") },
	"stamp": func(t time.Time) string { return t.Format(time.RFC3339) },
}).ParseFS(files, "pages/*.html"))

// emptyRefresh is how often the empty list looks again by itself, in seconds. A list with letters never does: it
// would take the place of the reader.
const emptyRefresh = 3

// Handler serves the pages, all below /inbox:
//
//	GET  /inbox              the list, newest first
//	GET  /inbox/{id}         one letter: its HTML part in a frame; without one, its text; without that, its source
//	GET  /inbox/{id}/text    its text part, links clickable
//	GET  /inbox/{id}/source  its source, readable
//	GET  /inbox/{id}/html    its HTML part alone, sandboxed; what the frame holds
//	GET  /inbox/{id}/raw     its bytes as they came, text/plain
//	POST /inbox/delete       deletes all letters; 303 to the list; 403 when another site's page asks
//	GET  /inbox/inbox.css
func (i *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /inbox", i.list)
	mux.Handle("GET /inbox/{$}", http.RedirectHandler("/inbox", http.StatusMovedPermanently))
	mux.HandleFunc("GET /inbox/{id}", i.letter(i.best))
	mux.HandleFunc("GET /inbox/{id}/text", i.letter(i.text))
	mux.HandleFunc("GET /inbox/{id}/source", i.letter(i.source))
	mux.HandleFunc("GET /inbox/{id}/html", i.letter(i.html))
	mux.HandleFunc("GET /inbox/{id}/raw", i.letter(i.raw))
	mux.HandleFunc("POST /inbox/delete", i.deleteAll)
	mux.HandleFunc("GET /inbox/inbox.css", i.style)
	return secured(http.NewCrossOriginProtection().Handler(mux))
}

func (i *Inbox) list(w http.ResponseWriter, _ *http.Request) {
	v := i.listView()
	if len(v.Letters) == 0 {
		w.Header().Set("Refresh", strconv.Itoa(emptyRefresh))
	}
	show(w, http.StatusOK, "list.html", v)
}

func (i *Inbox) deleteAll(w http.ResponseWriter, r *http.Request) {
	i.Clear()
	http.Redirect(w, r, "/inbox", http.StatusSeeOther)
}

// letter looks the letter up that the path names, or says that it is gone.
func (i *Inbox) letter(next func(http.ResponseWriter, Message)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l, ok := i.find(r.PathValue("id"))
		if !ok {
			show(w, http.StatusNotFound, "gone.html", goneView{Title: "This letter is gone", Keeps: MaxEmails})
			return
		}
		next(w, l)
	}
}

// best shows a letter the way a mail program would.
func (i *Inbox) best(w http.ResponseWriter, l Message) {
	switch {
	case l.HTML != "":
		show(w, http.StatusOK, "letter.html", newLetterView(l, tabHTML))
	case l.Text != "":
		i.text(w, l)
	default:
		i.source(w, l)
	}
}

func (i *Inbox) text(w http.ResponseWriter, l Message) {
	show(w, http.StatusOK, "letter.html", newLetterView(l, tabText))
}

func (i *Inbox) source(w http.ResponseWriter, l Message) {
	show(w, http.StatusOK, "letter.html", newLetterView(l, tabSource))
}

func (i *Inbox) html(w http.ResponseWriter, l Message) {
	w.Header().Set("Content-Security-Policy", letterPolicy)
	send(w, http.StatusOK, "text/html; charset=utf-8", []byte(letterBase+l.HTML))
}

func (i *Inbox) raw(w http.ResponseWriter, l Message) {
	w.Header().Set("Content-Security-Policy", rawPolicy)
	send(w, http.StatusOK, "text/plain; charset=utf-8", l.Raw)
}

func (i *Inbox) style(w http.ResponseWriter, _ *http.Request) {
	css, err := fs.ReadFile(files, "pages/inbox.css")
	if err != nil {
		http.Error(w, "the style sheet is not in this program", http.StatusInternalServerError)
		return
	}
	send(w, http.StatusOK, "text/css; charset=utf-8", css)
}

// show renders the whole page before it sends any of it.
func show(w http.ResponseWriter, status int, name string, view any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, view); err != nil {
		http.Error(w, "This page could not be made. The letter's source is still at its address with /raw.", http.StatusInternalServerError)
		return
	}
	send(w, status, "text/html; charset=utf-8", page.Bytes())
}

func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader may have gone
}
