package templates

import "strings"

// mould is a letter of which everything is written but the words, of which every person has others. It is made by executing the
// templates once, with marks for words. Filling it in escapes nothing, and need not: a mark has every character that plain lets
// through, or its like, and where an escaper touches one there is no mark to be found, so that what is filled in is not the letter.
type mould struct {
	subject string
	html    cut
	text    []line
	rest    string // of the text
}

// line is one line that has words and is still to be wrapped, and what is ready before it.
type line struct {
	before string
	cut    cut
}

// mould makes the mould of a letter, or none if it would not give the very letter that the templates give: if, say, the site's name
// reads like a mark. It is tried on other marks too: the words may be what the name reads like.
func (s *Set) mould(t *tongue, l Email, words []string) (*mould, error) {
	links := len(l.links())
	m, err := s.cast(t, l, marks("mark", len(words), links))
	if err != nil {
		return nil, err
	}
	for _, try := range [][]string{words, marks("proof", len(words), links)} {
		want, err := s.execute(t, l, try)
		if err != nil {
			return nil, err
		}
		if len(want.HTML)+len(want.Text) > maxMould || m.fill(try) != want {
			return nil, nil
		}
	}
	return m, nil
}

// cast cuts a letter of marks.
func (s *Set) cast(t *tongue, l Email, marks []string) (*mould, error) {
	marked, err := s.unwrapped(t, l, marks)
	if err != nil {
		return nil, err
	}
	m := &mould{subject: marked.Subject, html: cutAt(marked.HTML, marks)}
	var before strings.Builder
	for _, one := range tidy(marked.Text) {
		if c := cutAt(one, marks); len(c.holes) > 0 {
			m.text = append(m.text, line{before: before.String(), cut: c})
			before.Reset()
		} else {
			wrapLine(&before, one)
		}
	}
	m.rest = before.String()
	return m, nil
}

// fill writes a letter. The words must be plain.
func (m *mould) fill(words []string) RenderedEmail {
	var html, text strings.Builder
	html.Grow(m.html.size(words))
	m.html.fill(&html, words)
	size := len(m.rest)
	for _, l := range m.text {
		size += len(l.before) + l.cut.size(words) + len("\n")
	}
	text.Grow(size + size/16) // what continues an item is indented
	for _, l := range m.text {
		text.WriteString(l.before)
		l.cut.wrap(&text, words)
	}
	text.WriteString(m.rest)
	return RenderedEmail{Subject: m.subject, Text: text.String(), HTML: html.String()}
}
