package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// executed is a letter as its templates write it.
func executed(t rapid.TB, s *Set, lang string, l Email) RenderedEmail {
	words, err := l.words(s.tongue(lang))
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.execute(s.tongue(lang), l, words)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mouldOf is the mould of a letter that was written.
func mouldOf(s *Set, lang string, l Email) (m *mould, known bool) {
	return s.moulds.get(l.appendRest(appendText(nil, lang, l.name())))
}

// anyText is what a name or a text may be, hostile ones among them. Few, so that letters meet that are alike but for one.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{
		"", " ", "La Gazette", "La Gazette SAS", "https://gazette.example", "javascript:alert(1)", "<script>alert(1)</script>",
		`" onload=x '`, "{{.Site.Name}}", "a\r\nBcc: x@y.example", "\u202eright to left", "אבג דהו", "\xff\xfe\x00", "\u2028- x", "&amp;", "a+b=c", "- item",
		"  - item", strings.Repeat("long ", 1000), strings.Repeat("é", 300), marks("mark", 5, 2)[0], marks("mark", 5, 2)[2], marks("mark", 3, 1)[1],
		marks("proof", 5, 2)[0], marks("proof", 5, 2)[2], "mark 2 ", "https://mark.invalid/0/",
	}), rapid.String())
}

func anyLink() *rapid.Generator[string] {
	tail := rapid.StringOfN(rapid.RuneFrom([]rune(alphanumeric+linkSigns)), 0, 300, 300)
	return rapid.OneOf(rapid.Map(tail, func(s string) string { return "https://c.example/c/" + s }), rapid.SampledFrom([]string{
		"http://c.example/", "https://c.example/?a=b&c=d", "https://c.example/(a)+%20", "https://c.example/?%zz", "HTTPS://c.example/x", "hTTp://c.example/",
		"https://[::1]/x", marks("mark", 5, 2)[0], marks("proof", 5, 2)[1], "https://c.example/" + strings.Repeat("x", maxLink-18),
	}))
}

func anyMoment() *rapid.Generator[time.Time] {
	return rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(-1<<36, 1<<38), func(n int64) time.Time { return time.Unix(n, 0) }),
		rapid.Map(rapid.IntRange(0, 100), func(n int) time.Time { return cannedAsked().Add(time.Duration(n) * time.Hour) }))
}

func anySite(t *rapid.T) Site {
	text := func(name string) string { return anyText().Draw(t, name) }
	return Site{ID: text("id"), Name: text("name"), URL: text("URL"), Controller: Controller{
		Name: text("controller"), Address: text("address"), Contact: text("contact"), PrivacyURL: text("notice")}}
}

func anyPurposes(t *rapid.T) []Purpose {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Purpose {
		return Purpose{Text: anyText().Draw(t, "text"), Lang: rapid.SampledFrom([]string{"", "fr", "x\"y", "en;q=0"}).Draw(t, "lang"),
			State: rapid.SampledFrom([]string{"", "confirmed", "<b>"}).Draw(t, "state"), Since: anyMoment().Draw(t, "since")}
	}), 0, 4).Draw(t, "purposes")
}

func TestALetterThatIsFilledInIsTheOneThatTheTemplatesGive(t *testing.T) {
	s := newSet(t)
	filled := 0
	rapid.Check(t, func(t *rapid.T) {
		lang, site, purposes := rapid.SampledFrom(s.Languages()).Draw(t, "language"), anySite(t), anyPurposes(t)
		flags := [2]bool{rapid.Bool().Draw(t, "reminder"), rapid.Bool().Draw(t, "reminds")}
		for range 3 { // several people: the first makes the mould
			for i := range purposes {
				if !purposes[i].Since.IsZero() {
					purposes[i].Since = anyMoment().Draw(t, "since")
				}
			}
			asked := anyMoment().Draw(t, "asked")
			for _, l := range []Email{
				ConfirmEmail{Site: site, Purposes: purposes, Asked: asked, Deadline: anyMoment().Draw(t, "deadline"),
					Reminder: flags[0], Reminds: flags[1], ConfirmURL: anyLink().Draw(t, "confirm"), DeclineURL: anyLink().Draw(t, "decline")},
				KnownEmail{Site: site, Purposes: purposes, Asked: asked, UnsubscribeURL: anyLink().Draw(t, "unsubscribe")},
			} {
				m, err := s.Email(lang, l)
				if err != nil {
					continue // a link that no letter takes
				}
				if diff := cmp.Diff(executed(t, s, lang, l), m); diff != "" {
					t.Fatal(diff)
				}
				if made, _ := mouldOf(s, lang, l); made != nil {
					filled++
				}
			}
		}
	})
	if filled == 0 {
		t.Error("no letter was filled in")
	}
}

// What is filled in is right for the first letter, by chance, and would be wrong for the next.
func TestANameThatReadsLikeAMarkIsNotTakenForOne(t *testing.T) {
	s := newSet(t)
	for _, name := range []string{"mark", "proof"} {
		for i, mark := range marks(name, 5, 2) {
			site := Site{Controller: Controller{Name: mark, Address: mark}}
			l := ConfirmEmail{Site: site, ConfirmURL: "https://c.example/c", DeclineURL: "https://c.example/d"}
			if i == 0 {
				l.ConfirmURL = mark
			}
			for range 2 {
				if diff := cmp.Diff(executed(t, s, "en", l), letter(t, s, "en", l)); diff != "" {
					t.Errorf("%s: %s", mark, diff)
				}
				l.ConfirmURL += "x"
			}
		}
	}
}

func TestEveryCannedLetterHasAMould(t *testing.T) {
	s := newSet(t)
	for _, lang := range s.Languages() {
		for _, c := range s.cannedLetters(lang) {
			letter(t, s, lang, c.Email)
			if m, _ := mouldOf(s, lang, c.Email); m == nil {
				t.Errorf("%s in %s has none", c.Name, lang)
			}
		}
	}
}

func TestAnEscaperThatTouchesAWordForbidsTheMould(t *testing.T) {
	for place, mend := range map[string]bool{
		`<p>{{.Asked}} {{.ConfirmURL}}</p>`: true, `<p title="{{.Asked}}">`: true, `<a href="{{.ConfirmURL}}">`: true,
		`<a href="/?{{.Asked}}">`: false, `<p title={{.Asked}}>`: false, `<p title={{.ConfirmURL}}>`: false, `<p onclick="go({{.Asked}})">`: false, `<p onclick="go({{.ConfirmURL}})">`: true,
		`<a href="/?{{.ConfirmURL}}">`: false, `<p style="width: {{.Asked}}">`: false, `<script>{{.ConfirmURL}}</script>`: true, `<script>{{.Asked}}</script>`: false,
		`<p>{{len .Asked}}</p>`: false, `<p>{{if eq .ConfirmURL "https://c.example/c"}}x{{end}}</p>`: false, `<p>{{slice .Asked 0 5}}</p>`: false,
	} {
		files := copyOf(t)
		files["letters/confirm.html"].Data = []byte(`{{define "preheader"}}{{end}}{{define "main"}}` + place + `{{end}}`)
		s, err := build(files)
		if s == nil {
			t.Fatal(err) // what only lacks messages is good enough here
		}
		l := ConfirmEmail{Asked: cannedAsked(), ConfirmURL: "https://c.example/c", DeclineURL: "https://c.example/d"}
		for range 2 {
			if diff := cmp.Diff(executed(t, s, "en", l), letter(t, s, "en", l)); diff != "" {
				t.Errorf("%s: %s", place, diff)
			}
			if m, known := mouldOf(s, "en", l); !known || (m != nil) != mend {
				t.Errorf("%s has a mould: %v", place, m != nil)
			}
			l.Asked = l.Asked.AddDate(0, 5, 0)
		}
	}
}
