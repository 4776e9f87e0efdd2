package mailer

import (
	"bytes"
	"io"
	"math/rand/v2"
	netmail "net/mail"
	"net/textproto"
	"os"
	"runtime"
	"strconv"
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
	pages := allPages(f)
	f.Fuzz(func(t *testing.T, name, text, from, to string, known bool) {
		checkWellFormed(t, pages, fuzzed{name, text, from, to, "fr", known})
	})
}

func allPages(t testing.TB) *templates.Set {
	t.Helper()
	pages, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// fuzzed is what operators, websites and strangers may have written into an email.
type fuzzed struct {
	name, text, from, to, locale string
	known                        bool // to the site
}

// checkWellFormed makes an email and reads it strictly.
func checkWellFormed(t testing.TB, pages *templates.Set, of fuzzed) {
	t.Helper()
	parsed, err := address.Parse(of.to)
	if err != nil {
		return
	}
	sender, err := parseSender("the sender", netmail.Address{Name: of.from, Address: "bonjour@gazette.example"})
	if err != nil {
		sender = netmail.Address{Address: "bonjour@gazette.example"}
	}
	m := &emailMaker{pages: pages, sites: map[string]Site{"gazette": {From: sender, Show: templates.Site{
		Name: of.name, URL: of.text,
		Controller: templates.Controller{Name: of.name, Address: of.text, Contact: of.name, PrivacyURL: of.text},
	}}}}
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	msg := confirm.Message{
		ID: "job", Type: consent.EmailConfirm, Site: "gazette", Locale: of.locale, To: parsed, Date: at, Asked: at,
		Deadline: at.Add(time.Hour),
		Confirm:  "https://confirm.example/c/x", Decline: "https://confirm.example/c/y",
		Purposes: []consent.PurposeStatus{{ID: "letter", State: consent.Confirmed, Since: at, Text: of.text}},
	}
	fields := 11
	if of.known {
		msg.Type, msg.Unsubscribe, fields = consent.EmailAlreadyConfirmed, "https://confirm.example/u/z", 13
	}
	e, err := m.compose(&msg)
	if err != nil {
		t.Fatalf("%+v: %v", of, err)
	}
	readStrictly(t, e.raw, fields)
	if t.Failed() {
		t.Fatalf("of %#v", of)
	}
}

// What names and texts are put together from: what would end a line, a field, a body, an encoded word, an element, a
// quotation or a command, and what looks like one of our own marks.
func fragments() []string {
	return []string{
		"\r\n", "\n", "\r", "\r\n\r\n", "\r\n.\r\n", "\n.", "\x00", "\x0b", "\x1b", "\x7f", "\u0085", "\u2028",
		"\u2029", "\u202e", "\u2066", "\u2069", "\ufeff", "\xff", "\xc3", "\xed\xa0\x80",
		"Bcc: eve@evil.example", "RCPT TO:<eve@evil.example>", "Content-Type: text/html", "--",
		"=?utf-8?q?=0D=0ABcc:?=", "=?utf-8?b?DQo=?=", "?=", "=", "=0D=0A", "=\r\n", "<", ">", "</p>",
		"<script>", "&", "&#13;", "\"", "'", "`", "\\", "(", ")", ",", ";", ":", "@", "{{.Site}}", "{{", "}}",
		"%s", "javascript:alert(1)", "https://evil.example/", " ", "  ", "\t", "\u00a0", "\u202f", "a", "é",
		"ß", "日本", "עברית", "🦉", "e\u0301", "o\u0301\u0323", strings.Repeat("a", 80), strings.Repeat("é", 400),
		strings.Repeat("x ", 300), "La Gazette",
	}
}

// P22: nothing that anybody may have written makes an email malformed.
func TestAnEmailIsWellFormedWhateverIsWrittenInIt(t *testing.T) {
	n := 2_000
	if os.Getenv("OPTIN_SOAK") == "1" {
		n = 10_000_000
	}
	pages := allPages(t)
	locales, to := pages.Languages(), []string{
		"ada@example.org", "o'neil{}@example.org", "jörg@bücher.example", `"a b"@example.org`, "a=b?c@example.org",
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("by seed %d", seed)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(w)))
			all := fragments()
			text := func() string {
				var b strings.Builder
				for range random.IntN(9) {
					b.WriteString(all[random.IntN(len(all))])
				}
				return b.String()
			}
			for range n / workers {
				checkWellFormed(t, pages, fuzzed{
					name: text(), text: text(), from: text(), to: to[random.IntN(len(to))],
					locale: locales[random.IntN(len(locales))], known: random.IntN(2) == 0,
				})
			}
		})
	}
}

func readStrictly(t testing.TB, raw []byte, fields int) {
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
