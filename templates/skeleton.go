package templates

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// Most emails of a site differ in a few values only: links and moments. So the templates of an email are executed once,
// with markers in the place of those values, and the output is kept as a skeleton. Each further email fills in its own
// values, which is many times cheaper. The result is the same, byte for byte, as if the templates had been executed for
// each: see skeleton and canFill.

// What is cached: one skeleton for each language, email type and combination of a site's purposes. A signup chooses the
// combination, so the number of skeletons needs a bound.
const (
	maxSkeletons    = 512
	maxSkeletonSize = 64 << 10 // of both bodies, in bytes
	maxSkeletonKey  = 8 << 10  // of what the emails of one skeleton have in common, in bytes
)

// render fills in the email's skeleton where it has one, and else executes its templates.
func (s *Set) render(t *translation, e Email) (RenderedEmail, error) {
	values, err := e.values(t)
	if err != nil {
		return RenderedEmail{}, err
	}
	var buffer [1024]byte // on the stack, for most emails
	key := e.appendKey(appendText(buffer[:0], t.name(), e.name()))
	if len(key) > maxSkeletonKey || !canFill(values, len(e.links())) {
		return s.execute(t, e, values)
	}
	k, known := s.skeletons.get(key)
	if !known {
		if k, err = s.skeleton(t, e, values); err != nil {
			return RenderedEmail{}, err
		}
		s.skeletons.put(key, k)
	}
	if k == nil {
		return s.execute(t, e, values)
	}
	return k.fill(values), nil
}

// execute renders an email by its templates alone.
func (s *Set) execute(t *translation, e Email, values []string) (RenderedEmail, error) {
	m, err := s.unwrapped(t, e, values)
	m.Text = wrap(m.Text)
	return m, err
}

// unwrapped renders an email whose text has lines of any length.
func (s *Set) unwrapped(t *translation, e Email, values []string) (RenderedEmail, error) {
	v := e.view(values)
	var err error
	if v.Subject, err = t.text(e.subject(), "Site", oneLine(e.site().Name, maxSubjectName)); err != nil {
		return RenderedEmail{}, err
	}
	var text, html strings.Builder
	if err := s.text[t.name()][e.name()].ExecuteTemplate(&text, e.name()+".txt", v); err != nil {
		return RenderedEmail{}, err
	}
	if err := s.html[t.name()]["email/"+e.name()].ExecuteTemplate(&html, "layout.html", v); err != nil {
		return RenderedEmail{}, err
	}
	return RenderedEmail{Subject: v.Subject, Text: text.String(), HTML: html.String()}, nil
}

// skeleton is a rendered email that lacks only the values. Filling them in escapes nothing, and need not: a marker has
// every character that canFill lets through. Where the templates would escape one of them, or look at the value, the
// marker does not come out whole, so no skeleton is made.
type skeleton struct {
	subject string
	html    pattern
	text    []wrappedLine
	after   string // the text behind the last line that has values
}

// wrappedLine is one line of text with values, which is wrapped once they are filled in, and the finished text before
// it.
type wrappedLine struct {
	before  string
	pattern pattern
}

// skeleton makes the skeleton of an email. It returns nil if filling it in does not give exactly what the templates
// give: when the site's name reads like a marker, say. This is checked with the email's own values and with a second
// set of markers, because the email's own values may happen to be what the name reads like.
func (s *Set) skeleton(t *translation, e Email, values []string) (*skeleton, error) {
	links := len(e.links())
	k, err := s.cutSkeleton(t, e, markers("mark", len(values), links))
	if err != nil {
		return nil, err
	}
	for _, try := range [][]string{values, markers("proof", len(values), links)} {
		want, err := s.execute(t, e, try)
		if err != nil {
			return nil, err
		}
		if len(want.HTML)+len(want.Text) > maxSkeletonSize || k.fill(try) != want {
			return nil, nil
		}
	}
	return k, nil
}

// cutSkeleton renders an email with markers for its values, and cuts it at the markers.
func (s *Set) cutSkeleton(t *translation, e Email, markers []string) (*skeleton, error) {
	marked, err := s.unwrapped(t, e, markers)
	if err != nil {
		return nil, err
	}
	k := &skeleton{subject: marked.Subject, html: newPattern(marked.HTML, markers)}
	var before strings.Builder
	for _, line := range tidy(marked.Text) {
		if p := newPattern(line, markers); len(p.slots) > 0 {
			k.text = append(k.text, wrappedLine{before: before.String(), pattern: p})
			before.Reset()
		} else {
			wrapLine(&before, line)
		}
	}
	k.after = before.String()
	return k, nil
}

// fill returns the email with these values. canFill must hold for them.
func (k *skeleton) fill(values []string) RenderedEmail {
	var html, text strings.Builder
	html.Grow(k.html.size(values))
	k.html.fill(&html, values)
	size := len(k.after)
	for _, l := range k.text {
		size += len(l.before) + l.pattern.size(values) + len("\n")
	}
	text.Grow(size + size/16) // wrapping indents the lines that continue a list item
	for _, l := range k.text {
		text.WriteString(l.before)
		l.pattern.wrap(&text, values)
	}
	text.WriteString(k.after)
	return RenderedEmail{Subject: k.subject, Text: text.String(), HTML: html.String()}
}

// pattern is a text with slots for values: values[slots[i]] comes after literals[i]. There is one literal more than
// there are slots.
type pattern struct {
	literals []string
	slots    []int
}

// newPattern makes a slot of every marker in a text.
func newPattern(text string, markers []string) pattern {
	var p pattern
	for {
		at, slot := len(text), -1
		for i, mark := range markers {
			if j := strings.Index(text[:min(len(text), at+len(mark))], mark); j >= 0 && j < at {
				at, slot = j, i
			}
		}
		p.literals = append(p.literals, text[:at])
		if slot < 0 {
			return p
		}
		p.slots = append(p.slots, slot)
		text = text[at+len(markers[slot]):]
	}
}

// size returns the length of the filled text in bytes.
func (p pattern) size(values []string) int {
	n := len(p.literals[0])
	for i, slot := range p.slots {
		n += len(values[slot]) + len(p.literals[i+1])
	}
	return n
}

func (p pattern) fill(b *strings.Builder, values []string) {
	b.WriteString(p.literals[0])
	for i, slot := range p.slots {
		b.WriteString(values[slot])
		b.WriteString(p.literals[i+1])
	}
}

func (p pattern) wrap(b *strings.Builder, values []string) {
	var line strings.Builder
	line.Grow(p.size(values))
	p.fill(&line, values)
	wrapLine(b, line.String())
}

// The punctuation that a value may have besides ASCII letters and digits: none that html/template escapes in text, in a
// quoted attribute or, for a link, in a URL. Moments may have any character beyond ASCII too. Where html/template
// escapes such a character it also escapes one of the examples that every marker has: in URLs all of them, in scripts
// the line separators (U+2028).
const (
	alphanumeric      = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	linkPunctuation   = "-._~/:?=@!$*,;#"
	momentPunctuation = "-._/:,;() "
	nonASCII          = "\u00a0\u202f\u2028’éûñßžłαжա\u05d0\u0622\u0905\u0e01あ日\U0001f4c5"
)

// markers returns n values that can be found again in a text, the first of them links. None is a part of another.
func markers(name string, n, links int) []string {
	all := make([]string, n)
	for i := range all {
		if i < links {
			all[i] = fmt.Sprintf("https://%s.invalid/%d/%s%s", name, i, alphanumeric, linkPunctuation)
		} else {
			all[i] = fmt.Sprintf("%s %d %s%s%s", name, i, alphanumeric, momentPunctuation, nonASCII)
		}
	}
	return all
}

// canFill reports whether values may be filled into a skeleton as they are. The first of them are links.
func canFill(values []string, links int) bool {
	for i, v := range values {
		if i < links && !canFillLink(v) || i >= links && !canFillMoment(v) {
			return false
		}
	}
	return true
}

func canFillLink(s string) bool {
	// html/template looks at the scheme too. A marker has one of these two.
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) &&
		consistsOf(s, linkPunctuation, false)
}

func canFillMoment(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && utf8.ValidString(s) && consistsOf(s, momentPunctuation, true)
}

// consistsOf reports whether s has only ASCII letters and digits, the given punctuation and, if wanted, characters
// beyond ASCII.
func consistsOf(s, punctuation string, beyondASCII bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', beyondASCII && c >= utf8.RuneSelf:
		case strings.IndexByte(punctuation, c) < 0:
			return false
		}
	}
	return true
}

// skeletonCache holds the skeletons made so far. Its zero value is ready, and it is safe for concurrent use.
type skeletonCache struct {
	mu    sync.RWMutex
	byKey map[string]*skeleton // key as of Email.appendKey; nil: these emails can have no skeleton
}

func (c *skeletonCache) get(key []byte) (k *skeleton, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, known = c.byKey[string(key)]
	return k, known
}

// put adds a skeleton. A full cache is emptied first: its skeletons are soon made again.
func (c *skeletonCache) put(key []byte, k *skeleton) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil || len(c.byKey) >= maxSkeletons {
		c.byKey = map[string]*skeleton{}
	}
	c.byKey[string(key)] = k
}
