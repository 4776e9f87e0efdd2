package bounce

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
)

// deepest is how many multiparts may stand in one another.
const deepest = 3

// ReadMessage reads a report from a message (RFC 5322): a delivery status notification, or a complaint. The error is ErrNoReport or
// another ErrUnreadable.
func ReadMessage(r io.Reader) (Report, error) {
	m, err := mail.ReadMessage(bufio.NewReader(io.LimitReader(r, MaxMessage)))
	if err != nil {
		return Report{}, fmt.Errorf("%w: the message has no header", ErrUnreadable) // why may hold an address
	}
	var found parts
	if err := found.read(textproto.MIMEHeader(m.Header), m.Body, deepest); err != nil {
		return Report{}, err
	}
	var rep Report
	switch {
	case found.feedback != nil:
		rep = found.complaint()
	case len(found.status) > 0:
		rep = found.failure()
	default:
		return Report{}, ErrNoReport
	}
	// Where the report was sent to; and, in the letter that it repeats, where it was to be sent.
	for _, h := range []mail.Header{m.Header, mail.Header(found.letter)} {
		for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "To", "Return-Path"} {
			rep.Returns = append(rep.Returns, addresses(h[textproto.CanonicalMIMEHeaderKey(name)])...)
		}
	}
	return rep, nil
}

// parts are those of a report that count.
type parts struct {
	status   []textproto.MIMEHeader // message/delivery-status: one group for the message, then one for each recipient
	feedback textproto.MIMEHeader   // message/feedback-report
	letter   textproto.MIMEHeader   // the header of the letter that is returned
}

// read goes through a part and what is inside it.
func (p *parts) read(h textproto.MIMEHeader, body io.Reader, depth int) error {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return nil //nolint:nilerr // without a type it is text, and no part of a report
	}
	body = decoded(h.Get("Content-Transfer-Encoding"), body)
	switch {
	case strings.HasPrefix(media, "multipart/") && depth > 0 && params["boundary"] != "":
		return p.inside(multipart.NewReader(body, params["boundary"]), depth-1)
	case media == "message/delivery-status", media == "message/global-delivery-status":
		p.status, err = groups(body)
	case media == "message/feedback-report":
		var all []textproto.MIMEHeader
		if all, err = groups(body); len(all) > 0 {
			p.feedback = all[0]
		}
	case media == "message/rfc822", media == "text/rfc822-headers", media == "message/global", media == "message/global-headers":
		p.letter, err = textproto.NewReader(bufio.NewReader(body)).ReadMIMEHeader()
		if errors.Is(err, io.EOF) || len(p.letter) > 0 {
			err = nil // a header alone may end without its empty line
		}
	}
	if err != nil {
		return fmt.Errorf("%w: a part of type %s is damaged", ErrUnreadable, media) // its words may hold addresses
	}
	return nil
}

func (p *parts) inside(mr *multipart.Reader, depth int) error {
	for {
		part, err := mr.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: the message's parts cannot be told apart", ErrUnreadable)
		}
		if err := p.read(part.Header, part, depth); err != nil {
			return err
		}
	}
}

// groups are fields in groups that empty lines part (RFC 3464 2.1).
func groups(body io.Reader) (all []textproto.MIMEHeader, err error) {
	r := textproto.NewReader(bufio.NewReader(body))
	for {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 {
			all = append(all, h)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// failure is what a delivery status notification says. A letter has one recipient; where an alias had several, one that took it is enough.
func (p *parts) failure() Report {
	rep := Report{Kind: Soft}
	for i, group := range p.status {
		action := strings.ToLower(strings.TrimSpace(group.Get("Action")))
		if i == 0 && action == "" {
			continue // the group of the message
		}
		code, diagnostic := group.Get("Status"), group.Get("Diagnostic-Code")
		words := strings.TrimSpace(code + " " + diagnostic)
		switch action {
		case "failed":
			rep.Kind, rep.Words = max(rep.Kind, judge(code, diagnostic)), words
		case "delayed":
			if judge(code, diagnostic) == Flood {
				rep.Kind = Flood
			}
			rep.Words = words
		default: // delivered, relayed, expanded
			return Report{Kind: Soft, Words: words}
		}
	}
	return rep
}

// complaint is what a feedback report says (RFC 5965): abuse and fraud are complaints; not-spam, virus and other are none.
func (p *parts) complaint() Report {
	rep := Report{Kind: Soft, Words: "feedback report: " + p.feedback.Get("Feedback-Type")}
	switch strings.ToLower(strings.TrimSpace(p.feedback.Get("Feedback-Type"))) {
	case "abuse", "fraud":
		rep.Kind = Complaint
	}
	rep.Returns = addresses(p.feedback["Original-Mail-From"])
	return rep
}

// decoded undoes a transfer encoding.
func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

// addresses are those of some fields, without their names.
func addresses(fields []string) (all []string) {
	for _, f := range fields {
		for a := range strings.SplitSeq(f, ",") {
			if i, j := strings.LastIndexByte(a, '<'), strings.LastIndexByte(a, '>'); i >= 0 && j > i {
				a = a[i+1 : j]
			}
			if a = strings.TrimSpace(a); strings.Contains(a, "@") && len(a) <= 320 && len(all) < 16 {
				all = append(all, a)
			}
		}
	}
	return all
}
