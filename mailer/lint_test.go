package mailer_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// allowed are the header fields that a letter may have, and whether it must.
func allowed() map[string]bool {
	return map[string]bool{
		"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Content-Type": true, "Content-Language": true,
		"Auto-Submitted": true, "Form-Sub": true, "Feedback-Id": true, "Reply-To": false, "List-Unsubscribe": false, "List-Unsubscribe-Post": false,
		"Dkim-Signature": false,
	}
}

// lint looks for everything about a letter's form that a strict receiver might take offence at.
func lint(t testing.TB, raw []byte) {
	t.Helper()
	lines(t, raw)
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for name, must := range allowed() {
		if n := len(m.Header[name]); must && n != 1 || n > 1 && name != "Dkim-Signature" {
			t.Errorf("%s comes %d times", name, n)
		}
	}
	for name := range m.Header {
		if _, ok := allowed()[name]; !ok {
			t.Errorf("an unknown field %s", name)
		}
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" || m.Header.Get("Mime-Version") != "1.0" {
		t.Fatalf("Content-Type %s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	var kinds []string
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, linted(t, p))
	}
	if !slices.Equal(kinds, []string{"text/plain", "text/html"}) { // the last is the one preferred (RFC 2046 section 5.1.4)
		t.Errorf("parts %v", kinds)
	}
}

// lines are those of RFC 5322 section 2.1.1, ended by CRLF, and nothing but them.
func lines(t testing.TB, raw []byte) {
	t.Helper()
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		t.Error("the last line has no end")
	}
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") || !utf8.Valid(line) {
			t.Errorf("a line of %d bytes, or with a stray byte: %q", len(line), line)
		}
	}
	for field := range strings.SplitSeq(string(header), "\r\n") {
		// A link stands on one line of its own: folding broke signatures at some relays. A signature's list of fields was signed without a blank.
		if len(field) > 78 && !strings.HasPrefix(field, "List-Unsubscribe: <") && !strings.HasPrefix(field, " h=") {
			t.Errorf("a header line of %d bytes, more than RFC 5322 wishes: %q", len(field), field)
		}
		if strings.TrimSpace(field) == "" {
			t.Error("a header line of blanks") // RFC 5322 section 3.2.2
		}
	}
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		if len(line) > 76 {
			t.Errorf("a line of the body has %d bytes, more than quoted-printable may (RFC 2045 section 6.7): %q", len(line), line)
		}
	}
}

// linted is a part's type.
func linted(t testing.TB, p *multipart.Part) string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if err != nil || !strings.EqualFold(params["charset"], "utf-8") || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Errorf("part %v, %v", p.Header, err)
	}
	raw, err := io.ReadAll(p)
	if err != nil || bytes.ContainsFunc(raw, func(r rune) bool { return r >= utf8.RuneSelf || r < ' ' && r != '\r' && r != '\n' }) {
		t.Errorf("part %s is not plain ASCII, %v", kind, err)
	}
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if bytes.HasSuffix(line, []byte(" ")) || bytes.HasSuffix(line, []byte("\t")) {
			t.Errorf("a line ends in a blank: %q", line)
		}
	}
	return kind
}
