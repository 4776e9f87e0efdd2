package mailer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/templates"
)

// email is a message composed and ready to be handed over.
type email struct {
	from         string // on the envelope
	senderDomain string // of from
	to           address.Address
	utf8         bool          // the recipient needs SMTPUTF8
	rcptTimeout  time.Duration // for the answer to RCPT; 0: that of the session
	// the recipient's domain answered lately, so that its server is not expected to keep the relay waiting
	domainAnswers bool
	messageID     string    // with its brackets
	date          time.Time // of its header
	skeleton      *keptSkeleton
	signature     string // the fields that sign it, each with its CRLF: they go over the wire first
	raw           []byte // what they sign, before dots are stuffed
	room          *[]byte
}

// delivery returns what must be known of the email once a relay has taken it.
func (e *email) delivery(reply string) consent.Delivery {
	sum := sha256.Sum256(e.raw)
	d := consent.Delivery{
		Reply: reply, Skeleton: e.skeleton.Sum(), Signature: e.signature, Unsigned: hex.EncodeToString(sum[:]),
	}
	if d.SHA256 = d.Unsigned; e.signature != "" {
		all := sha256.New()
		all.Write([]byte(e.signature))
		all.Write(e.raw)
		d.SHA256 = hex.EncodeToString(all.Sum(sum[:0]))
	}
	return d
}

// emailMaker makes the emails of messages.
type emailMaker struct {
	sites     map[string]Site
	pages     *templates.Set
	put       func(ctx context.Context, sum string, data []byte) error // nil: skeletons are not kept
	now       func() time.Time
	keys      map[string][]signer // by the domain of From
	skeletons skeletons
	buffers   sync.Pool // of *[]byte: the texts of emails that have left, to be written over by others
}

// compose returns the email of a message.
func (m *emailMaker) compose(msg *confirm.Message) (*email, error) {
	site, ok := m.sites[msg.Site]
	if !ok {
		return nil, fmt.Errorf("mailer: email %s: site %q is not configured", msg.ID, msg.Site)
	}
	e, err := m.newEmail(msg, site)
	if err != nil {
		return nil, fmt.Errorf("mailer: email %s: %w", msg.ID, err)
	}
	return e, nil
}

func (m *emailMaker) newEmail(msg *confirm.Message, site Site) (*email, error) {
	e := &email{
		to: msg.To, utf8: !isASCII(msg.To.String()), messageID: messageID(msg.ID, site),
		date: msg.Date.UTC().Truncate(time.Second),
	}
	var err error
	if e.from, err = site.returnPath(msg.ReturnPath); err != nil {
		return nil, err
	}
	e.senderDomain = domainOf(e.from)
	v := values(msg)
	if e.skeleton, err = m.skeleton(site, msg, &v); err != nil {
		return nil, err
	}
	if e.room, _ = m.buffers.Get().(*[]byte); e.room == nil {
		e.room = new([]byte)
	}
	if e.raw, err = e.skeleton.Fill((*e.room)[:0], &v); err != nil {
		return nil, err
	}
	e.signature, err = m.sign(site.fromDomain(), e.date, e.raw)
	return e, err
}

// release gives the text of an email back, which is not to be read any more.
func (m *emailMaker) release(e *email) {
	if e.room != nil {
		*e.room, e.raw = e.raw, nil
		m.buffers.Put(e.room)
		e.room = nil
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

// checkForm is the last check of a skeleton's first email: the others differ in values that are checked as they are
// filled in. utf8 allows a recipient beyond ASCII. The error repeats
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
