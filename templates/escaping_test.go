package templates

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
)

func TestNamesAndTextsComeOutInert(t *testing.T) {
	s := newSet(t)
	const evil = `<script>alert(1)</script>{{.Site.Controller}}{{t "x"}}" onload=x '`
	site := Site{Name: evil, URL: "javascript:alert(1)",
		Controller: Controller{Name: evil, Address: evil, Contact: evil, PrivacyURL: "javascript:alert(2)"}}
	purposes := []Purpose{{ID: evil, Text: evil, Lang: evil}, {ID: "b", Text: evil, State: evil, Since: cannedAsked()}}
	for _, p := range []Page{
		Signup{
			Site: site, Purposes: purposes, Action: "/a",
			Values: Values{Email: evil}, Errors: []FieldError{{evil, evil}},
		},
		Confirm{Site: site, Purposes: purposes, Address: evil, ConfirmAction: "/a", DeclineAction: "/b"},
		Confirmed{
			Site: site, Purposes: purposes,
			BackURL: "javascript:alert(3)", UnsubscribeURL: "javascript:alert(4)",
		},
		Unsubscribe{Site: site, Purposes: purposes, Address: evil, Action: "/a"},
		Withdrawn{Site: site, Purposes: purposes, Left: purposes, SignupURL: "javascript:alert(5)"},
	} {
		html := renderPage(t, s, evil, p)
		doc := parsed(t, html)
		if doc.Find("main script, header script, footer script, [onload]").Length() > 0 {
			t.Errorf("%s runs a name", p.name())
		}
		if got := doc.Find("header.site p").Text(); got != evil {
			t.Errorf("%s: the name reads %q", p.name(), got)
		}
		doc.Find("[href]").Each(func(_ int, e *goquery.Selection) {
			if regexp.MustCompile(`(?i)^\s*javascript:`).MatchString(e.AttrOr("href", "")) {
				t.Errorf("%s: a link runs script: %q", p.name(), e.AttrOr("href", ""))
			}
		})
	}
}

func TestAPageIsAlwaysUTF8(t *testing.T) {
	s := newSet(t)
	html := renderPage(t, s, "\xff", Signup{
		Action: "/a", Site: Site{Name: "\xfe"},
		Purposes: []Purpose{{ID: "\xfd", Text: "\xfc", Lang: "\xfb"}}, Values: Values{Email: "a\xfa@example.org"},
	})
	if !utf8.ValidString(html) {
		t.Error("bytes that a browser cannot read went out")
	}
}

func TestSubjectsAreShortAndOneLine(t *testing.T) {
	s := newSet(t)
	for _, name := range []string{strings.Repeat("é", 40), strings.Repeat("long name ", 400),
		"La\r\nBcc: eve@evil.example\r\n\r\nGazette", "a\u2028b\u0000c\u202eD", ""} {
		for _, lang := range s.Languages() {
			for _, sample := range cannedEmails(s, lang) {
				l := sample.Email
				switch x := l.(type) {
				case ConfirmEmail:
					x.Site.Name = name
					l = x
				case KnownEmail:
					x.Site.Name = name
					l = x
				}
				m := renderEmail(t, s, lang, l)
				if n := utf8.RuneCountInString(m.Subject); n > 78 {
					t.Errorf("%d characters: %q", n, m.Subject)
				}
				checkInert(t, m)
			}
		}
	}
	name := strings.Repeat("é", 40)
	m := renderEmail(t, s, "en", KnownEmail{Site: Site{Name: name}, UnsubscribeURL: "https://c.example/"})
	if !strings.Contains(m.Subject, name) {
		t.Errorf("a name of forty characters was cut: %q", m.Subject)
	}
}

// checkInert fails if a value that was put into an email became a header, markup or a harmful link.
func checkInert(t *testing.T, m RenderedEmail) {
	t.Helper()
	if strings.ContainsFunc(m.Subject, unicode.IsControl) || !utf8.ValidString(m.Subject+m.Text+m.HTML) {
		t.Errorf("subject %q", m.Subject)
	}
	for _, part := range []string{m.Text, m.HTML} {
		if strings.Count(part, isolate) != strings.Count(part, endIsolate) {
			t.Errorf("an isolate does not end: %q", part)
		}
		part = strings.NewReplacer(isolate, "", endIsolate, "").Replace(part) // our own
		i := strings.IndexFunc(part, func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
		})
		if i >= 0 {
			t.Errorf("a control character in %q", part[max(0, i-20):i+4])
		}
	}
	doc := parsed(t, m.HTML)
	if doc.Find("script, img, form, iframe, [onload], [onclick]").Length() > 0 || doc.Find("style").Length() != 1 {
		t.Error("a value became markup")
	}
	doc.Find("[href]").Each(func(_ int, e *goquery.Selection) {
		if u, err := url.Parse(e.AttrOr("href", "")); err == nil && u.Scheme != "" && u.Scheme != "https" &&
			u.Scheme != "http" && u.Scheme != "mailto" {
			t.Errorf("a link to %q", e.AttrOr("href", ""))
		}
	})
}

func TestAnEmailRefusesALinkThatCouldBreakOrMislead(t *testing.T) {
	s := newSet(t)
	for _, link := range []string{"", "/c/x", "ftp://c.example/x", "javascript:alert(1)", "https:///x",
		"https://c.example/a b", "https://c.example/a\nb",
		"https://c.example/é", `https://c.example/"x`, "https://c.example/" + strings.Repeat("x", 900)} {
		_, err := s.Email("en", KnownEmail{UnsubscribeURL: link})
		if err == nil {
			t.Errorf("accepted: %q", link)
		} else if len(link) > 8 && strings.Contains(err.Error(), link) {
			t.Errorf("the error contains the link: %v", err)
		}
		if _, err := s.Email("en", ConfirmEmail{ConfirmURL: "https://c.example/c", DeclineURL: link}); err == nil {
			t.Errorf("accepted as second link: %q", link)
		}
	}
}

func TestNoValueIsReadAsATemplate(t *testing.T) {
	s := newSet(t)
	const evil = `{{.Site.Controller}} {{env "PATH"}} {{t "x"}} <b>`
	site := Site{Name: evil, URL: evil, Controller: Controller{Name: evil, Address: evil, Contact: evil}}
	m := renderEmail(t, s, "en", ConfirmEmail{
		Site: site, Purposes: []Purpose{{Text: evil}},
		ConfirmURL: "https://c.example/c", DeclineURL: "https://c.example/d",
	})
	if !strings.Contains(m.Text, "  - "+evil+"\n") || !strings.Contains(parsed(t, m.HTML).Find("td td").Text(), evil) {
		t.Errorf("not word for word:\n%s", m.Text)
	}
}

func FuzzEmail(f *testing.F) {
	s, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("La Gazette", "https://gazette.example", "Receive the monthly letter", "1 rue des Exemples",
		"https://c.example/c/x", "fr")
	f.Add("<script>alert(1)</script>", "javascript:alert(1)", "{{env \"PATH\"}}", "a\r\nBcc: x@y.example",
		"https://c.example/\r\nx", "en;q=0")
	f.Add("\xff\xfe\x00", "\u202e", "\u2028", "- ", "https://c.example/?a=b&c=d'", "\x00")
	f.Fuzz(func(t *testing.T, name, site, text, address, link, locale string) {
		controller := Controller{Name: name, Address: address, Contact: text, PrivacyURL: site}
		l := ConfirmEmail{
			Site:     Site{Name: name, URL: site, Controller: controller},
			Purposes: []Purpose{{ID: name, Text: text, Lang: locale}},
			Asked:    cannedAsked(), Deadline: cannedAsked(), ConfirmURL: link, DeclineURL: link,
		}
		m, err := s.Email(locale, l)
		if err != nil {
			return
		}
		checkInert(t, m)
		if got := linkLines(m.Text); !strings.Contains("\n"+m.Text, "\n"+link+"\n") {
			t.Errorf("the link %q does not stand alone: %q", link, got)
		}
		if got := parsed(t, m.HTML).Find("td[bgcolor] a").AttrOr("href", ""); got != link {
			t.Errorf("the button leads to %q, not %q", got, link)
		}
	})
}
