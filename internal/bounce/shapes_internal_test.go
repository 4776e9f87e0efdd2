package bounce

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/optin/optin/internal/nondelivery"
)

// shape is a report in one of the many shapes in which they come, and what it means.
type shape struct {
	name   string
	text   string
	kind   Kind
	reason nondelivery.Reason
}

// gone is what a delivery status says of a mailbox that is not there.
const gone = "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1\n" +
	"Diagnostic-Code: smtp; 550 5.1.1 no such user"

// report is a report of RFC 3464, whose parts may be written otherwise.
type report struct{ header, status, original, end string }

func (r report) String() string {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return or(r.header, "From: MAILER-DAEMON@relay.example\nTo: <"+verp+">\nMIME-Version: 1.0\n"+
		"Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n") +
		"\n--B\nContent-Type: text/plain\n\nYour email did not arrive.\n\n--B\n" +
		or(r.status, "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"+gone) +
		"\n\n--B\n" + or(r.original, "Content-Type: text/rfc822-headers\n\nReturn-Path: <"+verp+">\nSubject: "+
		"Please\n") +
		or(r.end, "\n--B--\n")
}

// status returns a report with a delivery status of its own.
func status(fields string) string {
	return report{status: "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n" +
		"\n" + fields}.String()
}

// plain returns a bounce without a delivery status.
func plain(fields, body string) string {
	return "From: Mail Delivery System <mailer-daemon@relay.example>\nTo: " + verp + "\n" + fields +
		"Subject: failure notice\n\n" + body
}

// damagedShapes are reports of RFC 3464 that something on their way has damaged, or that were never quite right.
func damagedShapes() []shape {
	const recipient = nondelivery.Recipient
	header := func(contentType string) string {
		return report{header: "From: MAILER-DAEMON@relay.example\nTo: " + verp + "\n" + contentType}.String()
	}
	encoded := base64.StdEncoding.EncodeToString([]byte("Reporting-MTA: dns; a\n\n" + gone + "\n"))
	with := func(s string) string { return report{status: s}.String() }
	return []shape{
		{"as it should be", report{}.String(), Hard, recipient},
		{"with CRLF", strings.ReplaceAll(report{}.String(), "\n", "\r\n"), Hard, recipient},
		{"out of a mailbox file", "From MAILER-DAEMON Mon Nov 30 12:00:00 2026\n" + report{}.String(), Hard, recipient},
		{"with empty lines before it", "\n\r\n" + report{}.String(), Hard, recipient},
		{"with a byte order mark", "\xef\xbb\xbf" + report{}.String(), Hard, recipient},
		{"a line of the header broken in two", strings.Replace(report{}.String(), "MIME-Version",
			"a line in two\nMIME-Version", 1),
			Hard, recipient},
		{"a line of a part's header broken in two", with("Content-Description: Delivery\nreport\n" +
			"Content-Type: message/delivery-status\n\n" + gone), Hard, recipient},
		{"a line of the group that is nothing", status("ada@example.org is no field\n" + gone), Hard, recipient},
		{"a line without a colon in the middle", status(strings.Replace(gone, "Status", "nonsense\nStatus", 1)),
			Hard, recipient},
		{"continued lines that are not folded", status("Final-Recipient: rfc822; ada@example.org\nAction: failed\n" +
			"Status: 5.1.1\nDiagnostic-Code: smtp; 550-5.1.1 nobody has it;\n550-5.1.1 see https://example.org/x\n" +
			"550 5.1.1 bye"),
			Hard, recipient},
		{"a continued line that is a URL", status(strings.Replace(gone, "550 5.1.1 no",
			"550-5.1.1 no\nhttps://example.org/\n550 5.1.1 no", 1)),
			Hard, recipient},
		{"comments behind the fields", status("Final-Recipient: rfc822; ada@example.org (Ada)\nAction: failed " +
			"(nobody there)\n" +
			"Status: 5.1.1 (bad mailbox)"), Hard, recipient},
		{"comments before the fields", status("Final-Recipient: rfc822; ada@example.org\nAction: (oh) failed\n" +
			"Status: (oh) 5.1.1"),
			Hard, recipient},
		{"spaces before the colons", status(strings.ReplaceAll(gone, ": ", " : ")), Hard, recipient},
		{"tabs around the colons", status(strings.ReplaceAll(gone, ": ", "\t:\t")), Hard, recipient},
		{"other case", status(strings.ToUpper(gone)), Hard, recipient},
		{"no empty line between the groups", with("Content-Type: message/delivery-status\n\nReporting-MTA: dns; " +
			"a\n" + gone),
			Hard, recipient},
		{"empty lines with spaces", with("Content-Type: message/delivery-status\n \t\nReporting-MTA: dns; a\n  " +
			"\n" + gone),
			Hard, recipient},
		{"no group about the message", with("Content-Type: message/delivery-status\n\n" + gone), Hard, recipient},
		{"no empty line behind the part's header", with("Content-Type: message/delivery-status\n" + gone), Hard,
			recipient},
		{"no action", status("Final-Recipient: rfc822; ada@example.org\nStatus: 5.1.1"), Hard, recipient},
		{"no recipient", status("Action: failed\nStatus: 5.1.1"), Hard, recipient},
		{"no status", status("Final-Recipient: rfc822; ada@example.org\nAction: failed\nDiagnostic-Code: smtp; " +
			"550 no such user"),
			Hard, recipient},
		{"the three digits as the status", status("Action: failed\nStatus: 550\nDiagnostic-Code: smtp; 550 no " +
			"such user"),
			Hard, recipient},
		{"another word for failed", status(strings.Replace(gone, "failed", "Undeliverable", 1)), Hard, recipient},
		{"a status in quotes", status(strings.Replace(gone, "Status: 5.1.1", `Status: "5.1.1"`, 1)), Hard, recipient},
		{"what a relay adds", status("Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.0.0\n" +
			"X-Supplementary-Info: <192.0.2.5 #5.0.0 smtp; 550 \"no such user\">"), Hard, recipient},
		{"encoded with base64", with("Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n" +
			"\n" + encoded),
			Hard, recipient},
		{"encoded with quoted-printable", with("Content-Type: message/delivery-status\nContent-Transfer-Encoding: " +
			"Quoted-Printable\n\n" +
			strings.ReplaceAll(gone, "5.1.1", "5=2E1.1")), Hard, recipient},
		{"said to be encoded, and is not", with("Content-Type: message/delivery-status\n" +
			"Content-Transfer-Encoding: base64\n\n" +
			"\n" + gone), Hard, recipient},
		{"an unknown encoding", with("Content-Type: message/delivery-status\nContent-Transfer-Encoding: rot13\n" +
			"\n" + gone),
			Hard, recipient},
		{"the type of another language", with("Content-Type: message/global-delivery-status\n\n" + gone), Hard,
			recipient},
		{"a type that was lost", with("Content-Type: text/plain; name=\"ATT1.dat\"\n\n" + gone), Hard, recipient},
		{"a file", with("Content-Type: application/octet-stream; name=details.txt\n\n" + gone), Hard, recipient},
		{"no report-type", header("Content-Type: multipart/report; boundary=B\n"), Hard, recipient},
		{"mixed", header("Content-Type: multipart/mixed; boundary=B\n"), Hard, recipient},
		{"no subtype", header("Content-Type: multipart; boundary=\"B\"\n"), Hard, recipient},
		{"a parameter that is damaged", header("Content-Type: multipart/report; report-type=; boundary=B\n"), Hard,
			recipient},
		{"a boundary in single quotes", header("Content-Type: multipart/report; boundary='B'\n"), Hard, recipient},
		{"no boundary", header("Content-Type: multipart/report; report-type=delivery-status\n"), Hard, recipient},
		{"no type at all", header(""), Hard, recipient},
		{"no end", report{end: "\n"}.String(), Hard, recipient},
		{"cut off behind the status", report{original: "Content-Ty", end: "\n"}.String(), Hard, recipient},
		{"spaces behind the boundaries", strings.ReplaceAll(report{}.String(), "\n--B\n", "\n--B  \t\n"), Hard,
			recipient},
		{"passed on as an attachment", "From: admin@gazette.example\nTo: bounces@gazette.example\n" +
			"Content-Type: multipart/mixed; boundary=O\n\n--O\nContent-Type: message/rfc822\n" +
			"\n" + report{}.String() + "\n--O--\n",
			Hard, recipient},
		{"our email as a whole", report{original: "Content-Type: message/rfc822\n\nReturn-Path: <" + verp + ">\n\n" +
			"Hello\n"}.String(),
			Hard, recipient},
	}
}

// meaningShapes are reports that are well-formed, and mean this or that.
func meaningShapes() []shape {
	one := func(status, said string) string {
		s := "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: " + status
		if said != "" {
			s += "\nDiagnostic-Code: " + said
		}
		return s
	}
	apple := strings.Replace(one("5.1.1", "smtp; 550 5.1.1 no"), "ada@example.org", "x@privaterelay.appleid.com", 1)
	return []shape{
		{"delayed", status("Action: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 421 later"), Soft,
			nondelivery.System},
		{"delayed, of a mailbox that may not be", status("Action: delayed\nStatus: 5.1.1"), Soft,
			nondelivery.Recipient},
		{"delivered", status("Action: delivered\nStatus: 2.1.5"), Soft, Delivered},
		{"relayed (to a system without reports)", status("Action: relayed (to mx)\nStatus: 2.1.9"), Soft, Delivered},
		{"full", status(one("5.2.2", "smtp; 552 5.2.2 mailbox full")), Soft, nondelivery.Mailbox},
		{"full, without a code", status(one("5.0.0", "smtp; 552 the quota of this mailbox is used up")), Soft,
			nondelivery.Mailbox},
		{"policy", status(one("5.7.1", "smtp; 550 5.7.1 blocked")), Soft, nondelivery.Sender},
		{"our address", status(one("5.1.8", "smtp; 553 5.1.8 who are you")), Soft, nondelivery.Sender},
		{"a block list behind 5.1.1", status(one("5.1.1", "smtp; 550 your IP is on a block list")), Soft,
			nondelivery.Sender},
		{"of an Apple relay address", status(apple), Soft, nondelivery.Sender},
		{"a reply inside a reply", status(one("5.1.1", "smtp; 550 5.1.1 <ada@example.org>: undeliverable address: "+
			"host "+
			"mx.example.org[192.0.2.1] said: 554 5.7.1 you are blocked (in reply to RCPT TO command)")), Soft,
			nondelivery.Sender},
		{"a flood", status(one("5.7.28", "smtp; 550 5.7.28 mail flood")), Flood, nondelivery.Flood},
		{"given up after days", status(one("4.4.7", "smtp; 451 4.4.1 no answer")), Soft, nondelivery.System},
		{"no domain", status(one("5.4.4", "X-Postfix; there is no host for exampel.org in the DNS")), Hard,
			nondelivery.Recipient},
		{"nothing that is understood", status(one("5.0.0", "smtp; 554 it did not work")), Soft, nondelivery.Unknown},
		{"two recipients, one of which took it", status(gone + "\n\nFinal-Recipient: rfc822; b@example.org\n" +
			"Action: relayed\n" +
			"Status: 2.1.9"), Soft, Delivered},
		{"a group about the message alone", report{status: "Content-Type: message/delivery-status\n\n" +
			"Reporting-MTA: dns; a\n"}.String(),
			Soft, nondelivery.Unknown},
		{"the reply in the text only", "From: postmaster@relay.example\nTo: " + verp + "\n" +
			"Content-Type: multipart/report; boundary=B\n\n--B\n\nThe server said: 550 5.7.1 you are blocked " +
			"here\n\n--B\n" +
			"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nAction: failed\nStatus: 5.0.0\n--B--\n",
			Soft, nondelivery.Sender},
	}
}

// textShapes are bounces in plain text, and what looks like one.
func textShapes() []shape {
	const copyOfOurs = "\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <" + verp + ">\n" +
		"Subject: Please\n\n" +
		"Confirm at https://confirm.example/c/x 550 5.1.1\n"
	return []shape{
		{"Exim", plain("X-Failed-Recipients: ada@example.org\n", "This message was created automatically by mail "+
			"delivery software."+
			"\n\nIt could not be delivered to one or more of its recipients. This is a permanent error.\n\n  "+
			"ada@example.org\n"+
			"    host mx.example.org [192.0.2.1]\n    SMTP error from remote mail server after RCPT "+
			"TO:<ada@example.org>:\n"+
			"    550 5.1.1 no such user\n\n------ This is a copy of your message. ------\n\nSubject: x\n"), Hard,
			nondelivery.Recipient},
		{"Exim, in its own words", plain("X-Failed-Recipients: ada@example.org\n", "The following address failed:\n\n"+
			"  ada@example.org\n    Unrouteable address\n"), Hard, nondelivery.Recipient},
		{"Exim, about us", plain("X-Failed-Recipients: ada@example.org\n", "The following address failed:\n\n"+
			"  ada@example.org\n    550 192.0.2.1 is in a black list\n"), Soft, nondelivery.Sender},
		{"Exim, a warning", plain("", "This message has not yet been delivered.\n\n  ada@example.org\n    Delay "+
			"reason: 451 later\n\n"+
			"Delivery attempts will continue.\n"), Soft, nondelivery.Unknown},
		{"a list of recipients alone", plain("X-Failed-Recipients: ada@example.org\n", "It did not work.\n"), Soft,
			nondelivery.Unknown},
		{"qmail", plain("", "Hi. This is the qmail-send program at relay.example.\nI'm afraid I wasn't able to "+
			"deliver your message.\n"+
			"This is a permanent error; I've given up. Sorry it didn't work out.\n\n<ada@example.org>:\n192.0.2.1 "+
			"does not like recipient."+
			"\nRemote host said: 550 no such user\nGiving up on 192.0.2.1.\n"+copyOfOurs), Hard, nondelivery.Recipient},
		{"qmail, of its own", plain("", "Hi. This is the qmail-send program.\n\n<ada@example.org>:\nSorry, no "+
			"mailbox here by that name. "+
			"(#5.1.1)\n"+copyOfOurs), Hard, nondelivery.Recipient},
		{"qmail, full", plain("", "Hi. This is the qmail-send program.\n\n<ada@example.org>:\nuser is over "+
			"quota\n"+copyOfOurs),
			Soft, nondelivery.Mailbox},
		{"Sendmail", plain("", "   ----- The following addresses had permanent fatal errors -----\n"+
			"<ada@example.org>\n    (reason: 550 "+
			"5.1.1 User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to "+
			"mx.example.org.:\n"+
			">>> RCPT To:<ada@example.org>\n<<< 550 5.1.1 User unknown\n"), Hard, nondelivery.Recipient},
		{"Exchange, in text", plain("", "Your message did not reach some or all of the intended recipients.\n\n"+
			"The following recipient(s) cannot be reached:\n\n  ada@example.org on 11/30/2026 12:00 PM\n    The "+
			"e-mail account does not "+
			"exist at the organization this message was sent to. <mx.example.org #5.1.1>\n"), Hard,
			nondelivery.Recipient},
		{"HTML alone", plain("Content-Type: text/html; charset=utf-8\n",
			"<html><style>p{}</style><p>Not delivered:</p><br>"+
				"&lt;ada@example.org&gt;<br>mx.example.org said: 550 5.1.1 no such user</html>"), Hard,
			nondelivery.Recipient},
		{"text and our email", "From: postmaster@mx.example\nTo: " + verp + "\nContent-Type: multipart/mixed; " +
			"boundary=B\n\n--B\n\n" +
			"<ada@example.org>: host mx said: 550 user unknown\n\n--B\nContent-Type: message/rfc822\n\nSubject: " +
			"x\n\n--B--\n",
			Hard, nondelivery.Recipient},
	}
}

// complaintShapes are complaints, and what is none.
func complaintShapes() []shape {
	feedback := func(fields, attached string) string {
		return "From: fbl@provider.example\nTo: fbl@gazette.example\nContent-Type: multipart/report; " +
			"report-type=feedback-report; boundary=B\n\n--B\nContent-Type: message/feedback-report\n\n" + fields +
			"\n\n--B\nContent-Type: message/rfc822\n\n" + attached + "\n--B--\n"
	}
	const ours = "Return-Path: <" + verp + ">\nSubject: Please\n"
	from := "\nOriginal-Mail-From: <" + verp + ">"
	return []shape{
		{"abuse", feedback("Feedback-Type: abuse\nVersion: 1"+from, "Subject: x\n"), Complaint, ""},
		{"fraud", feedback("Feedback-Type: fraud\nVersion: 1"+from, "Subject: x\n"), Complaint, ""},
		{"the older opt-out", feedback("Feedback-Type: opt-out"+from, "Subject: x\n"), Complaint, ""},
		{"with a comment", feedback("Feedback-Type : Abuse (spam button)"+from, "Subject: x\n"), Complaint, ""},
		{"in two groups", feedback("Version: 1\n\nFeedback-Type: abuse"+from, "Subject: x\n"), Complaint, ""},
		{"a broken line", feedback("User-Agent: a\nb c\nFeedback-Type: abuse"+from, "Subject: x\n"), Complaint, ""},
		{"no sender in it", feedback("Feedback-Type: abuse\nVersion: 1", ours), Complaint, ""},
		{"the email as text", strings.Replace(feedback("Feedback-Type: abuse\nVersion: 1", ours), "message/rfc822",
			"text/plain", 1), Complaint, ""},
		{"not spam", feedback("Feedback-Type: not-spam"+from, ours), Soft, nondelivery.Unknown},
		{"authentication", feedback("Feedback-Type: auth-failure"+from, ours), Soft, nondelivery.Unknown},
		{"no feedback part", "From: staff@provider.example\nTo: fbl@gazette.example\nSubject: somebody complains\n" +
			"Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/rfc822\n\n" +
			"X-HmXmrOriginalRecipient: a@b.example\n" +
			ours + "\n--B--\n", Complaint, ""},
		{"no feedback part, by its subject", "From: abuse@provider.example\nTo: fbl@gazette.example\nSubject: " +
			"Spam complaint\n" +
			"Content-Type: message/rfc822\n\n" + ours, Complaint, ""},
	}
}

func TestReportsAreUnderstoodInEveryShape(t *testing.T) {
	all := append(append(append(damagedShapes(), meaningShapes()...), textShapes()...), complaintShapes()...)
	if len(all) < 60 {
		t.Fatalf("%d shapes", len(all))
	}
	for _, s := range all {
		got, err := ReadMessage(strings.NewReader(s.text))
		if err != nil || got.Kind != s.kind || got.Reason != s.reason {
			t.Errorf("%s: kind %d, %q, %v; want kind %d, %q\n%s", s.name, got.Kind, got.Reason, err, s.kind,
				s.reason, s.text)
		}
		if len(got.Returns) == 0 && s.name != "passed on as an attachment" || err == nil && !contains(got.Returns,
			verp) {
			t.Errorf("%s: the return paths are %q", s.name, got.Returns)
		}
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func TestTheMessageIDOfOurEmailIsFoundWhereverItStands(t *testing.T) {
	id := strings.Repeat("Ab-_", 11)
	for name, text := range map[string]string{
		"in the email": report{original: "Content-Type: message/rfc822\n\nMessage-ID: " +
			"<" + id + "@gazette.example>\n"}.String(),
		"folded": report{original: "Content-Type: message/rfc822\n\nMessage-ID:\n " +
			"<" + id + "@gazette.example>\n"}.String(),
		"as an answer": strings.Replace(report{}.String(), "MIME-Version",
			"In-Reply-To: <"+id+"@gazette.example>\nMIME-Version", 1),
		"among others": strings.Replace(report{}.String(), "MIME-Version",
			"References: <a@b> <"+id+"@gazette.example>\nMIME-Version", 1),
		"without brackets": report{original: "Content-Type: text/rfc822-headers\n\n" +
			"Message-Id: " + id + "@gazette.example\n"}.String(),
	} {
		got, err := ReadMessage(strings.NewReader(text))
		if err != nil || !contains(got.MessageIDs, id) {
			t.Errorf("%s: %q, %v", name, got.MessageIDs, err)
		}
	}
}
