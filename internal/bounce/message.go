package bounce

import (
	"bufio"
	"fmt"
	"io"
	"net/mail"
	"net/textproto"
	"strings"
)

// ReadMessage reads a report from a message (RFC 5322): a delivery status notification, or a complaint. At most
// MaxMessage bytes are read. The error is ErrUnreadable, or ErrNoReport, which is one.
func ReadMessage(r io.Reader) (Report, error) {
	m, err := mail.ReadMessage(bufio.NewReader(io.LimitReader(r, MaxMessage)))
	if err != nil {
		return Report{}, fmt.Errorf("%w: the message has no header", ErrUnreadable) // the cause may hold an address
	}
	found, err := readParts(textproto.MIMEHeader(m.Header), m.Body)
	if err != nil {
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
	// Where the report was sent to; and, in the email that it repeats, where it was to be sent.
	for _, h := range []mail.Header{m.Header, mail.Header(found.original)} {
		for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "To", "Return-Path"} {
			rep.Returns = append(rep.Returns, addresses(h[textproto.CanonicalMIMEHeaderKey(name)])...)
		}
	}
	return rep, nil
}

// failure returns what a delivery status notification reports. An email has one recipient; if that was an alias of
// several, one that took the email is enough.
func (p *parts) failure() Report {
	rep := Report{Kind: Soft}
	for i, group := range p.status {
		action := strings.ToLower(strings.TrimSpace(group.Get("Action")))
		if i == 0 && action == "" {
			continue // the group about the message
		}
		code, diagnostic := group.Get("Status"), group.Get("Diagnostic-Code")
		words := strings.TrimSpace(code + " " + diagnostic)
		switch action {
		case "failed":
			rep.Kind, rep.Words = max(rep.Kind, classify(code, diagnostic)), words
		case "delayed":
			if classify(code, diagnostic) == Flood {
				rep.Kind = Flood
			}
			rep.Words = words
		default: // delivered, relayed, expanded
			return Report{Kind: Soft, Words: words}
		}
	}
	return rep
}

// complaint returns what a feedback report says (RFC 5965): abuse and fraud are complaints; not-spam, virus and other
// are not.
func (p *parts) complaint() Report {
	rep := Report{Kind: Soft, Words: "feedback report: " + p.feedback.Get("Feedback-Type")}
	switch strings.ToLower(strings.TrimSpace(p.feedback.Get("Feedback-Type"))) {
	case "abuse", "fraud":
		rep.Kind = Complaint
	}
	rep.Returns = addresses(p.feedback["Original-Mail-From"])
	return rep
}

// addresses returns at most 16 addresses of header fields, without their display names.
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
