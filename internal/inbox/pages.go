package inbox

import (
	"bytes"
	"context"
	_ "embed" // the style sheet
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

//go:embed inbox.css
var sheet []byte

// emptyRefresh is how often the empty list reloads itself, in seconds. A list with emails never does: the reader would
// lose their place.
const emptyRefresh = 3

// Handler serves the pages, all below /inbox:
//
//	GET  /inbox              the list, newest first
//	GET  /inbox/{id}         one email: its HTML part in a frame; without one, its text; without that, its source
//	GET  /inbox/{id}/text    its text part, links clickable
//	GET  /inbox/{id}/source  its source, readable
//	GET  /inbox/{id}/html    its HTML part alone, sandboxed; what the frame holds
//	GET  /inbox/{id}/raw     its bytes as they arrived, text/plain
//	POST /inbox/delete       deletes all emails; 303 to the list; 403 when another site's page asks
//	GET  /inbox/inbox.css
func (i *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /inbox", i.list)
	mux.Handle("GET /inbox/{$}", http.RedirectHandler("/inbox", http.StatusMovedPermanently))
	mux.HandleFunc("GET /inbox/{id}", i.withMessage(i.best))
	mux.HandleFunc("GET /inbox/{id}/text", i.withMessage(i.text))
	mux.HandleFunc("GET /inbox/{id}/source", i.withMessage(i.source))
	mux.HandleFunc("GET /inbox/{id}/html", i.withMessage(i.html))
	mux.HandleFunc("GET /inbox/{id}/raw", i.withMessage(i.raw))
	mux.HandleFunc("POST /inbox/delete", i.deleteAll)
	mux.HandleFunc("GET /inbox/inbox.css", i.style)
	return withSecurityHeaders(http.NewCrossOriginProtection().Handler(mux))
}

func (i *Inbox) list(w http.ResponseWriter, _ *http.Request) {
	v := i.listView()
	if len(v.Messages) == 0 {
		w.Header().Set("Refresh", strconv.Itoa(emptyRefresh))
	}
	i.show(w, http.StatusOK, "Inbox", v.page())
}

func (i *Inbox) deleteAll(w http.ResponseWriter, r *http.Request) {
	i.Clear()
	http.Redirect(w, r, "/inbox", http.StatusSeeOther)
}

// withMessage finds the email that the path names, or answers 404.
func (i *Inbox) withMessage(next func(http.ResponseWriter, Message)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, ok := i.find(r.PathValue("id"))
		if !ok {
			i.show(w, http.StatusNotFound, "This email is gone", gonePage(MaxEmails))
			return
		}
		next(w, m)
	}
}

// best shows an email the way a mail program would.
func (i *Inbox) best(w http.ResponseWriter, m Message) {
	switch {
	case m.HTML != "":
		i.show(w, http.StatusOK, subject(m), newMessageView(m, tabHTML).page())
	case m.Text != "":
		i.text(w, m)
	default:
		i.source(w, m)
	}
}

func (i *Inbox) text(w http.ResponseWriter, m Message) {
	i.show(w, http.StatusOK, subject(m), newMessageView(m, tabText).page())
}

func (i *Inbox) source(w http.ResponseWriter, m Message) {
	i.show(w, http.StatusOK, subject(m), newMessageView(m, tabSource).page())
}

func (i *Inbox) html(w http.ResponseWriter, m Message) {
	w.Header().Set("Content-Security-Policy", messagePolicy)
	send(w, http.StatusOK, "text/html; charset=utf-8", []byte(messageBase+m.HTML))
}

func (i *Inbox) raw(w http.ResponseWriter, m Message) {
	w.Header().Set("Content-Security-Policy", rawPolicy)
	send(w, http.StatusOK, "text/plain; charset=utf-8", m.Raw)
}

func (i *Inbox) style(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "text/css; charset=utf-8", sheet)
}

// show renders the whole page before it sends anything.
func (i *Inbox) show(w http.ResponseWriter, status int, title string, main templ.Component) {
	var page bytes.Buffer
	ctx := templ.WithChildren(context.Background(), main)
	if err := layout(title, i.icon).Render(ctx, &page); err != nil {
		http.Error(w, "This page could not be rendered. To read the email's source, add /raw to its address.",
			http.StatusInternalServerError)
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

type listView struct {
	Messages []row
	SignUp   string // the signup form that the empty list links to; may be empty
	Addr     string // host:port that receives mail
	Keeps    int
}

type row struct {
	ID, Subject, From, To string
	At                    time.Time
	Today                 bool // otherwise the list shows the date too
	Broken                bool
}

// when is when the email arrived.
func (r row) when() string {
	if r.Today {
		return clock(r.At)
	}
	return r.At.Format("2 Jan ") + clock(r.At)
}

func clock(t time.Time) string { return t.Format("15:04:05") }
func day(t time.Time) string   { return t.Format("Mon 2 Jan 2006") }

// tab is one way to look at an email.
type tab string

const (
	tabHTML   tab = "html"
	tabText   tab = "text"
	tabSource tab = "source"
)

type messageView struct {
	Tab      tab
	ID       string
	Subject  string
	From, To string
	At       time.Time
	Problem  string // why the email, or a part of it, could not be read
	HasHTML  bool
	Text     []span
	Source   string
	Headers  []field
}

// field is one header field, decoded.
type field struct{ Name, Value string }

func (i *Inbox) listView() listView {
	messages, _ := i.snapshot()
	today := i.now().Format(time.DateOnly)
	v := listView{SignUp: i.signUp, Addr: i.Addr(), Keeps: MaxEmails}
	for n := len(messages) - 1; n >= 0; n-- {
		m := messages[n]
		v.Messages = append(v.Messages, row{
			ID: m.ID, Subject: subject(m), From: sender(m), To: recipients(m),
			At: m.At, Today: m.At.Format(time.DateOnly) == today, Broken: m.Err != nil,
		})
	}
	return v
}

func newMessageView(m Message, shown tab) messageView {
	v := messageView{
		Tab: shown, ID: m.ID, Subject: subject(m), From: sender(m), To: recipients(m), At: m.At,
		HasHTML: m.HTML != "", Headers: headerFields(m.Raw),
	}
	if m.Err != nil {
		v.Problem = m.Err.Error()
	}
	switch shown {
	case tabText:
		v.Text = linkify(m.Text)
	case tabSource:
		v.Source = strings.ToValidUTF8(strings.ReplaceAll(string(m.Raw), "\r\n", "\n"), "\uFFFD")
	}
	return v
}

// subject returns what a list shows: one line, never empty.
func subject(m Message) string {
	if s := strings.Join(strings.Fields(m.Subject), " "); s != "" {
		return s
	}
	return "(no subject)"
}

// sender returns the From field, or else the sender on the envelope.
func sender(m Message) string {
	if from := strings.TrimSpace(m.Header.Get("From")); from != "" {
		if a, err := mail.ParseAddress(from); err == nil && a.Name != "" {
			return a.Name + " <" + a.Address + ">"
		}
		return decodeWords(from)
	}
	if m.From == "" {
		return "(no sender: a bounce)"
	}
	return m.From
}

// recipients returns those on the envelope, who really get the email.
func recipients(m Message) string { return strings.Join(m.To, ", ") }

// headerFields returns the header in its own order, unfolded (RFC 5322 section 2.2.3). A line that is no field is
// skipped.
func headerFields(raw []byte) []field {
	var fields []field
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		switch {
		case (line[0] == ' ' || line[0] == '\t') && len(fields) > 0:
			fields[len(fields)-1].Value += " " + strings.TrimSpace(line)
		case ok && !strings.ContainsAny(name, " \t"):
			fields = append(fields, field{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	for n, f := range fields {
		fields[n] = field{Name: strings.ToValidUTF8(f.Name, "\uFFFD"), Value: decodeWords(f.Value)}
	}
	return fields
}

// What the pages may do. None runs a script or loads anything from elsewhere.
const (
	// pagePolicy is for our own pages: a style sheet, an icon and a form of ours, and the frame with the email.
	pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'"
	// messagePolicy is for an email's HTML, wherever it is opened: no origin, no script, no form, and nothing loaded
	// but what the email itself contains. Emails use style attributes, which can reach nothing here.
	messagePolicy = "sandbox " + sandbox +
		"; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; " +
		"frame-ancestors 'self'"
	// sandbox lets a click on a link open it in the window, and nothing else.
	sandbox = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
	// rawPolicy is for the source, which is only read.
	rawPolicy = "sandbox; default-src 'none'; frame-ancestors 'none'"
)

// messageBase goes before an email's HTML, so that its links open in the top window. By the HTML standard the first
// base with a target wins, the email's own <html>, <head> and <body> after it are merged, and a second doctype is
// ignored.
const messageBase = `<!doctype html><base target="_top">`

// withSecurityHeaders sets the header fields of every response; a handler may replace the policy.
func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// Not no-referrer: with it, some browsers send "Origin: null" with our own form.
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
