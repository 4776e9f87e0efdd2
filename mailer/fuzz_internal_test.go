package mailer

import (
	"bytes"
	"io"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/mimeparts"
	"github.com/optin/optin/templates"
)

// FuzzAnEmailIsAlwaysWellFormed composes emails from arbitrary names, texts and addresses, and parses them strictly.
func FuzzAnEmailIsAlwaysWellFormed(f *testing.F) {
	f.Add("La Gazette", "Recevoir la lettre", "La Gazette", "ada@example.org", true)
	f.Add("x\r\nBcc: eve@evil.example", "y\r\n.\r\nMAIL FROM:<eve@evil.example>", "z\r\nBcc: e@e.example",
		"jörg@bücher.example", false)
	f.Add(strings.Repeat("a", 3000), strings.Repeat("é ", 3000), `"\" <`, "o'neil{}@example.org", true)
	f.Add("=?utf-8?q?=0D=0ABcc:?=", "\u2028\u202e\x00", "=?utf-8?b?DQo=?=", "a@example.org", false)
	pages, err := templates.New()
	if err != nil {
		f.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, name, text, from, to string, known bool) {
		parsed, err := address.Parse(to)
		if err != nil {
			return
		}
		sender, err := parseSender("the sender", netmail.Address{Name: from, Address: "bonjour@gazette.example"})
		if err != nil {
			sender = netmail.Address{Address: "bonjour@gazette.example"}
		}
		m := &emailMaker{pages: pages, sites: map[string]Site{"gazette": {From: sender, Show: templates.Site{
			Name: name, URL: text,
			Controller: templates.Controller{Name: name, Address: text, Contact: name, PrivacyURL: text},
		}}}}
		msg := confirm.Message{
			Type: consent.EmailConfirm, Site: "gazette", Locale: "fr", To: parsed, Date: at, Asked: at,
			Deadline: at.Add(time.Hour),
			Confirm:  "https://confirm.example/c/x", Decline: "https://confirm.example/c/y",
			Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Confirmed, Since: at, Text: text}},
		}
		fields := 11
		if known {
			msg.Type, msg.Unsubscribe, fields = consent.EmailAlreadyConfirmed, "https://confirm.example/u/z", 13
		}
		msg.ID = "job"
		e, err := m.compose(&msg)
		if err != nil {
			t.Fatal(err)
		}
		readStrictly(t, e.raw, fields)
	})
}

func readStrictly(t *testing.T, raw []byte, fields int) {
	t.Helper()
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("line %q", line)
		}
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil || len(msg.Header) != fields {
		t.Fatalf("%v: %v", err, msg)
	}
	for name, values := range msg.Header {
		if len(values) != 1 {
			t.Errorf("%s comes %d times", name, len(values))
		}
	}
	if _, err := netmail.ParseAddress(msg.Header.Get("From")); err != nil {
		t.Errorf("From %q: %v", msg.Header.Get("From"), err)
	}
	parts := 0
	limits := mimeparts.Limits{Depth: 1, Parts: 3, Bytes: 1 << 20}
	err = mimeparts.Walk(textproto.MIMEHeader(msg.Header), msg.Body, limits, func(p mimeparts.Part) error {
		if p.Err != nil {
			return p.Err
		}
		parts++
		body, err := p.Decode()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		return err
	})
	if err != nil || parts != 2 {
		t.Errorf("%d parts, %v", parts, err)
	}
}
