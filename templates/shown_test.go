package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func TestConfirmHasOneBigButtonAndAnotherFormToDecline(t *testing.T) {
	s := newSet(t)
	p := Confirm{Site: s.cannedSite(), Address: "a•••@example.org", Purposes: s.cannedPurposes("en"), Asked: cannedAsked(),
		Deadline: cannedAsked().Add(48 * time.Hour), ConfirmAction: "/c/x", DeclineAction: "/c/x/decline"}
	doc := parsed(t, page(t, s, "en", p))
	if got := doc.Find("h1").Text(); got != "One click left" {
		t.Error(got)
	}
	if doc.Find("button.big").Length() != 1 || doc.Find(`form#confirm[action="/c/x"] button.big`).Length() != 1 {
		t.Error("not exactly one big button, in the form that confirms")
	}
	if doc.Find(`form[action="/c/x/decline"] button`).Length() != 1 {
		t.Error("no way to say that it was somebody else")
	}
	var texts []string
	doc.Find(".purposes li").Each(func(_ int, e *goquery.Selection) { texts = append(texts, e.Text()) })
	for i, q := range p.Purposes {
		if texts[i] != q.Text {
			t.Errorf("purpose %d is shown as %q", i, texts[i])
		}
	}
	if !strings.Contains(doc.Find("main").Text(), "23\u00a0November\u00a02026, 18:02\u00a0UTC") {
		t.Error("the deadline is not told")
	}
}

func TestAgreementsOffersExactlyWhatCanBeTakenBack(t *testing.T) {
	s := newSet(t)
	all := s.cannedPurposes("en") // two confirmed, one withdrawn
	for _, row := range []struct {
		purposes []Purpose
		single   []string // ids with a button of their own
		rest     int      // buttons for all
	}{{all, []string{"letter", "events"}, 1}, {all[:1], nil, 1}, {all[1:], nil, 1}, {all[2:], nil, 0}, {nil, nil, 0}} {
		doc := parsed(t, page(t, s, "en", Unsubscribe{Site: s.cannedSite(), Address: "a•••@example.org", Purposes: row.purposes, Action: "/u/x"}))
		var single []string
		doc.Find("button[name=purposes]").Each(func(_ int, b *goquery.Selection) { single = append(single, b.AttrOr("value", "")) })
		if diff := cmp.Diff(row.single, single); diff != "" {
			t.Error(diff)
		}
		if got := doc.Find("button:not([name])").Length(); got != row.rest {
			t.Errorf("%d buttons to take all back, want %d", got, row.rest)
		}
		if none := strings.Contains(doc.Find("main").Text(), "nothing to take back"); none != (row.rest == 0) {
			t.Errorf("says that nothing is agreed to: %v", none)
		}
	}
}

func TestFailureTellsKnownCodesAndNothingElse(t *testing.T) {
	s := newSet(t)
	html := page(t, s, "en", Failure{Status: 422, Code: "<b>evil</b>", Errors: []FieldError{{Field: "<i>", Code: "email_invalid"}, {Code: "email_invalid"}, {Code: "evil"}}})
	doc := parsed(t, html)
	if doc.Find(".told li").Length() != 1 || strings.Contains(html, "evil") || strings.Contains(html, "&lt;i") {
		t.Errorf("told: %q", doc.Find(".told").Text())
	}
	for status, want := range map[int]string{404: "404", 418: "418", 501: "501"} {
		doc := parsed(t, page(t, s, "en", Failure{Status: status, RetryAfter: 61 * time.Second}))
		if text := doc.Find("main").Text(); !strings.Contains(text, want) || !strings.Contains(text, "2\u00a0minutes") {
			t.Errorf("%d: %q", status, text)
		}
	}
}

func TestPurposesInAnotherLanguageSaySo(t *testing.T) {
	s := newSet(t)
	doc := parsed(t, page(t, s, "en", Confirmed{Site: s.cannedSite(), Purposes: []Purpose{{ID: "a", Text: "Recevoir", Lang: "fr"}}}))
	if doc.Find(`.purposes li[lang=fr]`).Length() != 1 {
		t.Error("the language of the part is not given")
	}
}
