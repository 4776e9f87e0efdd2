package mailer

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// maxReply is how much of a reply is kept, in bytes.
const maxReply = 400

// status is an enhanced status code (RFC 3463) at the start of a reply.
var status = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

func enhanced(words string) string { return status.FindString(words) }

// replyLine is a reply as one line.
func replyLine(code int, words string) string {
	return oneLine(strconv.Itoa(code) + " " + words)
}

// oneLine makes one printable line of at most maxReply bytes of whatever a relay says.
func oneLine(s string) string {
	blank := func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), blank), " ")
	if len(s) > maxReply {
		s = strings.ToValidUTF8(s[:maxReply], "") + "…"
	}
	return s
}
