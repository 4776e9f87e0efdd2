package templates

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// KeptAfterDeadline is how long after its deadline a request that nobody confirmed is deleted; letters promise it.
const KeptAfterDeadline = 7 * 24 * time.Hour

// maxLink is the longest link a letter carries, in bytes: short of the 998 of one line (RFC 5322 2.1.1).
const maxLink = 900

// Letter is one of the letter types of this package.
type Letter interface {
	name() string
	site() Site
	links() []string
	clean() Letter // with every value on one line
}

// ConfirmLetter asks its reader to open the confirm page. It holds nothing that the requester wrote.
type ConfirmLetter struct {
	Site                   Site
	Purposes               []Purpose
	Asked, Deadline        time.Time
	ConfirmURL, DeclineURL string
}

// KnownLetter tells somebody who is confirmed already that the address was entered again, and how to take it back.
type KnownLetter struct {
	Site           Site
	Purposes       []Purpose // with State and Since
	Asked          time.Time
	UnsubscribeURL string
}

// Mail is a letter ready for its envelope. Subject is one line of fewer than 78 characters; Text has lines of at most 76 columns,
// but for links, which stand alone on theirs; lines end in LF.
type Mail struct {
	Subject, Text, HTML string
}

func letterNames() []string { return []string{"confirm", "known"} }

func (ConfirmLetter) name() string      { return "confirm" }
func (l ConfirmLetter) site() Site      { return l.Site }
func (l ConfirmLetter) links() []string { return []string{l.ConfirmURL, l.DeclineURL} }
func (KnownLetter) name() string        { return "known" }
func (l KnownLetter) site() Site        { return l.Site }
func (l KnownLetter) links() []string   { return []string{l.UnsubscribeURL} }

func (l ConfirmLetter) clean() Letter {
	l.Site, l.Purposes = cleanSite(l.Site), cleanPurposes(l.Purposes)
	for i := range l.Purposes {
		l.Purposes[i].State, l.Purposes[i].Since = "", time.Time{} // nothing is agreed to yet
	}
	return l
}

func (l KnownLetter) clean() Letter {
	l.Site, l.Purposes = cleanSite(l.Site), cleanPurposes(l.Purposes)
	return l
}

// Valid is for how long after the request the link works, to the minute: the two moments may have been taken apart a little.
func (l ConfirmLetter) Valid() time.Duration { return l.Deadline.Sub(l.Asked).Round(time.Minute) }

// Kept is KeptAfterDeadline, for the template.
func (ConfirmLetter) Kept() time.Duration { return KeptAfterDeadline }

// Place names the site with the address that its configuration gives.
func (s Site) Place() string {
	if s.URL == "" {
		return s.Name
	}
	return s.Name + " (" + s.URL + ")"
}

// letterView is what a letter's templates see.
type letterView struct {
	Subject string
	Site    Site
	Letter  Letter
}

// Letter renders a letter in the language nearest to locale. Names and texts are put on one line and names are cut
// to a sensible length. A link that is not an absolute http or https URL in plain ASCII, or is longer than 900 bytes, is an error.
func (s *Set) Letter(locale string, l Letter) (Mail, error) {
	for _, link := range l.links() {
		if err := checkLink(link); err != nil {
			return Mail{}, fmt.Errorf("templates: letter %s: %w", l.name(), err)
		}
	}
	l = l.clean()
	t := s.tongue(locale)
	subject, err := t.say("letter."+l.name()+".subject", "Site", oneLine(l.site().Name, maxSubjectName))
	if err != nil {
		return Mail{}, fmt.Errorf("templates: letter %s: %w", l.name(), err)
	}
	v := letterView{Subject: subject, Site: l.site(), Letter: l}
	var text, styled bytes.Buffer
	if err := s.plain[t.name()][l.name()].ExecuteTemplate(&text, l.name()+".txt", v); err != nil {
		return Mail{}, fmt.Errorf("templates: letter %s: %w", l.name(), err)
	}
	if err := s.styled[t.name()]["letter/"+l.name()].ExecuteTemplate(&styled, "layout.html", v); err != nil {
		return Mail{}, fmt.Errorf("templates: letter %s: %w", l.name(), err)
	}
	return Mail{Subject: subject, Text: wrap(text.String()), HTML: styled.String()}, nil
}

// checkLink never repeats the link: it is the key to somebody's consent, and errors are logged.
func checkLink(link string) error {
	if len(link) > maxLink {
		return fmt.Errorf("a link of %d bytes is too long for a letter; at most %d", len(link), maxLink)
	}
	u, err := url.Parse(link)
	plain := !strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\^`{|}", r) })
	if err != nil || !plain || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("a link in a letter must be an absolute http or https URL in ASCII")
	}
	return nil
}
