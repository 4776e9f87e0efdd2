package templates

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

func parsed(t testing.TB, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryPageIsWellMade(t *testing.T) {
	each(t, func(t *testing.T, lang, name, html string) {
		doc := parsed(t, html)
		for selector, want := range map[string]int{"html": 1, "title": 1, "h1": 1, "main": 1, "main h1": 1, "footer": 1, "meta[http-equiv]": 0,
			`meta[name="robots"][content="noindex, nofollow"]`: 1, `meta[name="viewport"]`: 1, "style, [style], svg, img, iframe, object, base": 0} {
			if got := doc.Find(selector).Length(); got != want {
				t.Errorf("%d of %q, want %d", got, selector, want)
			}
		}
		if got := doc.Find("html").AttrOr("lang", ""); got != lang || doc.Find("html").AttrOr("dir", "") != "ltr" {
			t.Errorf("language %q", got)
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
	each(t, func(t *testing.T, _, name, html string) {
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
		if slices.Contains([]string{"confirm-same-browser", "signup-work", "signup-work-refused", "signup-captcha"}, name) {
			want = 1
		}
		if scripts.Length() != want || scripts.Text() != "" || want == 1 && scripts.AttrOr("defer", "no") == "no" {
			t.Errorf("%d scripts, want %d that waits for the page", scripts.Length(), want)
		}
	}, nil)
}

func TestFormsOnlyPostToTheSameOriginAndEveryInputHasALabel(t *testing.T) {
	each(t, func(t *testing.T, _, _, html string) {
		doc := parsed(t, html)
		doc.Find("form").Each(func(_ int, f *goquery.Selection) {
			if !strings.EqualFold(f.AttrOr("method", ""), "post") || !isPath(f.AttrOr("action", "")) {
				t.Errorf("a form does %s to %q", f.AttrOr("method", "GET"), f.AttrOr("action", ""))
			}
			if f.Find("button").Length() == 0 || f.Find("button[formaction], button[type=button], input[type=submit]").Length() > 0 {
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
