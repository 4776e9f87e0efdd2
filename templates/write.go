package templates

import "strings"

// write fills in the letter's mould where that can be done, and else executes its templates.
func (s *Set) write(t *tongue, l Email) (RenderedEmail, error) {
	words, err := l.words(t)
	if err != nil {
		return RenderedEmail{}, err
	}
	var room [1024]byte // on the stack, for most letters
	like := l.appendRest(appendText(room[:0], t.name(), l.name()))
	if len(like) > maxLikeness || !plain(words, len(l.links())) {
		return s.execute(t, l, words)
	}
	m, known := s.moulds.get(like)
	if !known {
		if m, err = s.mould(t, l, words); err != nil {
			return RenderedEmail{}, err
		}
		s.moulds.keep(like, m)
	}
	if m == nil {
		return s.execute(t, l, words)
	}
	return m.fill(words), nil
}

// execute writes a letter by its templates alone.
func (s *Set) execute(t *tongue, l Email, words []string) (RenderedEmail, error) {
	m, err := s.unwrapped(t, l, words)
	m.Text = wrap(m.Text)
	return m, err
}

// unwrapped is a letter whose text has lines of any length.
func (s *Set) unwrapped(t *tongue, l Email, words []string) (RenderedEmail, error) {
	v := l.view(words)
	var err error
	if v.Subject, err = t.say(l.subject(), "Site", oneLine(l.site().Name, maxSubjectName)); err != nil {
		return RenderedEmail{}, err
	}
	var text, styled strings.Builder
	if err := s.plain[t.name()][l.name()].ExecuteTemplate(&text, l.name()+".txt", v); err != nil {
		return RenderedEmail{}, err
	}
	if err := s.styled[t.name()]["letter/"+l.name()].ExecuteTemplate(&styled, "layout.html", v); err != nil {
		return RenderedEmail{}, err
	}
	return RenderedEmail{Subject: v.Subject, Text: text.String(), HTML: styled.String()}, nil
}
