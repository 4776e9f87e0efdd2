package mailer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxLine is the longest line of a message, in bytes, without its CRLF (RFC 5322 section 2.1.1).
const maxLine = 998

// fields lists every header field that a letter may have, in lower case; all but DKIM-Signature at most once.
func fields() []string {
	return []string{
		"auto-submitted", "content-language", "content-type", "date", "dkim-signature", "form-sub", "from", "list-unsubscribe",
		"list-unsubscribe-post", "message-id", "mime-version", "subject", "to",
	}
}

// wellFormed is the last look at a message before it goes out, whoever wrote it. Its error repeats nothing of the message.
func wellFormed(raw []byte, utf8 bool) error {
	header, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok || !bytes.HasSuffix(body, []byte("\r\n")) {
		return errors.New("the message has no end of header or of body")
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > maxLine || bytes.ContainsAny(line, "\r\n\x00") {
			return fmt.Errorf("the message has a line of %d bytes, or one with a stray CR, LF or NUL", len(line))
		}
	}
	if !ascii(string(body)) {
		return errors.New("the message's body is not ASCII")
	}
	return headerFormed(string(header), utf8)
}

func headerFormed(header string, utf8 bool) error {
	seen := map[string]bool{}
	var name string
	for line := range strings.SplitSeq(header, "\r\n") {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			field, _, ok := strings.Cut(line, ":")
			name = strings.ToLower(field)
			if !ok || !slices.Contains(fields(), name) || seen[name] && name != "dkim-signature" {
				return errors.New("the message has a header field that is unknown or comes twice")
			}
			seen[name] = true
		}
		if !ascii(line) && (name != "to" || !utf8) {
			return fmt.Errorf("the message's field %s is not ASCII", name)
		}
	}
	for _, must := range []string{"date", "from", "to", "subject", "message-id", "mime-version", "content-type"} {
		if !seen[must] {
			return fmt.Errorf("the message lacks the field %s", must)
		}
	}
	return nil
}
