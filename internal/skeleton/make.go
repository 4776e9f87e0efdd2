package skeleton

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/optin/optin/internal/address"
)

// Texts are what stands in the slots of one message, as texts. Links are whole.
type Texts struct {
	To, ID, Date, Boundary, Origin string
	Confirm, Decline, Unsubscribe  string
	Asked, Deadline                string
	Since                          []string
}

// Compose writes a whole message with these texts in it: lines end in CRLF, both parts are quoted-printable, and the
// text part was given to wrap. Fields of one word are folded as go-mail folds them.
type Compose func(t Texts, wrap func(string) string) ([]byte, error)

// Source is what a skeleton is made of.
type Source struct {
	Confirm, Decline, Unsubscribe string // the beginnings of the links that there are: see LinkBase
	Dates                         Dates
	Since                         int // how many purposes have a state
	Compose                       Compose
}

// errMade says that filling the skeleton in does not give what its source composes.
var errMade = errors.New("skeleton: the message does not come out as it was composed")

// Make composes a message with a random marker in every slot, and cuts it at the markers. The skeleton is then filled
// in with an email's own values, and with a set of values that are as long and as foreign as can be: each must give
// exactly what the source composes. So a source that escapes a value, or looks at one, has no skeleton but an error.
func Make(source Source, own Values) (*Skeleton, error) {
	s := &Skeleton{
		links: [3]string{source.Confirm, source.Decline, source.Unsubscribe}, dates: source.Dates,
	}
	if err := s.dates.Check(); err != nil {
		return nil, err
	}
	marked, marks := markers(source)
	raw, err := source.Compose(marked, func(text string) string { return wrapUnmarked(text, marks) })
	if err != nil {
		return nil, err
	}
	if s.lines, err = cut(string(raw), marks); err != nil {
		return nil, err
	}
	if err := s.finish(); err != nil {
		return nil, err
	}
	for _, v := range []Values{own, foreign(source)} {
		got, err := s.Fill(nil, &v)
		if err != nil {
			return nil, err
		}
		want, err := source.Compose(s.texts(&v), Wrap)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(got, want) {
			return nil, errMade
		}
	}
	return Parse(s.data)
}

// texts returns the values as they stand in the slots.
func (s *Skeleton) texts(v *Values) Texts {
	f := newFiller(s, v)
	text := func(at slot) string { return string(f.appendSlot(nil, at)) }
	t := Texts{
		To: f.to, ID: v.ID, Date: text(slotDate), Boundary: text(slotBoundary), Origin: text(slotOrigin),
		Confirm: v.Confirm, Decline: v.Decline, Unsubscribe: v.Unsubscribe,
		Asked: text(slotAsked), Deadline: text(slotDeadline),
	}
	for i := range v.Since {
		t.Since = append(t.Since, text(slotSince+slot(i)))
	}
	return t
}

// foreign returns values that are as long and as unusual as values can be.
func foreign(source Source) Values {
	to, _ := address.Parse(strings.Repeat("é", 32) + "@" + strings.Repeat("bücher.", 12) + "example")
	tail := strings.Repeat("0Aa-_.~", 100)
	first := time.Date(2031, time.January, 1, 9, 5, 0, 0, time.UTC)
	v := Values{
		ID: strings.Repeat("long-Job_9", 12), Date: first, To: to, IP: "2001:db8::1", Asked: first,
		Deadline: first.AddDate(0, 8, 10).Add(14 * time.Hour),
	}
	for _, link := range []struct {
		to   *string
		base string
	}{{&v.Confirm, source.Confirm}, {&v.Decline, source.Decline}, {&v.Unsubscribe, source.Unsubscribe}} {
		if link.base != "" {
			*link.to = (link.base + tail)[:min(maxLink, len(link.base)+len(tail))]
		}
	}
	for i := range source.Since {
		v.Since = append(v.Since, first.AddDate(0, i, i))
	}
	return v
}

// mark is what stands in a slot to be found again.
type mark struct {
	slot slot
	text string
}

// What every marker of a link or a moment has: all that such a value may have, so that a source that escapes some of it
// escapes a marker, which then is not found. For what is beyond ASCII there are examples; what escapes such a
// character escapes one of these.
const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	nonASCII     = "\u00a0\u202f\u2028’éûñßžłαժա\u05d0\u0622\u0905\u0e01あ日\U0001f4c5"
)

// markers returns texts that nothing else can contain. Those of fields that are folded are long enough to be so always,
// those of others are short.
func markers(source Source) (t Texts, marks []mark) {
	add := func(to *string, at slot, before, text string) {
		*to = before + text
		marks = append(marks, mark{at, text})
	}
	long := func() string { return rand.Text() + rand.Text() + rand.Text() + rand.Text() }
	add(&t.To, slotTo, "", long()+"@"+rand.Text()+".invalid")
	add(&t.ID, slotID, "", long())
	add(&t.Date, slotDate, "", rand.Text())
	add(&t.Boundary, slotBoundary, "", rand.Text())
	add(&t.Origin, slotOrigin, "", rand.Text())
	for _, link := range []struct {
		to   *string
		at   slot
		base string
	}{
		{&t.Confirm, slotConfirm, source.Confirm}, {&t.Decline, slotDecline, source.Decline},
		{&t.Unsubscribe, slotUnsubscribe, source.Unsubscribe},
	} {
		if link.base != "" {
			add(link.to, link.at, link.base, rand.Text()+alphanumeric+linkPunctuation)
		}
	}
	moment := func() string { return rand.Text() + alphanumeric + MomentPunctuation + nonASCII }
	add(&t.Asked, slotAsked, "", moment())
	add(&t.Deadline, slotDeadline, "", moment())
	t.Since = make([]string, source.Since)
	for i := range t.Since {
		add(&t.Since[i], slotSince+slot(i), "", moment())
	}
	return t, marks
}

// wrapUnmarked wraps the lines that have no marker.
func wrapUnmarked(text string, marks []mark) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if len(newLine(wrapped, l, marks).slots) > 0 {
			b.WriteString(l)
		} else {
			b.WriteString(Wrap(l))
		}
	}
	return b.String()
}

// newLine makes a slot of every marker in a text.
func newLine(k kind, text string, marks []mark) line {
	l := line{kind: k}
	for {
		at, found := len(text), mark{}
		for _, m := range marks {
			if i := strings.Index(text, m.text); i >= 0 && i < at {
				at, found = i, m
			}
		}
		l.texts = append(l.texts, text[:at])
		if found.text == "" {
			return l
		}
		l.slots = append(l.slots, found.slot)
		text = text[at+len(found.text):]
	}
}

// cutter cuts a message at its markers.
type cutter struct {
	marks []mark
	lines []line
}

// add adds a text: a line with slots if it has markers, without its CRLF, or else the bytes as they are on the wire.
func (c *cutter) add(k kind, text, raw string) {
	if l := newLine(k, text, c.marks); len(l.slots) > 0 {
		c.lines = append(c.lines, l)
		return
	}
	if n := len(c.lines); n > 0 && c.lines[n-1].kind == ready {
		c.lines[n-1].texts[0] += raw
		return
	}
	c.lines = append(c.lines, line{kind: ready, texts: []string{raw}})
}

func cut(raw string, marks []mark) ([]line, error) {
	header, body, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok || !strings.HasSuffix(body, "\r\n") {
		return nil, errMade
	}
	c := &cutter{marks: marks}
	for header != "" {
		end := len(header)
		for i := range header {
			if rest := header[i:]; strings.HasPrefix(rest, "\r\n") && rest[2] != ' ' && rest[2] != '\t' {
				end = i
				break
			}
		}
		f := header[:end]
		header = strings.TrimPrefix(header[end:], "\r\n")
		if unfolded := strings.Replace(f, ":\r\n ", ": ", 1); unfolded != f && strings.Count(unfolded, " ") == 1 {
			c.add(field, unfolded, f+"\r\n")
		} else {
			c.add(plain, f, f+"\r\n")
		}
	}
	c.add(plain, "", "\r\n")
	return c.lines, c.body(body)
}

// body cuts the MIME parts.
func (c *cutter) body(body string) error {
	contents, inHeader := plain, false // what the lines of this part are
	for body != "" {
		var whole, l string
		for { // up to a hard line break
			var more bool
			if l, body, more = strings.Cut(body, "\r\n"); !more {
				return errMade
			}
			whole += l + "\r\n"
			if contents == plain || inHeader || !strings.HasSuffix(l, "=") {
				break
			}
		}
		switch {
		case c.isBoundary(whole):
			contents, inHeader = plain, true
			c.add(plain, strings.TrimSuffix(whole, "\r\n"), whole)
		case inHeader:
			inHeader = l != ""
			switch {
			case strings.HasPrefix(l, "Content-Type: text/plain"):
				contents = wrapped
			case strings.HasPrefix(l, "Content-Type: text/html"):
				contents = encoded
			}
			c.add(plain, l, whole)
		case contents == plain:
			c.add(plain, l, whole)
		default:
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(whole)))
			if err != nil {
				return err
			}
			c.add(contents, strings.TrimSuffix(string(text), "\r\n"), whole)
		}
	}
	return nil
}

// isBoundary reports whether a line stands between MIME parts.
func (c *cutter) isBoundary(l string) bool {
	for _, m := range c.marks {
		if m.slot == slotBoundary {
			return strings.HasPrefix(l, "--"+m.text)
		}
	}
	return false
}
