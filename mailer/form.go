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
		"auto-submitted", "content-language", "content-type", "date", "dkim-signature", "feedback-id", "form-sub", "from", "list-unsubscribe",
		"list-unsubscribe-post", "message-id", "mime-version", "reply-to", "subject", "to",
	}
}

// wellFormed is the last look at a message before it goes out, whoever wrote it. Its error repeats nothing of the message.
func wellFormed(raw []byte, beyond bool) error {
	header, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok || !bytes.HasSuffix(body, []byte("\r\n")) {
		return errors.New("the message has no end of header or of body")
	}
	if err := linesFormed(raw); err != nil {
		return err
	}
	if !ascii(body) {
		return errors.New("the message's body is not ASCII")
	}
	return headerFormed(string(header), beyond)
}

// linesFormed looks at each byte once: it is asked for every letter.
func linesFormed(raw []byte) error {
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

func headerFormed(header string, beyond bool) error {
	known, seen := fields(), map[string]bool{}
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
		if !ascii(line) && (name != "to" || !beyond) {
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
