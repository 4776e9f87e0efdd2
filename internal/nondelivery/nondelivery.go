// Package nondelivery judges why an email was not delivered: because of its recipient, its mailbox, the systems in
// between, or us. A relay's reply (RFC 5321), a report (RFC 3464) and a mail service's notification are judged alike.
//
// A refusal of us is not a refusal of the person. Only Recipient says that an address takes no email, and it is said
// only where the code or the words are about the recipient. What is not understood is not the recipient's fault.
//
// In this order:
//
//   - A reply inside a reply ("host mx.example.org said: 550 …") is the one that counts.
//   - The enhanced status code (RFC 3463), by the table of codes. A code in the reply comes before one that was
//     reported apart from it: some systems report 5.1.1 for any 550.
//   - The words, where the code says little (x.0.x, 5.5.0, 5.7.1 and the like) or was reported apart. Words that
//     plainly refuse the sender overrule any code.
//   - The three digits (RFC 5321 section 4.2.3).
package nondelivery

import (
	"cmp"
	"regexp"
	"strings"
)

// Reason is why an email was not delivered.
type Reason string

// The reasons.
const (
	Unknown   Reason = "unknown"   // nothing is said that is understood
	Recipient Reason = "recipient" // there is no such recipient, or it takes no email from outside
	Mailbox   Reason = "mailbox"   // this mailbox takes no email for now: it is full, busy, or we are new to it
	System    Reason = "system"    // a server on the way is broken or does not answer
	Sender    Reason = "sender"    // it is about us: address, domain, IP, login, limits, reputation, policy, content
	Flood     Reason = "flood"     // forms flood the mailbox (X.7.28 of draft-levine-mailbomb-header)
)

// Reply is what a mail system says of an email.
type Reply struct {
	Text   string // the reply with its codes, as far as it has any
	Status string // an enhanced status code that was reported apart from it; may be empty
	Domain string // the recipient's, in lower case; empty: not known
}

// Judgement is what a reply means.
type Judgement struct {
	Reason    Reason
	Permanent bool // the mail system does not want to be asked again
	Certain   bool // the code or the words say so, and not the three digits alone
}

// EndsRequest reports whether the address will never take the email.
func (j Judgement) EndsRequest() bool { return j.Permanent && j.Reason == Recipient }

var (
	// nested is the beginning of a reply inside a reply, as Postfix and others repeat it.
	nested = regexp.MustCompile(`(?i)\b(?:said|says|replied|responded|response|answered|reason` +
		`|error)\b[^:]{0,60}:[\s:"']*` +
		`([245]\d\d[- ])`)
	// digits are the three digits at the beginning of a reply, which may have a type before it (RFC 3464 section
	// 2.3.6).
	digits = regexp.MustCompile(`^\W*(?:[A-Za-z][\w-]*\s*;)?\W*([245][0-5]\d|571)(?:\D|$)`)
	// enhanced is an enhanced status code (RFC 3463). The subject is one of those that are registered.
	enhanced = regexp.MustCompile(`(?:^|[^\d.])([245])\.([0-7])\.(\d{1,3})(?:[^\d.]|\.\D|\.?$)`)
	// ignored are parts of a text that words and codes are not looked for in: IP addresses, email addresses and URLs.
	ignored = regexp.MustCompile(`(?i)\b\d{1,3}(?:\.\d{1,3}){3}\b|\bhttps?://\S+|<?[^\s<>@;:]*@[^\s<>;:]*>?`)
)

// maxText is how much of a reply is read, in bytes.
const maxText = 4096

// Judge judges a reply.
func Judge(r Reply) Judgement {
	text := ignored.ReplaceAllString(r.Text[:min(len(r.Text), maxText)], " ")
	for range 3 {
		at := nested.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		text = text[at[2]:]
	}
	first := ""
	if m := digits.FindStringSubmatch(text); m != nil {
		first = m[1]
	}
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	code, apart := findCode(words, first), false
	if code.isNothing() {
		if reported := findCode(r.Status, ""); reported.class != "" {
			code, apart = reported, true
		}
	}
	j := judge(code, apart, first, words)
	j.Permanent = isPermanent(code, apart, first)
	switch {
	case j.Reason != Recipient:
	case r.Domain == appleRelay:
		j.Reason = Sender
	case !j.Permanent && code.subject == "4":
		j.Reason = System
	case !j.Permanent: // it may take an email later
		j.Reason = Mailbox
	}
	return j
}

// appleRelay is the domain of addresses that hide another. It says 5.1.1 of a sender who is not registered there
// (Apple, "Communicating using the private email relay service").
const appleRelay = "privaterelay.appleid.com"

// enhancedCode is an enhanced status code (RFC 3463 section 2). The zero one says that there is none.
type enhancedCode struct{ class, subject, detail string }

// isNothing reports whether the code says nothing of the reason.
func (c enhancedCode) isNothing() bool { return c.class == "" || c.subject == "0" && c.detail == "0" }

// findCode returns the enhanced code of a text that agrees with its three digits, if it has any.
func findCode(text, first string) enhancedCode {
	for {
		at := enhanced.FindStringSubmatchIndex(text)
		if at == nil {
			return enhancedCode{}
		}
		code := enhancedCode{
			text[at[2]:at[3]], text[at[4]:at[5]], cmp.Or(strings.TrimLeft(text[at[6]:at[7]], "0"), "0"),
		}
		if first == "" || first[:1] == code.class {
			return code
		}
		text = text[at[7]:]
	}
}

// isPermanent reports whether code and digits, as far as there are any, are both permanent. Words alone are: they are
// of a report of what will not be tried again.
func isPermanent(code enhancedCode, apart bool, first string) bool {
	byDigits := first == "" || first[0] == '5'
	if code.class == "" || apart && !byDigits {
		return byDigits
	}
	return code.class == "5"
}

// judge returns the reason that code, words and digits give, whether or not it is for good.
func judge(code enhancedCode, apart bool, first, text string) Judgement {
	byCode, vague := Unknown, true
	if code.class != "" {
		byCode, vague = reasonOfCode(code.subject, code.detail)
	}
	switch said := reasonSaid(text); {
	case byCode == Flood:
		return Judgement{Reason: Flood, Certain: true}
	case said.Reason == Sender && said.weight == plainly,
		said.Reason != "" && vague,
		said.Reason != "" && said.Reason != Recipient && said.weight == usually && apart,
		said.Reason == Mailbox && code.subject == "2": // 5.2.1 "over quota", or "receiving mail at a rate that …"
		return Judgement{Reason: said.Reason, Certain: true}
	case code.class != "" && code.subject != "0":
		return Judgement{Reason: byCode, Certain: !vague}
	}
	return reasonOfDigits(first, code.class != "")
}

// reasonOfDigits returns the reason of a reply of which only the three digits are understood (RFC 5321 section 4.2.3,
// RFC 4954 section 6, RFC 7504). A report may have none at all, but a code that says nothing.
func reasonOfDigits(first string, hasCode bool) Judgement {
	switch first {
	case "":
		if hasCode {
			return Judgement{Reason: Recipient}
		}
	case "556": // the domain takes no email (RFC 7504)
		return Judgement{Reason: Recipient, Certain: true}
	case "510", "511", "550", "551", "553":
		return Judgement{Reason: Recipient}
	case "450", "451", "452", "552":
		return Judgement{Reason: Mailbox}
	case "421", "432", "454":
		return Judgement{Reason: System}
	case "500", "501", "502", "503", "504", "523", "524", "525", "530", "534", "535", "538", "541", "555", "571":
		return Judgement{Reason: Sender, Certain: true}
	}
	return Judgement{Reason: Unknown}
}
