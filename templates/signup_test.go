package templates

import (
	"net/url"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func TestNoBoxIsEverTicked(t *testing.T) {
	s := newSet(t)
	purposes := s.cannedPurposes("en")
	for n := 1; n <= 3; n++ {
		for _, errors := range [][]FieldError{nil, {{Code: "email_invalid"}}, {{Code: "purpose_required"}}} {
			p := Signup{Site: s.cannedSite(), Purposes: purposes[:n], Action: "/a", Errors: errors,
				Values: Values{Email: "ada@example.org", Ticked: []string{"letter", "events", "survey"}}}
			doc := parsed(t, page(t, s, "en", p))
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

// sent is what a browser would send for a form if all its boxes were ticked and its only button pressed.
func sent(form *goquery.Selection) url.Values {
	v := url.Values{}
	form.Find("input[name], button[name]").Each(func(_ int, e *goquery.Selection) {
		v.Add(e.AttrOr("name", ""), e.AttrOr("value", ""))
	})
	return v
}

func TestSignupSendsWhatTheContractAsksFor(t *testing.T) {
	s := newSet(t)
	purposes := s.cannedPurposes("fr")
	one := parsed(t, page(t, s, "fr-CA", Signup{Site: s.cannedSite(), Purposes: purposes[:1], Action: "/a"}))
	want := url.Values{"locale": {"fr-CA"}, "email": {""}, "purposes": {"letter"}, "consent": {"true"}}
	if diff := cmp.Diff(want, sent(one.Find("form"))); diff != "" {
		t.Error("one purpose:", diff)
	}
	if one.Find("input[type=checkbox][name=consent][required]").Length() != 1 {
		t.Error("with one purpose the box itself is the consent")
	}
	two := parsed(t, page(t, s, "fr", Signup{Site: s.cannedSite(), Purposes: purposes[:2], Action: "/a"}))
	want = url.Values{"locale": {"fr"}, "email": {""}, "purposes": {"letter", "events"}, "consent": {"true"}}
	if diff := cmp.Diff(want, sent(two.Find("form"))); diff != "" {
		t.Error("two purposes:", diff)
	}
	if two.Find("button[name=consent][value=true]").Length() != 1 || two.Find("input[type=email][autocomplete=email]").Length() != 1 {
		t.Error("with several purposes the button carries the consent")
	}
}

func TestSignupTellsEachErrorAtItsField(t *testing.T) {
	s := newSet(t)
	for _, lang := range s.Languages() {
		general, _ := s.tongue(lang).say("error.other")
		for _, code := range append(Codes(), "no_such_code") {
			e := FieldError{Code: code}
			doc := parsed(t, page(t, s, lang, Signup{Purposes: s.cannedPurposes(lang), Action: "/a", Errors: []FieldError{e}}))
			text := doc.Find("[role=alert] li").Text()
			if (text == general) != (code == "no_such_code") || text == "" {
				t.Errorf("%s: %s is told as %q", lang, code, text)
			}
			if e.Anchor() == "" {
				continue
			}
			field := doc.Find("#" + e.Anchor())
			beside := doc.Find("#" + field.AttrOr("aria-describedby", "none")).Text()
			if doc.Find("[role=alert] a").AttrOr("href", "") != "#"+e.Anchor() || beside != text {
				t.Errorf("%s: %s is not told at its field: %q", lang, code, beside)
			}
		}
	}
}
