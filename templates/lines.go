package templates

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of names in emails, in characters.
const (
	maxSubjectName = 40   // so that a subject stays under the 78 that RFC 5322 2.1.1 recommends
	maxName        = 200  // a site's or controller's name, a contact
	maxText        = 2000 // a purpose, a postal address
)

func cleanSite(s Site) Site {
	s.Name, s.URL = oneLine(s.Name, maxName), oneLine(s.URL, maxName)
	s.Controller = Controller{
		Name: oneLine(s.Controller.Name, maxName), Address: oneLine(s.Controller.Address, maxText),
		Contact: oneLine(s.Controller.Contact, maxName), PrivacyURL: oneLine(s.Controller.PrivacyURL, maxLink),
	}
	return s
}

// Most characters of a site's own words. A subject and a button are shown by mail programs on one line.
const (
	MaxOwnSubject = 60
	MaxOwnButton  = 40
	MaxOwnText    = 300
)

func cleanWording(w Wording) Wording {
	return Wording{
		Subject: oneLine(w.Subject, MaxOwnSubject), Greeting: oneLine(w.Greeting, MaxOwnText),
		Lead: oneLine(w.Lead, MaxOwnText), Button: oneLine(w.Button, MaxOwnButton),
	}
}

// oneLine turns line breaks, control characters and marks that change the direction of what follows into spaces, so
// that a name can neither start a header nor disguise a link. It cuts what is longer than limit characters, between two
// words if there are some.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) // no-break spaces stay
	s = strings.Join(words, " ")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	cut := string([]rune(s)[:limit])
	if end := strings.LastIndexAny(cut, " \u00a0\u202f"); end > len(cut)/2 {
		return strings.TrimRight(cut[:end], " ,;:-–") + "…"
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// tidy returns a text without trailing spaces on its lines, without empty lines at its start and end, and with at most
// one empty line in a row.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(append(lines, ""), "\n")
}
