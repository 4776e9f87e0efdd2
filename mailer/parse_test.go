package mailer_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
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
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	r.text = part(t, parts, "text/plain")
	r.html = part(t, parts, "text/html")
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Fatalf("there is a third part, or no end: %v", err)
	}
	return r
}

func part(t testing.TB, parts *multipart.Reader, want string) string {
	t.Helper()
	p, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if err != nil || kind != want || !strings.EqualFold(params["charset"], "utf-8") || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Fatalf("part %v, %v; want %s", p.Header, err, want)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
		"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Content-Type": true, "Content-Language": true,
		"Auto-Submitted": true, "Form-Sub": true, "Feedback-Id": true, "Reply-To": false, "List-Unsubscribe": false, "List-Unsubscribe-Post": false,
		"Dkim-Signature": false,
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
		kinds = append(kinds, checkPart(t, p))
	}
	if !slices.Equal(kinds, []string{"text/plain", "text/html"}) { // the last is the one preferred (RFC 2046 section 5.1.4)
		t.Errorf("parts %v", kinds)
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

// checkPart returns a part's type.
func checkPart(t testing.TB, p *multipart.Part) string {
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
