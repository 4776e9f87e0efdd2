package templates

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// UnconfirmedRetention is how long after its deadline an unconfirmed request is deleted. The emails promise it.
const UnconfirmedRetention = 7 * 24 * time.Hour

// maxLink is the longest link an email carries, in bytes: short of the 998 of one line (RFC 5322 2.1.1).
const maxLink = 900

// Email is one of the email types of this package.
type Email interface {
	name() string // of its files
	site() Site
	subject() string // the key of its message
	links() []string

	// values returns what differs from one email to the next: first the links, then moments and durations in words.
	values(t *translation) ([]string, error)

	// view returns what the templates see, with every text on one line. The values are taken as they are.
	view(values []string) emailView

	// appendKey appends everything else that the templates see. Emails that differ in it append different bytes.
	appendKey(b []byte) []byte
}

// ConfirmEmail asks its reader to open the confirmation page. It holds nothing that the requester wrote.
type ConfirmEmail struct {
	Site                   Site
	Purposes               []Purpose
	Asked, Deadline        time.Time
	ConfirmURL, DeclineURL string
	Reminder               bool // this is the one reminder of the request: the same email again
	Reminds                bool // one reminder may follow this email, so it must not promise that none does
}

// KnownEmail tells somebody who has confirmed already that the address was entered again, and how to unsubscribe.
type KnownEmail struct {
	Site           Site
	Purposes       []Purpose // with State and Since
	Asked          time.Time
	UnsubscribeURL string
}

// RenderedEmail is an email ready for its envelope. Subject is one line of fewer than 78 characters. Text has lines of
// at most 76 columns, except for links, which stand alone on their lines. Lines end in LF.
type RenderedEmail struct {
	Subject, Text, HTML string
}

// emailNames lists the files of emails/ that are emails.
func emailNames() []string { return []string{"confirm", "known"} }

// subjectKeys lists the keys of all subjects.
func subjectKeys() []string {
	return []string{"email.confirm.subject", "email.reminder.subject", "email.known.subject"}
}

// Email renders an email in the language nearest to locale. Names and texts are put on one line, and names are cut to a
// sensible length. A link that is not an absolute http or https URL in plain ASCII, or is longer than 900 bytes, is an
// error. The error does not contain the link.
func (s *Set) Email(locale string, e Email) (RenderedEmail, error) {
	for _, link := range e.links() {
		if err := checkLink(link); err != nil {
			return RenderedEmail{}, fmt.Errorf("templates: email %s: %w", e.name(), err)
		}
	}
	m, err := s.render(s.translation(locale), e)
	if err != nil {
		return RenderedEmail{}, fmt.Errorf("templates: email %s: %w", e.name(), err)
	}
	return m, nil
}

// urlPunctuation is that of RFC 3986 appendix A, without the quote.
const urlPunctuation = "-._~:/?#[]@!$&()*+,;=%"

// checkLink never repeats the link in its error: a link is the key to somebody's consent, and errors are logged.
func checkLink(link string) error {
	if len(link) > maxLink {
		return fmt.Errorf("a link of %d bytes is too long for an email; the limit is %d", len(link), maxLink)
	}
	u, err := url.Parse(link)
	if err != nil || !consistsOf(link, urlPunctuation, false) || u.Host == "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("a link in an email must be an absolute http or https URL in ASCII")
	}
	return nil
}

// emailView is what an email's templates see. The values of the email are already words in it, because a skeleton has
// markers there.
type emailView struct {
	Subject                                string
	Site                                   Site
	Purposes                               []purposeView
	Reminder, Reminds                      bool
	ConfirmURL, DeclineURL, UnsubscribeURL string
	Asked, Deadline, ValidFor              string
}

// purposeView is a purpose in an email. When is in words; it is empty where no state is shown.
type purposeView struct{ Text, Lang, State, When string }

// Retention is UnconfirmedRetention, for the templates.
func (emailView) Retention() time.Duration { return UnconfirmedRetention }

// NameWithURL is the site's name followed by the address from its configuration, if it has one.
func (s Site) NameWithURL() string {
	if s.URL == "" {
		return s.Name
	}
	return s.Name + " (" + s.URL + ")"
}

func (ConfirmEmail) name() string      { return "confirm" }
func (e ConfirmEmail) site() Site      { return e.Site }
func (e ConfirmEmail) links() []string { return []string{e.ConfirmURL, e.DeclineURL} }

func (e ConfirmEmail) subject() string {
	if e.Reminder {
		return "email.reminder.subject"
	}
	return "email.confirm.subject"
}

// validFor is how long after the request the link works, to the minute: the caller may have taken the two times a
// moment apart.
func (e ConfirmEmail) validFor() time.Duration { return e.Deadline.Sub(e.Asked).Round(time.Minute) }

func (e ConfirmEmail) values(t *translation) ([]string, error) {
	asked, err := t.moment(e.Asked)
	if err != nil {
		return nil, err
	}
	deadline, err := t.moment(e.Deadline)
	if err != nil {
		return nil, err
	}
	validFor, err := t.duration(e.validFor())
	return []string{e.ConfirmURL, e.DeclineURL, asked, deadline, validFor}, err
}

func (e ConfirmEmail) view(values []string) emailView {
	v := emailView{
		Site: cleanSite(e.Site), Reminder: e.Reminder, Reminds: e.Reminds,
		ConfirmURL: values[0], DeclineURL: values[1], Asked: values[2], Deadline: values[3], ValidFor: values[4],
	}
	for _, p := range e.Purposes {
		// Without State and Since: nothing is agreed to yet.
		v.Purposes = append(v.Purposes, purposeView{Text: oneLine(p.Text, maxText), Lang: p.Lang})
	}
	return v
}

func (e ConfirmEmail) appendKey(b []byte) []byte {
	b = append(appendSite(b, e.Site), boolByte(e.Reminder), boolByte(e.Reminds))
	for _, p := range e.Purposes {
		b = appendText(b, p.Text, p.Lang)
	}
	return b
}

func (KnownEmail) name() string      { return "known" }
func (e KnownEmail) site() Site      { return e.Site }
func (e KnownEmail) links() []string { return []string{e.UnsubscribeURL} }
func (KnownEmail) subject() string   { return "email.known.subject" }

func (e KnownEmail) values(t *translation) ([]string, error) {
	asked, err := t.moment(e.Asked)
	values := []string{e.UnsubscribeURL, asked}
	for _, p := range e.Purposes {
		if err == nil && !p.Since.IsZero() {
			var since string
			since, err = t.moment(p.Since)
			values = append(values, since)
		}
	}
	return values, err
}

func (e KnownEmail) view(values []string) emailView {
	v := emailView{Site: cleanSite(e.Site), UnsubscribeURL: values[0], Asked: values[1]}
	values = values[2:]
	for _, p := range e.Purposes {
		q := purposeView{Text: oneLine(p.Text, maxText), Lang: p.Lang, State: p.State}
		if !p.Since.IsZero() {
			q.When, values = values[0], values[1:]
		}
		v.Purposes = append(v.Purposes, q)
	}
	return v
}

func (e KnownEmail) appendKey(b []byte) []byte {
	b = appendSite(b, e.Site)
	for _, p := range e.Purposes {
		b = append(appendText(b, p.Text, p.Lang, p.State), boolByte(p.Since.IsZero()))
	}
	return b
}

func appendSite(b []byte, s Site) []byte {
	c := s.Controller
	return appendText(b, s.ID, s.Name, s.URL, c.Name, c.Address, c.Contact, c.PrivacyURL)
}

// appendText writes the length of each text before it, so that two lists of texts never append the same bytes.
func appendText(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
