package templates

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func TestNoBoxIsEverTicked(t *testing.T) {
	s := newSet(t)
	purposes := cannedPurposes(s, "en")
	for n := 1; n <= 3; n++ {
		for _, errors := range [][]FieldError{nil, {{Code: "email_invalid"}}, {{Code: "purpose_required"}}} {
			p := Signup{Site: cannedSite(s), Purposes: purposes[:n], Action: "/a", Errors: errors,
				Values: Values{Email: "ada@example.org", Ticked: []string{"letter", "events", "survey"}}}
			doc := parsed(t, renderPage(t, s, "en", p))
			if got := doc.Find("input[type=checkbox]").Length(); got != n {
				t.Errorf("%d boxes for %d purposes", got, n)
			}
			if doc.Find("[checked]").Length() > 0 {
				t.Errorf("a box was ticked beforehand, with errors %v", errors)
			}
			if got := doc.Find("#email").AttrOr("value", ""); got != "ada@example.org" {
				t.Errorf("the address was lost: %q", got)
			}
		}
	}
}

// The response to a post has no address where a browser could get it in another language.
func TestARefusedSignupOffersNoOtherLanguage(t *testing.T) {
	s := newSet(t)
	for want, errors := range map[int][]FieldError{len(cannedSite(s).Locales) - 1: nil, 0: {{Code: "email_invalid"}}} {
		p := Signup{Site: cannedSite(s), Purposes: cannedPurposes(s, "en"), Action: "/a", Errors: errors}
		if got := parsed(t, renderPage(t, s, "en", p)).Find(".languages a").Length(); got != want {
			t.Errorf("%d other languages with errors %v, want %d", got, errors, want)
		}
	}
}

// Few languages are in a line. Many are in a menu that needs no script and is closed at first.
func TestManyLanguagesAreInAMenu(t *testing.T) {
	s := newSet(t)
	all := s.Languages()
	for n, want := range map[int]int{2: 0, maxInLine: 0, maxInLine + 1: 1, len(all): 1} {
		site := cannedSite(s)
		site.Locales = append([]string{"en"}, slices.DeleteFunc(slices.Clone(all),
			func(l string) bool { return l == "en" })[:n-1]...)
		doc := parsed(t, renderPage(t, s, "en", Sent{Site: site, TTL: time.Hour}))
		menu := doc.Find("details.menu:not([open])")
		if menu.Length() != want || menu.Find(".languages").Length() != want ||
			doc.Find(".languages a[hreflang]").Length() != n-1 ||
			doc.Find(".languages b[aria-current]").Text() != "English" {
			t.Errorf("%d languages: %d menus", n, menu.Length())
		}
		if got := menu.Find("summary").Text(); want > 0 && got != "Languages: English" {
			t.Errorf("%d languages: %q", n, got)
		}
	}
}

// submitted returns what a browser would send for a form with all boxes ticked and its only button pressed.
func submitted(form *goquery.Selection) url.Values {
	v := url.Values{}
	form.Find("input[name], button[name]").Each(func(_ int, e *goquery.Selection) {
		v.Add(e.AttrOr("name", ""), e.AttrOr("value", ""))
	})
	return v
}

func TestTheSignupFormSendsWhatTheContractAsksFor(t *testing.T) {
	s := newSet(t)
	purposes := cannedPurposes(s, "fr")
	one := parsed(t, renderPage(t, s, "fr-CA", Signup{Site: cannedSite(s), Purposes: purposes[:1], Action: "/a"}))
	want := url.Values{"locale": {"fr-CA"}, "email": {""}, "purposes": {"letter"}, "consent": {"true"}, "subject": {""}}
	if diff := cmp.Diff(want, submitted(one.Find("form"))); diff != "" {
		t.Error("one purpose:", diff)
	}
	if one.Find("input[type=checkbox][name=consent][required]").Length() != 1 {
		t.Error("with one purpose the box itself is the consent")
	}
	two := parsed(t, renderPage(t, s, "fr", Signup{Site: cannedSite(s), Purposes: purposes[:2], Action: "/a"}))
	want = url.Values{"locale": {"fr"}, "email": {""}, "purposes": {"letter", "events"}, "consent": {"true"},
		"subject": {""}}
	if diff := cmp.Diff(want, submitted(two.Find("form"))); diff != "" {
		t.Error("two purposes:", diff)
	}
	if two.Find("button[name=consent][value=true]").Length() != 1 ||
		two.Find("input[inputmode=email][autocomplete=email]").Length() != 1 {
		t.Error("with several purposes the button carries the consent")
	}
}

func TestTheSignupPageShowsEachErrorAtItsField(t *testing.T) {
	s := newSet(t)
	for _, lang := range s.Languages() {
		general := s.translation(lang).text("error.other")
		for _, code := range append(Codes(), "no_such_code") {
			e := FieldError{Code: code}
			doc := parsed(t, renderPage(t, s, lang, Signup{
				Purposes: cannedPurposes(s, lang), Action: "/a",
				Errors: []FieldError{e}, Captcha: &Captcha{Class: "x"},
			}))
			text := doc.Find("[role=alert] li").Text()
			if (text == general) != (code == "no_such_code") || text == "" {
				t.Errorf("%s: %s is shown as %q", lang, code, text)
			}
			if e.Anchor() == "" {
				continue
			}
			field := doc.Find("#" + e.Anchor())
			beside := doc.Find("#" + field.AttrOr("aria-describedby", "none")).Text()
			if doc.Find("[role=alert] a").AttrOr("href", "") != "#"+e.Anchor() || beside != text {
				t.Errorf("%s: %s is not shown at its field: %q", lang, code, beside)
			}
		}
	}
}

func TestNoPersonSeesOrReachesTheHoneypotAndTheStampComesBack(t *testing.T) {
	eachSample(t, func(t *testing.T, _, name, html string) {
		doc := parsed(t, html)
		honeypot := doc.Find("input[name=subject]")
		if honeypot.Length() != doc.Find("form.signup").Length() {
			t.Fatalf("%d honeypots", honeypot.Length())
		}
		if honeypot.Length() == 0 {
			return
		}
		if honeypot.AttrOr("tabindex", "") != "-1" || honeypot.AttrOr("autocomplete", "") != "off" ||
			honeypot.AttrOr("value", "") != "" ||
			honeypot.Closest(".visually-hidden[aria-hidden=true]").Length() != 1 ||
			honeypot.Is("[required], [autofocus]") {
			t.Errorf("%s: a person may see it or reach it", name)
		}
		if honeypot.Closest(".visually-hidden").Find("label").Text() == "" ||
			doc.Find("label[for=subject]").Length() != 1 {
			t.Error("a person who finds it is not told to leave it empty")
		}
	}, nil)
	s := newSet(t)
	for stamp, want := range map[string]int{"": 0, `1."x`: 1} {
		doc := parsed(t, renderPage(t, s, "en", Signup{Purposes: cannedPurposes(s, "en"), Action: "/a", Stamp: stamp}))
		if in := doc.Find("form.signup input[type=hidden][name=stamp]"); in.Length() != want ||
			in.AttrOr("value", "") != stamp {
			t.Errorf("the stamp %q is shown %d times, as %q", stamp, in.Length(), in.AttrOr("value", ""))
		}
	}
}

func TestASignupPageBringsTheProofThatIsAskedFor(t *testing.T) {
	s := newSet(t)
	const work = `{"salt":"a\"'<>&b"}`
	for _, lang := range s.Languages() {
		doc := parsed(t, renderPage(t, s, lang, Signup{
			Purposes: cannedPurposes(s, lang), Action: "/a", Challenge: work,
			Redirect: "https://gazette.example/?a=b&c",
		}))
		form := doc.Find("form.signup")
		if form.AttrOr("data-challenge", "") != work || len(form.AttrOr("data-working", "")) < 10 ||
			form.Find("p[role=status]").Text() != "" || form.Find("p[role=status]").Length() != 1 ||
			doc.Find("noscript").Length() != 0 {
			t.Errorf("%s: the work: %s", lang, form.AttrOr("data-challenge", ""))
		}
		redirect := form.Find("input[type=hidden][name=redirect]")
		if got := redirect.AttrOr("value", ""); got != "https://gazette.example/?a=b&c" {
			t.Errorf("%s: where to: %q", lang, got)
		}
		for script, want := range map[string]string{
			"module": `script[type=module]`,
			"":       `script[async][defer]:not([type])`,
		} {
			c := &Captcha{
				Class: "cf-turnstile", SiteKey: `k"<`, Script: "https://captcha.example/api.js?a=b",
				Module: script != "",
			}
			page := Signup{Purposes: cannedPurposes(s, lang), Action: "/a", Captcha: c}
			doc := parsed(t, renderPage(t, s, lang, page))
			widget := doc.Find("form.signup .cf-turnstile")
			if widget.Length() != 1 || widget.AttrOr("data-sitekey", "") != `k"<` ||
				doc.Find("head "+want).AttrOr("src", "") != c.Script ||
				doc.Find("script").Length() != 1 ||
				doc.Find("form.signup[data-challenge], [role=status]").Length() != 0 {
				t.Errorf("%s: the captcha, %q: %s", lang, script, want)
			}
			if doc.Find("form.signup noscript").Length() != 1 {
				t.Errorf("%s: nothing says that it needs JavaScript", lang)
			}
		}
		plain := parsed(t, renderPage(t, s, lang, Signup{Purposes: cannedPurposes(s, lang), Action: "/a"}))
		if plain.Find("script, noscript, [role=status], [data-challenge], [name=redirect], #captcha").Length() != 0 {
			t.Errorf("%s: a page without a challenge has parts of one", lang)
		}
	}
}
