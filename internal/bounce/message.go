package bounce

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/optin/optin/internal/nondelivery"
)

// ReadMessage reads a report from a message (RFC 5322): a delivery status notification, a bounce in plain text, or a
// complaint. At most MaxMessage bytes are read. The error is ErrUnreadable, ErrNoReport, which is one, or that of r.
func ReadMessage(r io.Reader) (Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxMessage))
	if err != nil {
		return Report{}, fmt.Errorf("bounce: read the message: %w", err)
	}
	h, body := readMessage(data)
	if len(h) == 0 {
		return Report{}, fmt.Errorf("%w: the message has no header", ErrUnreadable)
	}
	found := parts{}
	walk := walker{visit: found.add}
	walk.walk(h, body, 0)
	rep, ok := found.report(h)
	if !ok {
		return Report{}, ErrNoReport
	}
	rep.Returns = append(rep.Returns, returnPaths(found.feedback, h, found.original)...)
	rep.MessageIDs = messageIDs(found.original, found.feedback, h)
	return rep, nil
}

// parts are the parts of a report that count.
type parts struct {
	status   []header // message/delivery-status: one group for the message, then one for each recipient
	feedback header   // message/feedback-report
	original header   // the header of our email, which the report repeats
	receipt  bool     // it says that an email was read, or not (RFC 8098)
	text     strings.Builder
}

// fields finds a delivery status whose type was lost.
var fields = regexp.MustCompile(`(?im)^[ \t]*Final-Recipient[ \t]*:[^\n]*(?:\n[^\n]+){0,20}^[ \t]*(?:Action` +
	`|Status)[ \t]*:`)

// add keeps a part if it belongs to a report.
func (p *parts) add(kind string, h header, body []byte) {
	switch kind {
	case "message/delivery-status", "message/global-delivery-status":
		if h.get("Final-Recipient")+h.get("Action") != "" { // the empty line after its own header was lost
			p.status = append(p.status, h)
		}
		p.status = append(p.status, groups(body)...)
	case "message/feedback-report":
		p.feedback = header{}
		for _, group := range append([]header{h}, groups(body)...) {
			for name, values := range group {
				p.feedback[name] = append(p.feedback[name], values...)
			}
		}
	case "message/disposition-notification":
		p.receipt = true
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/rfc822-headers":
		if p.original == nil {
			p.original, _ = readMessage(body)
		}
	case "text/plain", "text/html", "application/octet-stream":
		if p.feedback != nil && p.original == nil {
			p.original = headerInText(body)
		}
		switch {
		case fields.Match(body):
			p.status = append(p.status, groups(body)...)
		case p.text.Len() < maxText:
			p.text.WriteString(plainText(kind, body) + "\n\n")
		}
	}
}

// headerInText returns the header of an email that a complaint holds as text, since a filter changed its type; nil if
// the text is none.
func headerInText(text []byte) header {
	h, _ := readMessage(text)
	if h.get("Message-ID")+h.get("Return-Path") == "" {
		return nil
	}
	return h
}

// report returns what the parts say, and whether they are a report. A delivery status comes first: some systems say of
// it that it is a complaint's, or the other way round.
func (p *parts) report(h header) (Report, bool) {
	if p.feedback != nil {
		return p.complaint(), true
	}
	if rep, ok := p.failure(); ok {
		return rep, true
	}
	if p.isComplaint(h) {
		return Report{Kind: Complaint, Words: "complaint without a feedback report"}, true
	}
	if isBounce(h) && !p.receipt {
		return textFailure(h, p.text.String())
	}
	return Report{}, false
}

// failure returns what a delivery status notification reports, and whether there is one. An email has one recipient; if
// that was an alias of several, one that took the email is enough.
func (p *parts) failure() (rep Report, ok bool) {
	rep.Reason = nondelivery.Unknown
	beside := sync.OnceValue(func() string { return replies(p.text.String()) })
	for _, group := range p.status[:min(len(p.status), maxGroups)] {
		action := word(group.get("Action"))
		if action == "" && group.get("Final-Recipient") == "" && group.get("Status") == "" {
			ok = ok || group.get("Reporting-MTA") != "" || group.get("Final-Log-Id") != ""
			continue // the group about the message
		}
		ok = true
		status, said := group.get("Status"), diagnostic(group)
		words := oneLine(status + " " + said)
		switch action {
		case "delivered", "relayed", "expanded", "delivery", "success":
			return Report{Kind: Soft, Reason: Delivered, Words: words}, true
		}
		j := judge(group, status, said, beside)
		kind := kindOf(j)
		if action == "delayed" && kind == Hard {
			kind = Soft
		}
		if kind >= rep.Kind {
			rep.Kind, rep.Reason, rep.Words = kind, j.Reason, words
		}
	}
	return rep, ok
}

// judge judges a group of a delivery status. Where it says little, the text beside it may repeat the reply.
func judge(group header, status, said string, beside func() string) nondelivery.Judgement {
	reply := nondelivery.Reply{Text: said, Status: status, Domain: domainOf(group)}
	j := nondelivery.Judge(reply)
	if j.Certain {
		return j
	}
	if reply.Text = beside(); reply.Text != "" {
		if more := nondelivery.Judge(reply); more.Certain {
			return more
		}
	}
	return j
}

// diagnostic returns the reply of a group: Diagnostic-Code, or what other systems call it.
func diagnostic(group header) string {
	for _, name := range []string{"Diagnostic-Code", "X-Supplementary-Info", "X-Diagnostic-Code", "X-Notes",
		"X-PowerMTA-BounceCategory"} {
		if said := strings.Join(group[name], " "); said != "" {
			return said
		}
	}
	return ""
}

// domainOf returns the domain of the recipient of a group, in lower case.
func domainOf(group header) string {
	for _, name := range []string{"Original-Recipient", "Final-Recipient"} {
		if _, domain, ok := strings.Cut(firstAddress(group.get(name)), "@"); ok {
			return strings.ToLower(domain)
		}
	}
	return ""
}

// complaint returns what a feedback report says (RFC 5965): abuse, fraud and the older opt-out are complaints;
// not-spam, virus, auth-failure and other are not.
func (p *parts) complaint() Report {
	kind := word(p.feedback.get("Feedback-Type"))
	rep := Report{Reason: nondelivery.Unknown, Words: oneLine("feedback report: " + kind)}
	switch kind {
	case "abuse", "fraud", "opt-out", "opt-out-list", "complaint", "spam":
		rep.Kind, rep.Reason = Complaint, ""
	}
	return rep
}

// complains are the subjects of complaints that have no feedback report.
var complains = regexp.MustCompile(`(?i)complain|abuse|\bspam\b|\bjunk\b|feedback loop`)

// isComplaint reports whether a message without a feedback report complains of the email that it holds: as Microsoft's
// JMRP does, which says whose complaint it is, and others that say so in their subject.
func (p *parts) isComplaint(h header) bool {
	return p.original.get("X-HmXmrOriginalRecipient") != "" ||
		p.original != nil && !isBounce(h) && complains.MatchString(h.get("Subject"))
}

// word returns the first word of a field in lower case, without comments (RFC 5322 section 3.2.2).
func word(value string) string {
	for strings.HasPrefix(value, "(") {
		_, value, _ = strings.Cut(value, ")")
		value = strings.TrimSpace(value)
	}
	if i := strings.IndexAny(value, " \t(;,"); i >= 0 {
		value = value[:i]
	}
	return strings.ToLower(strings.Trim(value, `"'`))
}

var (
	// anAddress finds email addresses in a field, however it is damaged.
	anAddress = regexp.MustCompile(`[^\s<>(),;:"'\[\]]+@[^\s<>(),;:"'\[\]]+`)
	// aSigned finds what may be a signed return path, and aMessageID the local part of a Message-ID of ours.
	aSigned    = regexp.MustCompile(`(?i)\bb-[a-z2-7]{52}`)
	aMessageID = regexp.MustCompile(`<?([\w-]{44})@`)
)

// maxReturns is how many addresses are tried.
const maxReturns = 32

// returnPaths returns the addresses that may be the email's return path: where the report was sent to, and, in the
// email that it repeats, where it was to be sent; and everything else that looks like one.
func returnPaths(all ...header) (paths []string) {
	for _, h := range all {
		for _, name := range []string{"Original-Mail-From", "Delivered-To", "X-Original-To", "Envelope-To", "To",
			"Return-Path"} {
			paths = append(paths, addresses(h[name])...)
		}
	}
	for _, h := range all {
		for _, name := range slices.Sorted(maps.Keys(h)) {
			for _, v := range h[name] {
				paths = append(paths, aSigned.FindAllString(v, maxReturns)...)
			}
		}
	}
	return paths[:min(len(paths), maxReturns)]
}

// maxMessageIDs is how many are tried: each costs a look into the store.
const maxMessageIDs = 4

// messageIDs returns the local parts of what may be the email's Message-ID: in the email that the report repeats, and
// where a report says what it answers.
func messageIDs(all ...header) (ids []string) {
	for _, h := range all {
		for _, name := range []string{"Message-Id", "Original-Message-Id", "X-Original-Message-Id", "In-Reply-To",
			"References"} {
			for _, m := range aMessageID.FindAllStringSubmatch(strings.Join(h[name], " "), maxMessageIDs) {
				if !slices.Contains(ids, m[1]) && len(ids) < maxMessageIDs {
					ids = append(ids, m[1])
				}
			}
		}
	}
	return ids
}

// addresses returns at most 16 addresses of header fields, without their display names.
func addresses(fields []string) (all []string) {
	for _, f := range fields {
		for _, a := range anAddress.FindAllString(f, 16) {
			if len(a) <= 320 && len(all) < 16 {
				all = append(all, a)
			}
		}
	}
	return all
}

// oneLine returns a text with one space between words.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
