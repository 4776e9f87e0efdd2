package mailer

import (
	"context"
	"encoding/binary"
	"fmt"
	netmail "net/mail"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/skeleton"
	"github.com/optin/optin/templates"
)

// An email is a skeleton that is filled in. A process makes a skeleton once for each site, language, type of email and
// combination of a site's purposes, from the templates and by go-mail. A signup chooses the combination, so the number
// of skeletons that are remembered needs a bound.
const (
	maxSkeletons    = 512
	maxSkeletonSize = 64 << 10 // of one that is remembered, in bytes
	maxSkeletonKey  = 8 << 10  // of what the emails of one have in common, in bytes
)

// keptSkeleton is a skeleton and when Options.Keep was last given it.
type keptSkeleton struct {
	*skeleton.Skeleton
	mu   sync.Mutex
	kept time.Time
}

// keepEvery is how often a skeleton in use is kept again: a store that has lost everything has it by then.
const keepEvery = time.Minute

// keep makes sure that the skeleton is kept before an email that uses it leaves.
func (m *emailMaker) keep(ctx context.Context, k *keptSkeleton) error {
	if m.put == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := m.now()
	if now.Sub(k.kept).Abs() < keepEvery {
		return nil
	}
	if err := m.put(ctx, k.Sum(), k.Data()); err != nil {
		return fmt.Errorf("keep the email's skeleton: %w", err)
	}
	k.kept = now
	return nil
}

// skeletons remembers the skeletons made so far. Its zero value is ready, and it is safe for concurrent use.
type skeletons struct {
	mu    sync.RWMutex
	byKey map[string]*keptSkeleton
}

func (s *skeletons) get(key []byte) *keptSkeleton {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byKey[string(key)]
}

// put remembers a skeleton. If there are too many, all are forgotten first: they are soon made again.
func (s *skeletons) put(key []byte, k *keptSkeleton) {
	if len(key) > maxSkeletonKey || len(k.Data()) > maxSkeletonSize {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil || len(s.byKey) >= maxSkeletons {
		s.byKey = map[string]*keptSkeleton{}
	}
	s.byKey[string(key)] = k
}

// skeleton returns the skeleton of a message's email.
func (m *emailMaker) skeleton(site Site, msg *confirm.Message, own *skeleton.Values) (*keptSkeleton, error) {
	var buffer [1024]byte // on the stack, for most emails
	key := appendSkeletonKey(buffer[:0], msg, own)
	if k := m.skeletons.get(key); k != nil {
		return k, nil
	}
	made, err := m.makeSkeleton(site, msg, own)
	if err != nil {
		return nil, err
	}
	k := &keptSkeleton{Skeleton: made}
	m.skeletons.put(key, k)
	return k, nil
}

// appendSkeletonKey appends all that an email depends on besides its site's options and its values. Messages that
// differ in it append different bytes.
func appendSkeletonKey(b []byte, msg *confirm.Message, own *skeleton.Values) []byte {
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	text(string(msg.Type))
	text(msg.Site)
	text(msg.Locale)
	text(skeleton.LinkBase(own.Confirm))
	text(skeleton.LinkBase(own.Decline))
	text(skeleton.LinkBase(own.Unsubscribe))
	if !own.Deadline.IsZero() && msg.Type != consent.EmailRenew { // which does not say how long its link works
		b = binary.AppendVarint(b, int64(own.Deadline.Sub(msg.FirstDue).Round(time.Minute)))
	}
	b = append(b, boolByte(msg.Reminder), boolByte(msg.ReminderFollows))
	for i := range msg.Purposes {
		p := &msg.Purposes[i]
		text(p.Text)
		text(string(p.State))
		b = append(b, boolByte(p.Since.IsZero()))
	}
	return b
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// makeSkeleton makes a skeleton, and checks the email that is its first.
func (m *emailMaker) makeSkeleton(site Site, msg *confirm.Message, own *skeleton.Values) (*skeleton.Skeleton, error) {
	pages := m.pages.Of(msg.Site)
	language := pages.Language(msg.Locale)
	dates, err := pages.Dates(language, site.Show.TimeZone)
	if err != nil {
		return nil, err
	}
	says := templateData(msg, site.Show, language)
	made, err := skeleton.Make(skeleton.Source{
		Confirm: skeleton.LinkBase(own.Confirm), Decline: skeleton.LinkBase(own.Decline),
		Unsubscribe: skeleton.LinkBase(own.Unsubscribe), Dates: dates, Since: len(own.Since),
		Compose: func(t skeleton.Texts, wrap func(string) string) ([]byte, error) {
			content, err := pages.EmailWith(language, says, t)
			if err != nil {
				return nil, err
			}
			content.Text = wrap(content.Text)
			raw, err := write(newMsg(site, msg, language, content, t))
			if looks := site.Show.Looks; err == nil && looks != nil && looks.Logo != nil {
				raw, err = withPicture(raw, t.Boundary, looks.Logo)
			}
			return raw, err
		},
	}, *own)
	if err != nil {
		return nil, err
	}
	raw, err := made.Fill(nil, own)
	if err != nil {
		return nil, err
	}
	return made, checkForm(raw, !isASCII(own.To.String()))
}

// values returns what differs between the emails of one skeleton. What it reads of a message is read again when an
// email is rebuilt, however old it is.
func values(msg *confirm.Message) skeleton.Values {
	v := skeleton.Values{
		ID: msg.ID, Date: msg.Date, To: msg.To, IP: msg.IP, Asked: msg.Asked, Unsubscribe: msg.Unsubscribe,
	}
	if msg.Type != consent.EmailAlreadyConfirmed {
		v.Confirm, v.Decline, v.Deadline = msg.Confirm, msg.Decline, msg.Deadline
		return v
	}
	for i := range msg.Purposes {
		if since := msg.Purposes[i].Since; !since.IsZero() {
			v.Since = append(v.Since, since)
		}
	}
	return v
}

// Rebuild returns the bytes of an email before it was signed: from its skeleton as it was kept, and what it said. It
// reads the id, the recipient, the date, the IP, the links and the times of the message, and nothing of today's sites,
// templates and keys. The kept signature and these bytes are what was sent.
func Rebuild(kept []byte, msg confirm.Message) ([]byte, error) {
	s, err := skeleton.Parse(kept)
	if err != nil {
		return nil, fmt.Errorf("mailer: %w", err)
	}
	v := values(&msg)
	raw, err := s.Fill(nil, &v)
	if err != nil {
		return nil, fmt.Errorf("mailer: %w", err)
	}
	return raw, nil
}

// templateData returns what the templates say about a message.
func templateData(msg *confirm.Message, show templates.Site, language string) templates.Email {
	purposes := make([]templates.Purpose, len(msg.Purposes))
	for i, p := range msg.Purposes {
		purposes[i] = templates.Purpose{ID: p.ID, Text: p.Text, State: string(p.State), Since: p.Since}
		if msg.Locale != language {
			purposes[i].Lang = msg.Locale
		}
	}
	switch msg.Type {
	case consent.EmailAlreadyConfirmed:
		return templates.KnownEmail{Site: show, Purposes: purposes, Asked: msg.Asked, UnsubscribeURL: msg.Unsubscribe}
	case consent.EmailCopy, consent.EmailErase:
		return templates.RightEmail{
			Site: show, Erase: msg.Type == consent.EmailErase, Asked: msg.Asked, Deadline: msg.Deadline,
			Due: msg.FirstDue, URL: msg.Confirm,
		}
	case consent.EmailRenew:
		return templates.RenewEmail{
			Site: show, Purposes: purposes, Agreed: msg.Asked, Until: msg.Deadline,
			ConfirmURL: msg.Confirm, DeclineURL: msg.Decline,
		}
	}
	return templates.ConfirmEmail{
		Site: show, Purposes: purposes, Asked: msg.Asked, Deadline: msg.Deadline, Due: msg.FirstDue,
		ConfirmURL: msg.Confirm, DeclineURL: msg.Decline,
		Reminder: msg.Reminder, Reminds: msg.ReminderFollows,
	}
}

// newMsg returns a whole message with these texts in it.
func newMsg(
	site Site, msg *confirm.Message, language string, content templates.RenderedEmail, t skeleton.Texts,
) *mail.Msg {
	out := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8),
		mail.WithEncoding(mail.EncodingQP), mail.WithBoundary(t.Boundary))
	from := site.From
	if name := site.FromNames[msg.Locale]; name != "" {
		from.Name = name
	}
	out.SetAddrHeaderFromMailAddress(mail.HeaderFrom, &from)
	if site.ReplyTo != nil {
		out.SetAddrHeaderFromMailAddress(mail.HeaderReplyTo, site.ReplyTo)
	}
	out.SetAddrHeaderFromMailAddress(mail.HeaderTo, &netmail.Address{Address: t.To})
	out.Subject(content.Subject)
	out.SetGenHeader(mail.HeaderDate, t.Date)
	out.SetGenHeader(mail.HeaderMessageID, messageID(t.ID, site))
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5
	out.SetGenHeader(mail.HeaderContentLang, language)
	// These fields are set as one, because go-mail writes several of them in any order. Form-Sub tells receivers that a
	// form led to this email, and roughly where it was filled in, so that they can stop a flood of such emails
	// (draft-levine-mailbomb-header-02).
	out.SetGenHeaderPreformatted("Feedback-ID", feedbackID(msg, site.fromDomain())+"\r\nForm-Sub: v=1 ; "+t.Origin+
		unsubscribeFields(t.Unsubscribe))
	out.SetBodyString(mail.TypeTextPlain, content.Text)
	out.AddAlternativeString(mail.TypeTextHTML, content.HTML)
	return out
}

func write(msg *mail.Msg) ([]byte, error) {
	var b strings.Builder
	_, err := msg.WriteTo(&b)
	return []byte(b.String()), err
}

// messageID returns the Message-ID of an email, with its brackets, by its local part.
func messageID(id string, site Site) string { return "<" + id + "@" + site.fromDomain() + ">" }

// The length of the last part of a Feedback-ID, in characters, as Google asks for.
const minSenderID, maxSenderID = 5, 15

// feedbackID groups emails in complaint statistics. It is the format of Google's feedback loop, three words and an id
// of the sender: what the email is for, its site, the program, and the end of the sender's domain. It names no
// recipient.
func feedbackID(msg *confirm.Message, from string) string {
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

// unsubscribeFields returns the header fields of an email to somebody who agreed (RFC 2369, RFC 8058), each after a
// CRLF. Each stands on one line, because folding broke signatures at some relays. One-click unsubscribing needs https;
// without it, as on a loopback address, there is only the link.
func unsubscribeFields(link string) string {
	switch {
	case link == "":
		return ""
	case strings.HasPrefix(link, "https://"):
		return "\r\nList-Unsubscribe: <" + link + ">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
	}
	return "\r\nList-Unsubscribe: <" + link + ">"
}
