package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// email is a message composed and ready to be handed over.
type email struct {
	from         string // on the envelope
	senderDomain string // of from
	to           address.Address
	utf8         bool          // the recipient needs SMTPUTF8
	rcptTimeout  time.Duration // for the answer to RCPT; 0: that of the session
	messageID    string        // with its brackets
	raw          []byte        // as it goes over the wire, before dots are stuffed
	sha256       string        // of raw, in lower-case hex
}

// compose returns the email of a job.
func (m *Mailer) compose(job store.Job, msg confirm.Message) (*email, error) {
	site, ok := m.Sites[msg.Site]
	if !ok {
		return nil, fmt.Errorf("mailer: email %s: site %q is not configured", job.ID, msg.Site)
	}
	e, err := m.newEmail(job.ID, msg, site)
	if err != nil {
		return nil, fmt.Errorf("mailer: email %s: %w", job.ID, err)
	}
	return e, nil
}

func (m *Mailer) newEmail(id string, msg confirm.Message, site Site) (*email, error) {
	language := m.Pages.Language(msg.Locale)
	content, err := m.Pages.Email(language, templateData(msg, site.Show, language))
	if err != nil {
		return nil, err
	}
	e := &email{to: msg.To, utf8: !isASCII(msg.To.String()), messageID: "<" + id + "@" + site.fromDomain() + ">"}
	if e.from, err = site.returnPath(msg.ReturnPath); err != nil {
		return nil, err
	}
	e.senderDomain = domainOf(e.from)
	out := m.newMsg(e, site, content)
	out.SetGenHeader(mail.HeaderContentLang, language)
	out.SetGenHeaderPreformatted("Form-Sub", formSub(msg.IP))
	out.SetGenHeaderPreformatted("Feedback-ID", feedbackID(msg, site.fromDomain()))
	setUnsubscribe(out, msg.Unsubscribe)
	var b bytes.Buffer
	// quoted-printable and the header need some more
	b.Grow(len(content.Text) + len(content.HTML) + len(content.HTML)/2)
	if _, err := out.WriteTo(&b); err != nil {
		return nil, err
	}
	if e.raw, err = m.sign(site.fromDomain(), b.Bytes()); err != nil {
		return nil, err
	}
	if err := checkForm(e.raw, e.utf8); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(e.raw)
	e.sha256 = hex.EncodeToString(sum[:])
	return e, nil
}

// templateData returns what the templates say about a message.
func templateData(msg confirm.Message, show templates.Site, language string) templates.Email {
	purposes := make([]templates.Purpose, len(msg.Purposes))
	for i, p := range msg.Purposes {
		purposes[i] = templates.Purpose{ID: p.ID, Text: p.Text, State: string(p.State), Since: p.Since}
		if msg.Locale != language {
			purposes[i].Lang = msg.Locale
		}
	}
	if msg.Type == consent.EmailAlreadyConfirmed {
		return templates.KnownEmail{Site: show, Purposes: purposes, Asked: msg.Asked, UnsubscribeURL: msg.Unsubscribe}
	}
	return templates.ConfirmEmail{
		Site: show, Purposes: purposes, Asked: msg.Asked, Deadline: msg.Deadline, ConfirmURL: msg.Confirm,
		DeclineURL: msg.Decline,
		Reminder:   msg.Reminder, Reminds: msg.ReminderFollows,
	}
}

// newMsg returns the parts and the header fields that every email has.
func (m *Mailer) newMsg(e *email, site Site, content templates.RenderedEmail) *mail.Msg {
	out := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8),
		mail.WithEncoding(mail.EncodingQP))
	out.SetAddrHeaderFromMailAddress(mail.HeaderFrom, &site.From)
	if site.ReplyTo != nil {
		out.SetAddrHeaderFromMailAddress(mail.HeaderReplyTo, site.ReplyTo)
	}
	out.SetAddrHeaderFromMailAddress(mail.HeaderTo, &netmail.Address{Address: e.to.String()})
	out.Subject(content.Subject)
	out.SetDateWithValue(m.Now().UTC())
	out.SetGenHeader(mail.HeaderMessageID, e.messageID)
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	out.SetBodyString(mail.TypeTextPlain, content.Text)
	out.AddAlternativeString(mail.TypeTextHTML, content.HTML)
	return out
}

// The length of the last part of a Feedback-ID, in characters, as Google asks for.
const minSenderID, maxSenderID = 5, 15

// feedbackID groups emails in complaint statistics. It is the format of Google's feedback loop, three words and an id
// of the sender: what the email is for, its site, the program, and the end of the sender's domain. It names no
// recipient.
func feedbackID(msg confirm.Message, from string) string {
	id := from
	if len(id) > maxSenderID {
		id = strings.TrimLeft(id[len(id)-maxSenderID:], ".-") // the end of a domain says more than its beginning
	}
	if len(id) < minSenderID {
		id = "mail." + id
	}
	purpose := string(msg.Type)
	if msg.Reminder {
		purpose = "reminder"
	}
	return word(purpose) + ":" + word(msg.Site) + ":optin:" + id
}

// word drops from a name what may not stand between colons.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, s)
}

// formSub tells receivers that a form led to this email, and roughly where it was filled in, so that they can stop a
// flood of such emails (draft-levine-mailbomb-header-02). It gives the first two parts of an IPv4 address, or the first
// 32 bits of an IPv6 address.
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

// setUnsubscribe adds the header fields of an email to somebody who agreed (RFC 2369, RFC 8058). Each stands on one
// line, because folding broke signatures at some relays. One-click unsubscribing needs https; without it, as on a
// loopback address, there is only the link.
func setUnsubscribe(out *mail.Msg, link string) {
	if link == "" {
		return
	}
	out.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, "<"+link+">")
	if strings.HasPrefix(link, "https://") {
		out.SetGenHeaderPreformatted(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
}

// maxLine is the longest line of an email, in bytes, without its CRLF (RFC 5322 section 2.1.1).
const maxLine = 998

// allowedFields lists every header field that an email may have, in lower case. Each but DKIM-Signature may appear
// once.
func allowedFields() []string {
	return []string{
		"auto-submitted", "content-language", "content-type", "date", "dkim-signature", "feedback-id", "form-sub",
		"from", "list-unsubscribe",
		"list-unsubscribe-post", "message-id", "mime-version", "reply-to", "subject", "to",
	}
}

// checkForm is the last check of an email before it goes out. utf8 allows a recipient beyond ASCII. The error repeats
// nothing of the email.
func checkForm(raw []byte, utf8 bool) error {
	header, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok || !bytes.HasSuffix(body, []byte("\r\n")) {
		return errors.New("the message has no end of header or of body")
	}
	if err := checkLines(raw); err != nil {
		return err
	}
	if !isASCII(body) {
		return errors.New("the message's body is not ASCII")
	}
	return checkHeader(string(header), utf8)
}

// checkLines looks at each byte only once, because it runs for every email.
func checkLines(raw []byte) error {
	begin := 0
	for i, c := range raw {
		switch {
		case c == '\n' && i > 0 && raw[i-1] == '\r':
			if n := i - 1 - begin; n > maxLine {
				return fmt.Errorf("the message has a line of %d bytes", n)
			}
			begin = i + 1
		case c == '\n', c == 0, c == '\r' && (i+1 == len(raw) || raw[i+1] != '\n'):
			return errors.New("the message has a line with a stray CR, LF or NUL")
		}
	}
	return nil
}

func checkHeader(header string, utf8 bool) error {
	known, seen := allowedFields(), map[string]bool{}
	var name string
	for line := range strings.SplitSeq(header, "\r\n") {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			field, _, ok := strings.Cut(line, ":")
			name = strings.ToLower(field)
			if !ok || !slices.Contains(known, name) || seen[name] && name != "dkim-signature" {
				return errors.New("the message has a header field that is unknown or comes twice")
			}
			seen[name] = true
		}
		if !isASCII(line) && (name != "to" || !utf8) {
			return fmt.Errorf("the message's field %s is not ASCII", name)
		}
	}
	for _, required := range []string{"date", "from", "to", "subject", "message-id", "mime-version", "content-type"} {
		if !seen[required] {
			return fmt.Errorf("the message lacks the field %s", required)
		}
	}
	return nil
}
