package mailer_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
)

// read is a letter as a strict reader sees it.
type read struct {
	header     netmail.Header
	subject    string
	text, html string
}

// parse reads a letter and fails the test on anything that is not exactly as the standards have it.
func parse(t testing.TB, raw []byte) read {
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
	r := read{header: m.Header}
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

// links are all of a body, each once, in order.
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
