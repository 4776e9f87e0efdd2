package templates

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/statement"
)

func parsed(t testing.TB, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// direction returns in which direction a language is written.
func direction(lang string) string {
	if lang == "ar" || lang == "he" {
		return "rtl"
	}
	return "ltr"
}

func TestEveryPageIsWellMade(t *testing.T) {
	eachSample(t, func(t *testing.T, lang, name, html string) {
		doc := parsed(t, html)
		for selector, want := range map[string]int{"html": 1, "title": 1, "h1": 1, "main": 1, "main h1": 1, "footer": 1,
			"meta[http-equiv]": 0,
			`meta[name="robots"][content="noindex, nofollow"]`: 1, `meta[name="viewport"]`: 1,
			"[style], svg, img, iframe, object, base": 0,
			"style": map[string]int{"dossier": 1}[name]} { // a dossier is a file
			if got := doc.Find(selector).Length(); got != want {
				t.Errorf("%d of %q, want %d", got, selector, want)
			}
		}
		if root := doc.Find("html"); root.AttrOr("lang", "") != lang || root.AttrOr("dir", "") != direction(lang) {
			t.Errorf("language %q, written %s", root.AttrOr("lang", ""), root.AttrOr("dir", ""))
		}
		if len(doc.Find("title").Text()) < 5 || strings.TrimSpace(doc.Find("h1").Text()) == "" {
			t.Error("no title or heading")
		}
		for _, slip := range []string{"<no value>", "&lt;no value", "{{", "%!", "ZgotmplZ", "<nil>"} {
			if strings.Contains(html, slip) {
				t.Errorf("the page shows %q", slip)
			}
		}
		ids := map[string]bool{}
		doc.Find("[id]").Each(func(_ int, e *goquery.Selection) {
			if ids[e.AttrOr("id", "")] {
				t.Errorf("id %q comes twice", e.AttrOr("id", ""))
			}
			ids[e.AttrOr("id", "")] = true
		})
		doc.Find("[aria-describedby]").Each(func(_ int, e *goquery.Selection) {
			if !ids[e.AttrOr("aria-describedby", "")] {
				t.Errorf("described by %q, which is not there", e.AttrOr("aria-describedby", ""))
			}
		})
	}, nil)
}

func TestPagesLoadNothingFromElsewhereAndRunNothingInline(t *testing.T) {
	eachSample(t, func(t *testing.T, _, name, html string) {
		doc := parsed(t, html)
		doc.Find("*").Each(func(_ int, e *goquery.Selection) {
			for _, a := range e.Nodes[0].Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s> runs script inline", e.Nodes[0].Data, a.Key)
				}
				if a.Key == "src" || e.Nodes[0].Data == "link" && a.Key == "href" {
					u, err := url.Parse(a.Val)
					if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/assets/") {
						t.Errorf("<%s> loads %q", e.Nodes[0].Data, a.Val)
						continue
					}
					_, _, etag, ok := Asset(strings.TrimPrefix(u.Path, "/assets/"))
					if !ok || etag != `"`+u.Query().Get("v")+`"` {
						t.Errorf("%q is not the asset of that version: %s", a.Val, etag)
					}
				}
			}
		})
		scripts, want := doc.Find("script"), 0
		switch name {
		case "confirm-same-browser", "signup-work", "signup-work-refused", "signup-captcha":
			want = 1
		}
		if scripts.Length() != want || scripts.Text() != "" || want == 1 && scripts.AttrOr("defer", "no") == "no" {
			t.Errorf("%d scripts, want %d that waits for the page", scripts.Length(), want)
		}
	}, nil)
}

func TestFormsOnlyPostToTheSameOriginAndEveryInputHasALabel(t *testing.T) {
	eachSample(t, func(t *testing.T, _, _, html string) {
		doc := parsed(t, html)
		doc.Find("form").Each(func(_ int, f *goquery.Selection) {
			if !strings.EqualFold(f.AttrOr("method", ""), "post") || !isPath(f.AttrOr("action", "")) {
				t.Errorf("a form does %s to %q", f.AttrOr("method", "GET"), f.AttrOr("action", ""))
			}
			if f.Find("button").Length() == 0 ||
				f.Find("button[formaction], button[type=button], input[type=submit]").Length() > 0 {
				t.Error("a form without a plain button")
			}
		})
		doc.Find("input:not([type=hidden])").Each(func(_ int, in *goquery.Selection) {
			if doc.Find(fmt.Sprintf("label[for=%q]", in.AttrOr("id", ""))).Length() != 1 {
				t.Errorf("no label for %q", in.AttrOr("id", ""))
			}
		})
		doc.Find("button, a").Each(func(_ int, b *goquery.Selection) {
			if strings.TrimSpace(b.Text()) == "" {
				t.Error("a button or link without words")
			}
		})
	}, nil)
}

func TestTheConfirmPageHasOneBigButtonAndAnotherFormToDecline(t *testing.T) {
	s := newSet(t)
	p := Confirm{
		Site: cannedSite(s), Address: "a•••@example.org", Purposes: cannedPurposes(s, "en"),
		Asked: cannedAsked(), Deadline: cannedAsked().Add(48 * time.Hour),
		ConfirmAction: "/c/x", DeclineAction: "/c/x/decline",
	}
	doc := parsed(t, renderPage(t, s, "en", p))
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
	doc.Find(".purposes span").Each(func(_ int, e *goquery.Selection) { texts = append(texts, e.Text()) })
	for i, q := range p.Purposes {
		if texts[i] != q.Text {
			t.Errorf("purpose %d is shown as %q", i, texts[i])
		}
		if doc.Find(fmt.Sprintf(".purposes a[href=%q]", q.StatementURL)).Length() != 1 {
			t.Errorf("no link to the whole of purpose %d", i)
		}
	}
	if !strings.Contains(doc.Find("main").Text(), "23 November 2026 at 18:02 (UTC)") {
		t.Error("the deadline is not shown")
	}
}

func TestTheConfirmPageLetsThePersonChooseAmongWhatIsPending(t *testing.T) {
	s := newSet(t)
	all := pendingOf(cannedPurposes(s, "en"))
	p := Confirm{
		Site: cannedSite(s), Purposes: all, ConfirmAction: "/c/x", DeclineAction: "/c/x/decline", Stamp: "now",
	}
	doc := parsed(t, renderPage(t, s, "en", p))
	var ids []string
	boxes := doc.Find(`details:not([open]) form[action="/c/x"] input[type=checkbox][name=purposes]:not([checked])`)
	boxes.Each(func(_ int, b *goquery.Selection) { ids = append(ids, b.AttrOr("value", "")) })
	if diff := cmp.Diff([]string{"letter", "events", "survey"}, ids); diff != "" {
		t.Error(diff)
	}
	// The empty field tells boxes of which none is ticked from the big button, which names nothing.
	if doc.Find(`details input[type=hidden][name=purposes][value=""]`).Length() != 1 ||
		doc.Find("#confirm [name=purposes]").Length() != 0 {
		t.Error("a form without a tick confirms all, or the big button does not")
	}
	if doc.Find(`input[name=stamp][value=now]`).Length() != 2 {
		t.Error("not every form says when the page was made")
	}

	p.Error = "purpose_required"
	doc = parsed(t, renderPage(t, s, "en", p))
	if doc.Find("details[open] .wrong").Text() != "Tick at least one box." || doc.Find("[role=alert]").Length() != 1 ||
		doc.Find("[checked]").Length() != 0 {
		t.Error("the page does not say that nothing was ticked")
	}

	for name, purposes := range map[string][]Purpose{
		"one": all[:1], "one that is left": {all[0], {State: "confirmed"}},
	} {
		p.Purposes, p.Error = purposes, ""
		if doc := parsed(t, renderPage(t, s, "en", p)); doc.Find(".choice, [type=checkbox]").Length() != 0 {
			t.Errorf("%s: there is a choice", name)
		}
	}
}

func TestAStatementIsShownWhole(t *testing.T) {
	s := newSet(t)
	for _, sample := range cannedStatements(s, "Recevoir la lettre") {
		p := sample.Page.(Statement)
		d := p.Document
		doc := parsed(t, renderPage(t, s, "en", p))
		text := doc.Find("main").Text()
		for _, part := range append([]string{
			d.Text, d.Purpose.Objective, d.Purpose.Audience, d.Purpose.Frequency, d.Controller.Name,
			d.Controller.Address, d.Controller.Contact, d.Controller.DPO, d.Retention, d.Notice.URL,
			d.Notice.SHA256, p.SHA256,
		}, d.Recipients...) {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q is not shown", sample.Name, part)
			}
		}
		if got := doc.Find(".facts li").Length(); got != len(statement.Rights()) {
			t.Errorf("%s: %d rights", sample.Name, got)
		}
		if nobody := strings.Contains(text, "Nobody"); nobody != (len(d.Recipients) == 0) {
			t.Errorf("%s: received by nobody: %t", sample.Name, nobody)
		}
		if a := d.Authority; a != nil && doc.Find(fmt.Sprintf("a[href=%q]", a.URL)).Text() != a.Name {
			t.Errorf("%s: no authority", sample.Name)
		}
		if foreign := doc.Find(`main [lang=fr]`).Length() > 0; foreign != (p.Lang == "fr") {
			t.Errorf("%s: parts in French are marked: %t", sample.Name, foreign)
		}
	}
	// A right that a later version has invented is left out, and the rest is shown.
	odd := Statement{Document: statement.Document{Text: "x", Rights: []statement.Right{"party", statement.RightAccess}}}
	if got := parsed(t, renderPage(t, s, "en", odd)).Find(".facts li").Length(); got != 1 {
		t.Errorf("%d rights, want the one that is known", got)
	}
}

func TestTheUnsubscribePageOffersExactlyWhatCanBeWithdrawn(t *testing.T) {
	s := newSet(t)
	all := cannedPurposes(s, "en") // two confirmed, one withdrawn
	for _, row := range []struct {
		purposes []Purpose
		single   []string // ids with a button of their own
		rest     int      // buttons for all
	}{{all, []string{"letter", "events"}, 1}, {all[:1], nil, 1}, {all[1:], nil, 1}, {all[2:], nil, 0}, {nil, nil, 0}} {
		doc := parsed(t, renderPage(t, s, "en",
			Unsubscribe{Site: cannedSite(s), Address: "a•••@example.org", Purposes: row.purposes, Action: "/u/x"}))
		var single []string
		doc.Find("button[name=purposes]").Each(func(_ int, b *goquery.Selection) {
			single = append(single, b.AttrOr("value", ""))
		})
		if diff := cmp.Diff(row.single, single); diff != "" {
			t.Error(diff)
		}
		if got := doc.Find("button:not([name])").Length(); got != row.rest {
			t.Errorf("%d buttons for everything, want %d", got, row.rest)
		}
		if none := strings.Contains(doc.Find("main").Text(), "nothing to withdraw"); none != (row.rest == 0) {
			t.Errorf("says that nothing is agreed to: %v", none)
		}
	}
}

func TestAFailurePageShowsKnownCodesAndNothingElse(t *testing.T) {
	s := newSet(t)
	html := renderPage(t, s, "en", Failure{
		Status: 422, Code: "<b>evil</b>",
		Errors: []FieldError{{Field: "<i>", Code: "email_invalid"}, {Code: "email_invalid"}, {Code: "evil"}},
	})
	doc := parsed(t, html)
	if doc.Find(".reasons li").Length() != 1 || strings.Contains(html, "evil") || strings.Contains(html, "&lt;i") {
		t.Errorf("shown: %q", doc.Find(".reasons").Text())
	}
	for status, want := range map[int]string{404: "404", 418: "418", 501: "501"} {
		doc := parsed(t, renderPage(t, s, "en", Failure{Status: status, RetryAfter: 61 * time.Second}))
		if text := doc.Find("main").Text(); !strings.Contains(text, want) || !strings.Contains(text, "2\u00a0minutes") {
			t.Errorf("%d: %q", status, text)
		}
	}
}

func TestPurposesInAnotherLanguageSaySo(t *testing.T) {
	s := newSet(t)
	doc := parsed(t, renderPage(t, s, "en",
		Confirmed{Site: cannedSite(s), Purposes: []Purpose{{ID: "a", Text: "Recevoir", Lang: "fr"}}}))
	if doc.Find(`.purposes li[lang=fr]`).Length() != 1 {
		t.Error("the language of the part is not given")
	}
}
