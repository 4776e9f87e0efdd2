package mailer_test

import (
	"bytes"
	"io"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/optin/optin/internal/mimeparts"
)

// parsedMessage is an email as a strict reader sees it.
type parsedMessage struct {
	header     netmail.Header
	subject    string
	text, html string
}

// parse parses an email, and fails the test on anything that is not exactly as the standards have it.
func parse(t testing.TB, raw []byte) parsedMessage {
	t.Helper()
	for line := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("a line is too long or has stray bytes: %q", line)
		}
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := parsedMessage{header: m.Header}
	if r.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, p := range readParts(t, m) {
		body, err := p.Decode()
		if err != nil || !strings.EqualFold(p.Params["charset"], "utf-8") ||
			p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Fatalf("part %v, %v", p.Header, err)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if types = append(types, p.Type); p.Type == "text/html" {
			r.html = string(b)
		} else {
			r.text = string(b)
		}
	}
	// the last is the one preferred (RFC 2046 section 5.1.4)
	if !slices.Equal(types, []string{"text/plain", "text/html"}) {
		t.Fatalf("parts %v", types)
	}
	return r
}

// readParts returns the parts of a multipart/alternative, with their bodies in memory and still encoded.
func readParts(t testing.TB, m *netmail.Message) (parts []mimeparts.Part) {
	t.Helper()
	if kind, _, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err != nil ||
		kind != "multipart/alternative" {
		t.Fatalf("Content-Type %s, %v", kind, err)
	}
	limits := mimeparts.Limits{Depth: 1, Parts: 3, Bytes: 1 << 20}
	err := mimeparts.Walk(textproto.MIMEHeader(m.Header), m.Body, limits, func(p mimeparts.Part) error {
		if p.Err != nil {
			return p.Err
		}
		raw, err := io.ReadAll(p.Body)
		p.Body = bytes.NewReader(raw)
		parts = append(parts, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

var link = regexp.MustCompile(`https://confirm\.example/[cu]/[A-Za-z0-9._-]+`)

// links returns the links of a body, each once, in order.
func links(body string) (all []string) {
	seen := map[string]bool{}
	for _, l := range link.FindAllString(body, -1) {
		if !seen[l] {
			seen[l] = true
			all = append(all, l)
		}
	}
	return all
}

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// allowed returns the header fields that an email may have, and whether it must have them.
func allowed() map[string]bool {
	return map[string]bool{
		"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true,
		"Content-Type": true, "Content-Language": true,
		"Auto-Submitted": true, "Form-Sub": true, "Feedback-Id": true, "Reply-To": false, "List-Unsubscribe": false,
		"List-Unsubscribe-Post": false,
		"Dkim-Signature":        false,
	}
}

// checkStrictly looks for anything in an email's form that a strict receiver might reject.
func checkStrictly(t testing.TB, raw []byte) {
	t.Helper()
	checkLineForm(t, raw)
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
	if m.Header.Get("Mime-Version") != "1.0" {
		t.Errorf("MIME-Version %s", m.Header.Get("Mime-Version"))
	}
	var types []string
	for _, p := range readParts(t, m) {
		checkPart(t, p)
		types = append(types, p.Type)
	}
	if !slices.Equal(types, []string{"text/plain", "text/html"}) {
		t.Errorf("parts %v", types)
	}
}

// checkLineForm fails the test unless all lines are as in RFC 5322 section 2.1.1 and end in CRLF.
func checkLineForm(t testing.TB, raw []byte) {
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
		// A link stands on one line of its own: folding broke signatures at some relays. A signature's list of fields
		// was signed without a blank.
		if len(field) > 78 && !strings.HasPrefix(field, "List-Unsubscribe: <") && !strings.HasPrefix(field, " h=") {
			t.Errorf("a header line of %d bytes, more than RFC 5322 wishes: %q", len(field), field)
		}
		if strings.TrimSpace(field) == "" {
			t.Error("a header line of blanks") // RFC 5322 section 3.2.2
		}
	}
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		if len(line) > 76 {
			t.Errorf("a line of the body has %d bytes, more than quoted-printable may (RFC 2045 section 6.7): %q",
				len(line), line)
		}
	}
}

// checkPart fails the test unless a part is plain ASCII in quoted-printable, without blanks at the end of a line.
func checkPart(t testing.TB, p mimeparts.Part) {
	t.Helper()
	if !strings.EqualFold(p.Params["charset"], "utf-8") ||
		p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Errorf("part %v", p.Header)
	}
	raw, err := io.ReadAll(p.Body)
	if err != nil || bytes.ContainsFunc(raw, func(r rune) bool {
		return r >= utf8.RuneSelf || r < ' ' && r != '\r' &&
			r != '\n'
	}) {
		t.Errorf("part %s is not plain ASCII, %v", p.Type, err)
	}
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if bytes.HasSuffix(line, []byte(" ")) || bytes.HasSuffix(line, []byte("\t")) {
			t.Errorf("a line ends in a blank: %q", line)
		}
	}
}
