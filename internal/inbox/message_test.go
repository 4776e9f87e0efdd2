package inbox_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"

	"github.com/optin/optin/internal/inbox"
)

// arrived delivers an email and returns it as the inbox keeps it.
func arrived(t *testing.T, lines ...string) inbox.Message {
	t.Helper()
	i := newInbox(t)
	deliver(t, i, crlf(lines...))
	m, err := i.Wait(within(t), anyMessage)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestUsualEmailsAreParsed(t *testing.T) {
	for _, c := range []struct {
		name                string
		email               []string
		subject, text, html string
	}{
		{"nothing but text", []string{"Subject: Hello", "", "Bonjour"}, "Hello", "Bonjour\n", ""},
		{"8bit", []string{"Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", "été"}, "",
			"été\n", ""},
		{"encoded subject", []string{"Subject: =?utf-8?q?D=C3=A9j=C3=A0?=", " =?utf-8?b?IHZ1?=", "", ""}, "Déjà vu",
			"\n", ""},
		{"latin-1", []string{
			"Subject: =?iso-8859-1?q?=E9t=E9?=", "Content-Type: text/plain; charset=ISO-8859-1",
			"Content-Transfer-Encoding: quoted-printable", "", "=E9t=E9",
		}, "été", "été\n", ""},
		{"html alone, in base64", []string{
			"Content-Type: text/html", "Content-Transfer-Encoding: BASE64", "", "PGI+", "w6k8L2I+",
		}, "", "", "<b>é</b>"},
		{"both, quoted-printable and base64", []string{
			"Content-Type: multipart/alternative; boundary=\"b b\"", "", "preamble", "--b b",
			"Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "",
			"https://a.example/?x=3D1&y=", "=3D2", "--b b",
			"Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "", "PGI+w6k8L2I+",
			"--b b--", "epilogue"},
			"", "https://a.example/?x=1&y=2", "<b>é</b>"},
		{"nested, with attachments that are not shown", []string{
			"Content-Type: multipart/mixed; boundary=o", "", "--o",
			"Content-Type: text/plain", "Content-Disposition: attachment; filename=a.txt", "", "attached", "--o",
			"Content-Type: multipart/alternative; boundary=i", "", "--i", "", "plain", "--i", "Content-Type: text/html",
			"", "<p>rich", "--i--", "--o",
			"Content-Type: text/plain", "", "a second text", "--o--"},
			"", "plain", "<p>rich"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := arrived(t, c.email...)
			if m.Err != nil {
				t.Errorf("Err = %v", m.Err)
			}
			if diff := cmp.Diff([]string{c.subject, c.text, c.html}, []string{m.Subject, m.Text, m.HTML}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnEmailOfTheMailLibraryIsParsed(t *testing.T) {
	i := newInbox(t)
	m := mail.NewMsg()
	if err := m.FromFormat("La Gazette", "bonjour@gazette.example"); err != nil {
		t.Fatal(err)
	}
	if err := m.To("ada@example.org"); err != nil {
		t.Fatal(err)
	}
	link := "https://confirm.example/c/" + strings.Repeat("eyJhbGciOiJIUzI1NiJ9.", 12) + "_-"
	m.Subject("Plus qu’un clic")
	m.SetBodyString(mail.TypeTextPlain, "Confirmez :\n"+link+"\n")
	m.AddAlternativeString(mail.TypeTextHTML, `<a href="`+link+`">Confirmer</a>`)
	var raw strings.Builder
	if _, err := m.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	deliver(t, i, raw.String())
	got := i.Messages()[0]
	if got.Err != nil || got.Subject != "Plus qu’un clic" {
		t.Errorf("subject %q, error %v", got.Subject, got.Err)
	}
	if diff := cmp.Diff([]string{link}, got.Links()); diff != "" {
		t.Error(diff)
	}
	if want := `<a href="` + link + `">Confirmer</a>`; got.HTML != want {
		t.Errorf("HTML %q, want %q", got.HTML, want)
	}
}

func TestADamagedEmailIsKeptWithItsReason(t *testing.T) {
	deep := []string{"Content-Type: multipart/mixed; boundary=b0", ""}
	for d := range 40 {
		deep = append(deep, "--b"+string(rune('0'+d)), "Content-Type: multipart/mixed; boundary=b"+string(rune('1'+d)),
			"")
	}
	many := append([]string{"Content-Type: multipart/mixed; boundary=b", ""},
		strings.Split(strings.Repeat("--b,,x,", 3000), ",")...)
	for _, c := range []struct {
		name   string
		email  []string
		reason string // what Err says
		text   string // what is read all the same
	}{
		{"no header", []string{"this is no email"}, "the header cannot be read", ""},
		{"no boundary", []string{"Content-Type: multipart/mixed", "", "x"}, "without a boundary", ""},
		{"bad content type", []string{"Content-Type: text/plain; charset", "", "x"}, "Content-Type", ""},
		{"cut short in a part", []string{"Content-Type: multipart/mixed; boundary=b", "", "--b", "", "half a"},
			"breaks off", "half a"},
		{"bad header of a part", []string{
			"Content-Type: multipart/mixed; boundary=b", "", "--b", "", "whole", "--b", "no header", "", "--b--",
		}, "header of a part", "whole"},
		{"unknown encoding", []string{"Content-Transfer-Encoding: rot13", "", "x"}, "rot13", ""},
		{"bad base64", []string{"Content-Transfer-Encoding: base64", "", "Ym9u****"}, "base64", "bon"},
		{"bad UTF-8", []string{"", "a\xffb"}, "UTF-8", "a\uFFFDb\n"},
		{"unknown charset", []string{"Content-Type: text/plain; charset=klingon", "", "x"}, "klingon", "x\n"},
		{"a good part after a bad one", []string{
			"Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: ;", "", "x",
			"--b", "", "good", "--b--",
		}, "Content-Type", "good"},
		{"nested too deep", deep, "too many parts", ""},
		{"too many parts", many, "too many parts", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := arrived(t, c.email...)
			if m.Err == nil || !strings.Contains(m.Err.Error(), c.reason) {
				t.Errorf("Err = %v, want one that says %q", m.Err, c.reason)
			}
			if m.Text != c.text {
				t.Errorf("Text = %q, want %q", m.Text, c.text)
			}
			if string(m.Raw) != crlf(c.email...) {
				t.Error("the source is not what was sent")
			}
		})
	}
}

func TestLinksAreFoundInOrderAndOnce(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil,
		"no link: mailto:a@b.example ftp://x javascript:alert(1) httpx://y http:// https://": nil,
		"https://b.example/ then http://a.example/ then https://b.example/": {"https://b.example/",
			"http://a.example/"},
		"See https://a.example/x. Or (https://a.example/y), https://a.example/z!": {"https://a.example/x",
			"https://a.example/y", "https://a.example/z"},
		"https://a.example/w_(x) <https://a.example/q?a=1&b=[2]#f>": {"https://a.example/w_(x)",
			"https://a.example/q?a=1&b=[2]#f"},
		"https://a.example/c/aa.bb.c_-\nnext":                     {"https://a.example/c/aa.bb.c_-"},
		"HTTPS://A.example/ http://[::1]:8080/x":                  {"HTTPS://A.example/", "http://[::1]:8080/x"},
		"https://a.example/\u202Egpj.exe \"https://a.example/'\"": {"https://a.example/"},
		"https://%zz/ xhttps://a.example/":                        nil,
	} {
		if diff := cmp.Diff(want, inbox.Message{Text: text}.Links()); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}
