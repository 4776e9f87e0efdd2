package mailer

import (
	"strings"
	"testing"

	"github.com/optin/optin/internal/address"
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

func TestTheClassOfAReplyIsOneOfFew(t *testing.T) {
	for _, row := range []struct {
		code        int
		reply, want string
	}{
		{250, "250 2.0.0 Ok: queued as 4F1", "2.0"},
		{550, "550 5.7.26 unauthenticated", "5.7"},
		{451, "451 4.7.1 not now", "4.7"},
		{550, "550 no such user", "5"},
		{550, "550 5.9.1 a subject that nobody knows", "5"},
		{550, "550 5.71.1 nor this one", "5"},
		{450, "450 5.1.1 the digits say otherwise", "4"},
		{0, "", ""},
	} {
		if got := replyClass(row.code, row.reply); got != row.want {
			t.Errorf("%q is of class %q, want %q", row.reply, got, row.want)
		}
	}
}

func TestTheWordsOfAReplyThatAreLoggedNameNobody(t *testing.T) {
	to, err := address.Parse("Ada.L@Lovelace.example")
	if err != nil {
		t.Fatal(err)
	}
	for reply, want := range map[string]string{
		"550 5.1.1 <Ada.L@lovelace.example>: no such user":     "550 5.1.1 … no such user",
		"550 no ada.l here, nor at mx.LOVELACE.example; bye":   "550 no … here, nor at … bye",
		"550 see https://a.example/?q=ada%40x.example":         "550 see …",
		"554 spam: ada=40lovelace.example \"ada.l\"":           "554 spam: … …",
		"554 bad link https://confirm.example/c/abc.def seen":  "554 bad link … seen",
		"250 2.0.0 Ok: queued as 4F1":                          "250 2.0.0 Ok: queued as 4F1",
		"250 " + strings.Repeat("a", 64):                       "250 …",
		"451 4.7.1 " + strings.Repeat("wörter ", 60):           ("451 4.7.1 " + strings.Repeat("wörter ", 60))[:200],
		"550 5.7.1 https://support.example/why tells the rest": "550 5.7.1 https://support.example/why tells the rest",
	} {
		if got := loggedWords(reply, to); got != want {
			t.Errorf("%q is logged as %q, want %q", reply, got, want)
		}
	}
	short, err := address.Parse("a@b.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := loggedWords("550 user a unknown, says <a>", short); got != "550 user … unknown, says …" {
		t.Errorf("a short name: %q", got)
	}
}
