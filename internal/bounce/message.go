package bounce

import (
	"bufio"
	"fmt"
	"io"
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
