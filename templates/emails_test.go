package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/skeleton"
)

// linkLines returns the lines of a text that are links.
func linkLines(text string) []string {
	var links []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "http") {
			links = append(links, line)
		}
	}
	return links
}

func TestBothBodiesCarryTheSameLinksUnbroken(t *testing.T) {
	eachSample(t, nil, func(t *testing.T, _ string, l Email, m RenderedEmail) {
		want := []string{l.site().Controller.PrivacyURL}
		switch l := l.(type) {
		case ConfirmEmail:
			want = append([]string{l.ConfirmURL, l.DeclineURL}, want...)
		case RenewEmail:
			want = append([]string{l.ConfirmURL, l.DeclineURL}, want...)
		case KnownEmail:
			want = append([]string{l.UnsubscribeURL}, want...)
		case RightEmail:
			want = append([]string{l.URL}, want...)
		}
		if diff := cmp.Diff(want, linkLines(m.Text)); diff != "" {
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

func TestEveryEmailIsWellMade(t *testing.T) {
	eachSample(t, nil, func(t *testing.T, lang string, _ Email, m RenderedEmail) {
		doc := parsed(t, m.HTML)
		if len(m.HTML) >= 20_000 {
			t.Errorf("%d bytes", len(m.HTML))
		}
		for selector, want := range map[string]int{
			"html[lang=" + lang + "][dir=" + direction(lang) + "]": 1,
			"div[lang=" + lang + "]":                               1,
			"title":                                                1,
			`meta[name="color-scheme"][content="light dark"]`:      1,
			"style": 1, "script, img, link, form, svg, [background]": 0,
			"[class]:not(.o-mark):not(.o-act)": 0,
			"table:not([role=presentation])":   0,
		} {
			if got := doc.Find(selector).Length(); got != want {
				t.Errorf("%d of %q, want %d", got, selector, want)
			}
		}
		for _, slip := range []string{"flex", "grid", "url(", "<no value>", "{{", "%!", "ZgotmplZ"} {
			if strings.Contains(m.HTML, slip) || strings.Contains(m.Text, slip) {
				t.Errorf("the email has %q", slip)
			}
		}
		for line := range strings.Lines(skeleton.Wrap(m.Text)) {
			line = strings.TrimSuffix(line, "\n")
			if n := skeleton.Width([]byte(line)); n > 72 && !strings.HasPrefix(line, "http") {
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

func TestTheConfirmEmailSaysAllThatItMust(t *testing.T) {
	s := newSet(t)
	l := ConfirmEmail{Site: cannedSite(s), Purposes: cannedPurposes(s, "en"), Asked: cannedAsked(),
		Deadline: cannedAsked().Add(60 * time.Hour), ConfirmURL: "https://confirm.example/c/a",
		DeclineURL: "https://confirm.example/c/b"}
	for lang, facts := range map[string][]string{
		"en": {"Review and confirm", "21 November 2026 at 18:02 (UTC)",
			"24 November 2026 at 06:02 (UTC)", "2\u00a0days and 12\u00a0hours",
			"If you do nothing, nothing happens", "7\u00a0days", "This was not me", "at any time", "press the button"},
		"fr": {"Vérifier et confirmer", "21 novembre 2026 à 18:02 (UTC)",
			"24 novembre 2026 à 06:02 (UTC)", "2\u00a0jours et 12\u00a0heures",
			"Si vous ne faites rien, rien ne se passe\u202f:", "7\u00a0jours", "Ce n’était pas moi", "à tout moment",
			"son bouton"},
	} {
		m := renderEmail(t, s, lang, l)
		c := l.Site.Controller
		facts = append(facts, c.Name, c.Address, c.Contact, c.PrivacyURL, "La Gazette (https://gazette.example)",
			l.ConfirmURL)
		for _, q := range l.Purposes {
			facts = append(facts, q.Text)
		}
		bodies := map[string]string{"text": m.Text, "HTML": parsed(t, m.HTML).Text()}
		for name, body := range bodies {
			flat := oneParagraph(body)
			for _, fact := range facts {
				if !strings.Contains(flat, fact) {
					t.Errorf("%s, %s: %q is missing", lang, name, fact)
				}
			}
		}
	}
}

// differingParagraphs compares two texts paragraph by paragraph and returns those that differ.
func differingParagraphs(t *testing.T, one, other string) (ones, others []string) {
	t.Helper()
	a, b := strings.Split(one, "\n\n"), strings.Split(other, "\n\n")
	if len(a) != len(b) {
		t.Fatalf("%d paragraphs and %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			ones, others = append(ones, oneParagraph(a[i])), append(others, oneParagraph(b[i]))
		}
	}
	return ones, others
}

// oneParagraph returns a text without its line breaks.
func oneParagraph(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' }), " ")
}

func TestAReminderIsTheSameEmailAndSaysThatItIsTheOnlyOne(t *testing.T) {
	s := newSet(t)
	for lang, want := range map[string][3]string{
		"en": {"The only reminder, please confirm: La Gazette", "Same link, same deadline.",
			"This is the one reminder of the request of 21 November 2026 at 18:02 (UTC), " +
				"with the same link and the same deadline: if you ignore it, nothing else will come of that request. " +
				"Somebody, perhaps you, had then entered this address at " +
				"La Gazette (https://gazette.example), to agree to this:"},
		"fr": {"Seul rappel, merci de confirmer\u202f: La Gazette", "Même lien, même échéance.",
			"Ceci est l’unique rappel de la demande du 21 novembre 2026 à 18:02 (UTC), " +
				"avec le même lien et la même échéance\u202f: " +
				"si vous l’ignorez, cette demande n’entraînera rien d’autre. " +
				"Quelqu’un, peut-être vous, avait alors indiqué cette adresse sur " +
				"La Gazette (https://gazette.example), pour accepter ceci\u202f:"},
	} {
		l := cannedEmails(s, lang)[0].Email.(ConfirmEmail)
		first := renderEmail(t, s, lang, l)
		l.Reminder = true
		again := renderEmail(t, s, lang, l)
		if again.Subject != want[0] {
			t.Errorf("subject %q", again.Subject)
		}
		_, news := differingParagraphs(t, first.Text, again.Text)
		if diff := cmp.Diff([]string{want[2]}, news); diff != "" {
			t.Errorf("%s, what is new in the text: %s", lang, diff)
		}
		doc := parsed(t, again.HTML)
		if got := doc.Find("body p").First().Text(); got != want[2] {
			t.Errorf("%s, first in HTML: %q", lang, got)
		}
		if got := doc.Find("div div").First().Text(); !strings.HasPrefix(got, want[1]) {
			t.Errorf("%s, shown beside the subject: %q", lang, got)
		}
		was := parsed(t, first.HTML).Find("body p")
		doc.Find("body p").Each(func(i int, p *goquery.Selection) {
			if i > 0 && p.Text() != was.Eq(i).Text() {
				t.Errorf("%s: %q became %q", lang, was.Eq(i).Text(), p.Text())
			}
		})
	}
}

func TestAnEmailThatAReminderMayFollowDoesNotPromiseThatNoneDoes(t *testing.T) {
	s := newSet(t)
	for lang, want := range map[string][2]string{
		"en": {"this request brings no other email", "one reminder may follow, but no other email"},
		"fr": {"cette demande n’entraîne aucun autre e\u2011mail",
			"un seul rappel peut suivre, mais aucun autre e\u2011mail"},
	} {
		l := cannedEmails(s, lang)[0].Email.(ConfirmEmail)
		last := renderEmail(t, s, lang, l)
		l.Reminds = true
		first := renderEmail(t, s, lang, l)
		was, is := differingParagraphs(t, last.Text, first.Text)
		if len(is) != 1 || !strings.Contains(was[0], want[0]) || strings.Contains(is[0], want[0]) ||
			!strings.Contains(is[0], want[1]) {
			t.Errorf("%s: %q became %q", lang, was, is)
		}
		if body := oneParagraph(parsed(t, first.HTML).Text()); !strings.Contains(body, is[0]) ||
			strings.Contains(body, want[0]) {
			t.Errorf("%s: not so in HTML", lang)
		}
		if l.Reminder = true; strings.Contains(renderEmail(t, s, lang, l).Text, want[1]) {
			t.Errorf("%s: a reminder says that one may follow", lang)
		}
	}
}

func TestTheConfirmEmailClaimsNoState(t *testing.T) {
	s := newSet(t)
	l := ConfirmEmail{Site: cannedSite(s), Purposes: cannedPurposes(s, "en"), ConfirmURL: "https://c.example/",
		DeclineURL: "https://c.example/"}
	m := renderEmail(t, s, "en", l)
	if strings.Contains(m.Text, "agreed to,") || strings.Contains(m.HTML, "agreed to,") {
		t.Error("it shows as agreed to what is only requested")
	}
	if l.Purposes[0].State != "confirmed" {
		t.Error("the caller's purposes were changed")
	}
}

// A long name is cut behind a word, so no reader meets half of one in the inbox; the rest of a subject is never cut.
func TestASubjectIsNotCutWithinAWord(t *testing.T) {
	s := newSet(t)
	for _, name := range []string{
		"The Monthly Newsletter of the Society of Friends of the Old Observatory at Greenwich and Beyond",
		"Gazette", "Εφημερίδα των Συντακτών της Βόρειας Ελλάδας και των Νησιών του Αιγαίου Πελάγους",
	} {
		words := strings.Fields(name)
		for _, lang := range s.Languages() {
			for _, reminder := range []bool{false, true} {
				site := cannedSite(s)
				site.Name = name
				m := renderEmail(t, s, lang, ConfirmEmail{
					Site: site, Purposes: cannedPurposes(s, lang), Reminder: reminder, Asked: cannedAsked(),
					Deadline: cannedAsked(), ConfirmURL: "https://confirm.example/c/a",
					DeclineURL: "https://confirm.example/c/b",
				})
				shown := strings.Join(words, " ")
				for n := len(words); n > 0 && !strings.Contains(m.Subject, shown); n-- {
					shown = strings.Join(words[:n-1], " ") + "…"
				}
				if len([]rune(m.Subject)) > 78 || !strings.Contains(m.Subject, shown) || shown == "…" {
					t.Errorf("%s: %q", lang, m.Subject)
				}
				preheader := parsed(t, m.HTML).Find("div[style^='display:none']").Text()
				if n := len([]rune(preheader)); n == 0 || n > 110 || strings.Contains(preheader, "…") {
					t.Errorf("%s: the preheader is %q", lang, preheader)
				}
			}
		}
	}
}

// Mail programs have a dark mode of one of two ways, and the button's colours for it stand in both.
func TestTheDarkAccentIsSetInBothWays(t *testing.T) {
	eachSample(t, nil, func(t *testing.T, _ string, _ Email, m RenderedEmail) {
		sheet := parsed(t, m.HTML).Find("style").Text()
		media, outlook, ok := strings.Cut(sheet, "}}\n")
		if !ok || !strings.HasPrefix(strings.TrimSpace(media), "@media (prefers-color-scheme:dark){") {
			t.Fatalf("%q", sheet)
		}
		_, media, _ = strings.Cut(media, "{")
		var ours []string
		for rule := range strings.Lines(strings.TrimSpace(outlook)) {
			ours = append(ours, strings.ReplaceAll(strings.TrimSpace(rule), "[data-ogsc] ", ""))
		}
		if diff := cmp.Diff(strings.ReplaceAll(media, "}.", "}\n.")+"}", strings.Join(ours, "\n")); diff != "" {
			t.Error("the media query (-) and Outlook's attribute (+) differ:", diff)
		}
	})
}
