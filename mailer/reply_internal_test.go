package mailer

import (
	"strings"
	"testing"
)

func TestAReplyIsKeptAsOneShortLine(t *testing.T) {
	for words, want := range map[string]string{
		"5.1.1 no\nsuch\r\n  user\x00\x1b[31m": "550 5.1.1 no such user [31m",
		"":                                     "550",
		"\xff":                                 "550 ?",
	} {
		if got := replyLine(550, words); got != want {
			t.Errorf("%q is %q, want %q", words, got, want)
		}
	}
	if got := replyLine(550, strings.Repeat("é", 1000)); len(got) > maxReply+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
