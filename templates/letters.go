package templates

import (
	"fmt"
	"net/url"
	"time"
)

// UnconfirmedRetention is how long after its deadline a request that nobody confirmed is deleted; letters promise it.
const UnconfirmedRetention = 7 * 24 * time.Hour

// maxLink is the longest link a letter carries, in bytes: short of the 998 of one line (RFC 5322 2.1.1).
const maxLink = 900

// Letter is one of the letter types of this package.
type Email interface {
	name() string
	site() Site
	subject() string // the key of its message
	links() []string
	words(t *tongue) ([]string, error) // what differs from one person's letter to the next's: the links, then moments
	view(words []string) letterView    // with every value on one line, but for the words, which are taken as they are
	appendRest(b []byte) []byte        // all else that the templates see; letters that differ in it append what differs
}

// ConfirmLetter asks its reader to open the confirm page. It holds nothing that the requester wrote.
type ConfirmEmail struct {
	Site                   Site
	Purposes               []Purpose
	Asked, Deadline        time.Time
	ConfirmURL, DeclineURL string
	Reminder               bool // this is the one reminder of the request: the same letter again
	Reminds                bool // one reminder may follow this letter, so it must not promise that none does
}

// KnownLetter tells somebody who is confirmed already that the address was entered again, and how to take it back.
type KnownEmail struct {
	Site           Site
	Purposes       []Purpose // with State and Since
	Asked          time.Time
	UnsubscribeURL string
}

// RenderedEmail is an email ready for its envelope. Subject is one line of fewer than 78 characters; Text has lines of at most 76 columns,
// but for links, which stand alone on theirs; lines end in LF.
type RenderedEmail struct {
	Subject, Text, HTML string
}

func letterNames() []string { return []string{"confirm", "known"} }

// subjects lists the keys of all subjects.
func subjects() []string {
	return []string{"letter.confirm.subject", "letter.reminder.subject", "letter.known.subject"}
}

func (ConfirmEmail) name() string      { return "confirm" }
func (l ConfirmEmail) site() Site      { return l.Site }
func (l ConfirmEmail) links() []string { return []string{l.ConfirmURL, l.DeclineURL} }
func (KnownEmail) name() string        { return "known" }
func (l KnownEmail) site() Site        { return l.Site }
func (l KnownEmail) links() []string   { return []string{l.UnsubscribeURL} }
func (KnownEmail) subject() string     { return "letter.known.subject" }

func (l ConfirmEmail) subject() string {
	if l.Reminder {
		return "letter.reminder.subject"
	}
	return "letter.confirm.subject"
}

// Valid is for how long after the request the link works, to the minute: the two moments may have been taken apart a little.
func (l ConfirmEmail) Valid() time.Duration { return l.Deadline.Sub(l.Asked).Round(time.Minute) }

// NameWithURL names the site with the address that its configuration gives.
func (s Site) NameWithURL() string {
	if s.URL == "" {
		return s.Name
	}
	return s.Name + " (" + s.URL + ")"
}

// Letter renders a letter in the language nearest to locale. Names and texts are put on one line and names are cut
// to a sensible length. A link that is not an absolute http or https URL in plain ASCII, or is longer than 900 bytes, is an error.
func (s *Set) Email(locale string, l Email) (RenderedEmail, error) {
	for _, link := range l.links() {
		if err := checkLink(link); err != nil {
			return RenderedEmail{}, fmt.Errorf("templates: letter %s: %w", l.name(), err)
		}
	}
	m, err := s.write(s.tongue(locale), l)
	if err != nil {
		return RenderedEmail{}, fmt.Errorf("templates: letter %s: %w", l.name(), err)
	}
	return m, nil
}

// urlSigns are those of RFC 3986 appendix A, but for the quote.
const urlSigns = "-._~:/?#[]@!$&()*+,;=%"

// checkLink never repeats the link: it is the key to somebody's consent, and errors are logged.
func checkLink(link string) error {
	if len(link) > maxLink {
		return fmt.Errorf("a link of %d bytes is too long for a letter; at most %d", len(link), maxLink)
	}
	u, err := url.Parse(link)
	if err != nil || !spelled(link, urlSigns, false) || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("a link in a letter must be an absolute http or https URL in ASCII")
	}
	return nil
}
