package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"net/netip"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// letter is a message ready to be handed over.
type letter struct {
	from string
	to   confirm.Address
	utf8 bool   // the recipient needs SMTPUTF8
	id   string // Message-ID, with its brackets
	raw  []byte // as it goes over the wire, before dots are stuffed
	sum  string // lower-case hex SHA-256 of raw
}

// compose writes the letter of an entry.
func (m *Mailer) compose(e store.Entry, d confirm.Draft) (*letter, error) {
	site, ok := m.Sites[d.Site]
	if !ok {
		return nil, fmt.Errorf("mailer: letter %s: site %q is not configured", e.ID, d.Site)
	}
	language := m.Pages.Language(d.Locale)
	words, err := m.Pages.Letter(language, content(d, site.Show, language))
	if err != nil {
		return nil, fmt.Errorf("mailer: letter %s: %w", e.ID, err)
	}
	_, domain, _ := strings.Cut(site.From.Address, "@")
	l := &letter{from: site.From.Address, to: d.To, utf8: !ascii(d.To.String()), id: "<" + e.ID + "@" + domain + ">"}
	msg := m.message(l, site.From, words)
	msg.SetGenHeader(mail.HeaderContentLang, language)
	msg.SetGenHeaderPreformatted("Form-Sub", formSub(d.IP))
	unsubscribe(msg, d.Unsubscribe)
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("mailer: letter %s: %w", e.ID, err)
	}
	if l.raw, err = m.sign(domain, b.Bytes()); err != nil {
		return nil, fmt.Errorf("mailer: letter %s: %w", e.ID, err)
	}
	if err := wellFormed(l.raw, l.utf8); err != nil {
		return nil, fmt.Errorf("mailer: letter %s: %w", e.ID, err)
	}
	sum := sha256.Sum256(l.raw)
	l.sum = hex.EncodeToString(sum[:])
	return l, nil
}

// content is what the letter of a draft says.
func content(d confirm.Draft, show templates.Site, language string) templates.Letter {
	purposes := make([]templates.Purpose, len(d.Purposes))
	for i, p := range d.Purposes {
		purposes[i] = templates.Purpose{ID: p.ID, Text: p.Text, State: string(p.State), Since: p.Since}
		if d.Locale != language {
			purposes[i].Lang = d.Locale
		}
	}
	if d.Duty == confirm.DutyKnown {
		return templates.KnownLetter{Site: show, Purposes: purposes, Asked: d.Asked, UnsubscribeURL: d.Unsubscribe}
	}
	return templates.ConfirmLetter{
		Site: show, Purposes: purposes, Asked: d.Asked, Deadline: d.Deadline, ConfirmURL: d.Confirm, DeclineURL: d.Decline,
	}
}

// message is the letter but for what only some letters have.
func (m *Mailer) message(l *letter, from netmail.Address, words templates.Mail) *mail.Msg {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	msg.SetAddrHeaderFromMailAddress(mail.HeaderFrom, &from)
	msg.SetAddrHeaderFromMailAddress(mail.HeaderTo, &netmail.Address{Address: l.to.String()})
	msg.Subject(words.Subject)
	msg.SetDateWithValue(m.Now().UTC())
	msg.SetGenHeader(mail.HeaderMessageID, l.id)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	msg.SetBodyString(mail.TypeTextPlain, words.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, words.HTML)
	return msg
}

// formSub tells receivers that a form led to this letter, and from about where it was filled in, so that they can stop a flood of such
// letters (draft-levine-mailbomb-header-02). Of an IPv4 address two parts are told, of an IPv6 address the first 32 bits.
func formSub(ip string) string {
	addr, err := netip.ParseAddr(ip)
	addr = addr.Unmap()
	switch {
	case err != nil:
		return "v=1 ; ip=none"
	case addr.Is4():
		b := addr.As4()
		return fmt.Sprintf("v=1 ; ip4=%d.%d.x.x", b[0], b[1])
	}
	b := addr.As16()
	return fmt.Sprintf("v=1 ; ip6=%x:%x::x", binary.BigEndian.Uint16(b[:2]), binary.BigEndian.Uint16(b[2:4]))
}

// unsubscribe adds the header fields of a letter to somebody who agreed (RFC 2369, RFC 8058), each on one line: folding
// broke signatures at some relays. One click wants https; without, as on a loopback address, only the link is told.
func unsubscribe(msg *mail.Msg, link string) {
	if link == "" {
		return
	}
	msg.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, "<"+link+">")
	if strings.HasPrefix(link, "https://") {
		msg.SetGenHeaderPreformatted(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
}
