package inbox

import (
	"net/mail"
	"strings"
	"time"
)

type listView struct {
	Title   string
	Letters []row
	SignUp  string // where the empty list sends the reader; may be empty
	Addr    string // host:port that receives mail
	Keeps   int
}

type row struct {
	ID, Subject, From, To string
	At                    time.Time
	Today                 bool // else the hour alone would mislead
	Broken                bool
}

type goneView struct {
	Title string
	Keeps int
}

// tab names one way of looking at a letter.
type tab string

const (
	tabHTML   tab = "html"
	tabText   tab = "text"
	tabSource tab = "source"
)

type letterView struct {
	Title    string
	Tab      tab
	ID       string
	Subject  string
	From, To string
	At       time.Time
	Problem  string // why the letter, or a part of it, could not be read; empty if it could
	HasHTML  bool
	Text     []span
	Source   string
	Headers  []field
	Sandbox  string
}

// field is one header field, decoded.
type field struct{ Name, Value string }

func (i *Inbox) listView() listView {
	kept, _ := i.snapshot()
	today := i.now().Format(time.DateOnly)
	v := listView{Title: "Inbox", SignUp: i.signUp, Addr: i.Addr(), Keeps: MaxEmails}
	for n := len(kept) - 1; n >= 0; n-- {
		l := kept[n]
		v.Letters = append(v.Letters, row{
			ID: l.ID, Subject: subject(l), From: sender(l), To: recipients(l),
			At: l.At, Today: l.At.Format(time.DateOnly) == today, Broken: l.Err != nil,
		})
	}
	return v
}

func newLetterView(l Message, shown tab) letterView {
	v := letterView{
		Tab: shown, ID: l.ID, Subject: subject(l), From: sender(l), To: recipients(l), At: l.At,
		HasHTML: l.HTML != "", Headers: headerFields(l.Raw), Sandbox: sandbox,
	}
	v.Title = v.Subject
	if l.Err != nil {
		v.Problem = l.Err.Error()
	}
	switch shown {
	case tabText:
		v.Text = linkify(l.Text)
	case tabSource:
		v.Source = strings.ToValidUTF8(strings.ReplaceAll(string(l.Raw), "\r\n", "\n"), "\uFFFD")
	}
	return v
}

// subject is what a list shows: one line, never nothing.
func subject(l Message) string {
	if s := strings.Join(strings.Fields(l.Subject), " "); s != "" {
		return s
	}
	return "(no subject)"
}

// sender is what the letter says of itself, or else the envelope.
func sender(l Message) string {
	if from := strings.TrimSpace(l.Header.Get("From")); from != "" {
		if a, err := mail.ParseAddress(from); err == nil && a.Name != "" {
			return a.Name + " <" + a.Address + ">"
		}
		return decodeWords(from)
	}
	if l.From == "" {
		return "(nobody: a bounce)"
	}
	return l.From
}

// recipients is the envelope: who really gets the letter.
func recipients(l Message) string { return strings.Join(l.To, ", ") }

// headerFields lists the header in its own order, unfolded (RFC 5322 section 2.2.3). A line that is no field is passed over.
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
