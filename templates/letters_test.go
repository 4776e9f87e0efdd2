package templates

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

// linesOf returns the lines of the text part that are links.
func linesOf(text string) []string {
	var links []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "http") {
			links = append(links, line)
		}
	}
	return links
}

func TestBothBodiesCarryTheSameLinksUnbroken(t *testing.T) {
	each(t, nil, func(t *testing.T, _ string, l Letter, m Mail) {
		want := append(l.links(), l.site().Controller.PrivacyURL)
		if diff := cmp.Diff(want, linesOf(m.Text)); diff != "" {
			t.Error("text:", diff)
		}
		doc := parsed(t, m.HTML)
		var hrefs, shown []string
		doc.Find("a").Each(func(_ int, a *goquery.Selection) {
			href := a.AttrOr("href", "")
			if len(hrefs) == 0 || hrefs[len(hrefs)-1] != href {
				hrefs = append(hrefs, href)
			}
			if strings.HasPrefix(a.Text(), "http") {
				shown = append(shown, a.Text())
			}
		})
		if diff := cmp.Diff(want, hrefs); diff != "" {
			t.Error("HTML:", diff)
		}
		if diff := cmp.Diff([]string{want[0], want[len(want)-1]}, shown); diff != "" {
			t.Error("shown in HTML:", diff)
		}
	})
}

func TestEveryLetterIsWellMade(t *testing.T) {
	each(t, nil, func(t *testing.T, lang string, _ Letter, m Mail) {
		doc := parsed(t, m.HTML)
		if len(m.HTML) >= 20_000 {
			t.Errorf("%d bytes", len(m.HTML))
		}
		for selector, want := range map[string]int{"html[lang=" + lang + "][dir=ltr]": 1, "div[lang=" + lang + "]": 1, "title": 1,
			`meta[name="color-scheme"][content="light dark"]`: 1, "style, script, img, link, form, svg, [background], [class]": 0, "table:not([role=presentation])": 0} {
			if got := doc.Find(selector).Length(); got != want {
				t.Errorf("%d of %q, want %d", got, selector, want)
			}
		}
		for _, slip := range []string{"flex", "grid", "url(", "<no value>", "{{", "%!", "ZgotmplZ"} {
			if strings.Contains(m.HTML, slip) || strings.Contains(m.Text, slip) {
				t.Errorf("the letter has %q", slip)
			}
		}
		for line := range strings.Lines(m.Text) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > 76 && !strings.HasPrefix(line, "http") {
				t.Errorf("%d columns: %q", n, line)
			}
			if strings.TrimRight(line, " \t\r") != line {
				t.Errorf("ends in space: %q", line)
			}
		}
		if doc.Find("title").Text() != m.Subject {
			t.Error("the title is not the subject")
		}
	})
}

func TestTheConfirmLetterSaysAllThatItMust(t *testing.T) {
	s := newSet(t)
	l := ConfirmLetter{Site: s.cannedSite(), Purposes: s.cannedPurposes("en"), Asked: cannedAsked(), Deadline: cannedAsked().Add(60 * time.Hour),
		ConfirmURL: "https://confirm.example/c/a", DeclineURL: "https://confirm.example/c/b"}
	for lang, facts := range map[string][]string{
		"en": {"Review and confirm", "21\u00a0November\u00a02026, 18:02\u00a0UTC", "24\u00a0November\u00a02026, 06:02\u00a0UTC", "2\u00a0days and 12\u00a0hours",
			"If you do nothing, nothing happens", "7\u00a0days", "This was not me", "at any time", "press the button"},
		"fr": {"Vérifier et confirmer", "21\u00a0novembre 2026 à 18\u00a0h\u00a002 (UTC)", "24\u00a0novembre 2026 à 06\u00a0h\u00a002 (UTC)", "2\u00a0jours et 12\u00a0heures",
			"Si vous ne faites rien, rien ne se passe\u202f:", "7\u00a0jours", "Ce n’était pas moi", "à tout moment", "son bouton"},
	} {
		m := letter(t, s, lang, l)
		c := l.Site.Controller
		facts = append(facts, c.Name, c.Address, c.Contact, c.PrivacyURL, "La Gazette (https://gazette.example)", l.ConfirmURL)
		for _, q := range l.Purposes {
			facts = append(facts, q.Text)
		}
		bodies := map[string]string{"text": m.Text, "HTML": parsed(t, m.HTML).Text()}
		for name, body := range bodies {
			flat := strings.Join(strings.FieldsFunc(body, func(r rune) bool { return r == ' ' || r == '\n' }), " ")
			for _, fact := range facts {
				if !strings.Contains(flat, fact) {
					t.Errorf("%s, %s: nothing of %q", lang, name, fact)
				}
			}
		}
	}
}

func TestTheConfirmLetterClaimsNoState(t *testing.T) {
	s := newSet(t)
	l := ConfirmLetter{Site: s.cannedSite(), Purposes: s.cannedPurposes("en"), ConfirmURL: "https://c.example/", DeclineURL: "https://c.example/"}
	if m := letter(t, s, "en", l); strings.Contains(m.Text, "agreed to,") || strings.Contains(m.HTML, "agreed to,") {
		t.Error("it calls agreed to what is only asked for")
	}
	if l.Purposes[0].State != "confirmed" {
		t.Error("the caller's purposes were changed")
	}
}
