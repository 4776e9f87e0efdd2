package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// letter is a message ready to be handed over.
type letter struct {
	from     string // on the envelope
	domain   string // of from
	to       address.Address
	utf8     bool          // the recipient needs SMTPUTF8
	patience time.Duration // for the answer to RCPT; 0: that of the session
	id       string        // Message-ID, with its brackets
	raw      []byte        // as it goes over the wire, before dots are stuffed
	sum      string        // lower-case hex SHA-256 of raw
}

// compose writes the letter of an entry.
func (m *Mailer) compose(e store.Job, d confirm.Message) (*letter, error) {
	site, ok := m.Sites[d.Site]
	if !ok {
		return nil, fmt.Errorf("mailer: letter %s: site %q is not configured", e.ID, d.Site)
	}
	l, err := m.write(e.ID, d, site)
	if err != nil {
		return nil, fmt.Errorf("mailer: letter %s: %w", e.ID, err)
	}
	return l, nil
}

func (m *Mailer) write(id string, d confirm.Message, site Site) (*letter, error) {
	language := m.Pages.Language(d.Locale)
	words, err := m.Pages.Email(language, content(d, site.Show, language))
	if err != nil {
		return nil, err
	}
	l := &letter{to: d.To, utf8: !ascii(d.To.String()), id: "<" + id + "@" + site.domain() + ">"}
	if l.from, err = site.returnTo(d.ReturnPath); err != nil {
		return nil, err
	}
	l.domain = domainOf(l.from)
	msg := m.message(l, site, words)
	msg.SetGenHeader(mail.HeaderContentLang, language)
	msg.SetGenHeaderPreformatted("Form-Sub", formSub(d.IP))
	msg.SetGenHeaderPreformatted("Feedback-ID", feedbackID(d, site.domain()))
	unsubscribe(msg, d.Unsubscribe)
	var b bytes.Buffer
	b.Grow(len(words.Text) + len(words.HTML) + len(words.HTML)/2) // quoted-printable takes some more, and the header
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, err
	}
	if l.raw, err = m.sign(site.domain(), b.Bytes()); err != nil {
		return nil, err
	}
	if err := wellFormed(l.raw, l.utf8); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(l.raw)
	l.sum = hex.EncodeToString(sum[:])
	return l, nil
}

// content is what the letter of a draft says.
func content(d confirm.Message, show templates.Site, language string) templates.Email {
	purposes := make([]templates.Purpose, len(d.Purposes))
	for i, p := range d.Purposes {
		purposes[i] = templates.Purpose{ID: p.ID, Text: p.Text, State: string(p.State), Since: p.Since}
		if d.Locale != language {
			purposes[i].Lang = d.Locale
		}
	}
	if d.Type == consent.JobKnownEmail {
		return templates.KnownEmail{Site: show, Purposes: purposes, Asked: d.Asked, UnsubscribeURL: d.Unsubscribe}
	}
	return templates.ConfirmEmail{
		Site: show, Purposes: purposes, Asked: d.Asked, Deadline: d.Deadline, ConfirmURL: d.Confirm, DeclineURL: d.Decline,
		Reminder: d.Reminder, Reminds: d.ReminderFollows,
	}
}

// message is the letter but for what only some letters have.
func (m *Mailer) message(l *letter, site Site, words templates.RenderedEmail) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	msg.SetAddrHeaderFromMailAddress(mail.HeaderFrom, &site.From)
	if site.ReplyTo != nil {
		msg.SetAddrHeaderFromMailAddress(mail.HeaderReplyTo, site.ReplyTo)
	}
	msg.SetAddrHeaderFromMailAddress(mail.HeaderTo, &netmail.Address{Address: l.to.String()})
	msg.Subject(words.Subject)
	msg.SetDateWithValue(m.Now().UTC())
	msg.SetGenHeader(mail.HeaderMessageID, l.id)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	msg.SetBodyString(mail.TypeTextPlain, words.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, words.HTML)
	return msg
}
