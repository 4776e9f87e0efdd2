package templates_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/templates"
)

// shown is one page or email as a browser gets it.
type shown struct {
	Name, Lang, HTML string
	Email            bool
}

// everything renders every canned page and email in every language.
func everything(t *testing.T) (all []shown, set *templates.Set) {
	t.Helper()
	set, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range set.Languages() {
		for _, sample := range set.Canned(lang) {
			one := shown{Name: sample.Name, Lang: lang, Email: sample.Email != nil}
			if one.Email {
				m, err := set.Email(lang, sample.Email)
				if err != nil {
					t.Fatal(err)
				}
				one.HTML = m.HTML
			} else {
				var b strings.Builder
				if err := set.Page(&b, lang, sample.Page); err != nil {
					t.Fatal(err)
				}
				one.HTML = b.String()
			}
			all = append(all, one)
		}
	}
	return all, set
}

// measure puts each page into one tab, without loading it, and returns what is wrong: wider than the tab, or another
// language or direction than the words have.
const measure = `(async email => {
  const all = (await (await fetch("/all")).json()).filter(one => one.Email === email);
  const wrong = [], parser = new DOMParser(), rtl = new Set(["ar", "he"]);
  for (const one of all) {
    const doc = parser.parseFromString(one.HTML, "text/html"), html = document.documentElement;
    html.lang = doc.documentElement.lang;
    html.dir = doc.documentElement.dir;
    const own = email ? [] : [...doc.querySelectorAll("style")]; // of a document that loads none
    document.body.replaceWith(document.adoptNode(doc.body));
    document.body.append(...own);
    const where = one.Lang + "/" + one.Name + ": ";
    if (html.lang !== one.Lang) wrong.push(where + "lang is " + html.lang);
    if (html.dir !== (rtl.has(one.Lang) ? "rtl" : "ltr")) wrong.push(where + "dir is " + html.dir);
    const menus = [...document.querySelectorAll("details")];
    for (const open of [false, true]) {
      for (const menu of menus) menu.open = open;
      if (html.scrollWidth <= innerWidth) continue;
      const wide = [...document.body.querySelectorAll("*")].filter(e => {
        const box = e.getBoundingClientRect();
        return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5) && !e.closest(".visually-hidden");
      }).map(e => e.tagName + " " + e.textContent.trim().slice(0, 40));
      wrong.push(where + html.scrollWidth + " pixels wide: " + wide.slice(-2).join(" | "));
    }
  }
  return [all.length + "", ...wrong];
})(EMAIL)`

func TestEveryPageAndEmailFitsAPhoneInEveryLanguage(t *testing.T) {
	all, set := everything(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/all":
			_ = json.NewEncoder(w).Encode(all)
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			content, kind, _, _ := templates.Asset(strings.TrimPrefix(r.URL.Path, "/assets/"))
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(content)
		case r.URL.Path == "/page":
			_, _ = w.Write([]byte(`<!doctype html><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/assets/optin.css">`))
		case r.URL.Path == "/email":
			_, _ = w.Write([]byte(`<!doctype html><meta name="viewport" content="width=device-width">`))
		}
	}))
	defer server.Close()
	tab := browsertest.Tab(t, nil)
	for path, email := range map[string]string{"/page": "false", "/email": "true"} {
		if err := chromedp.Do(tab, chromedp.EmulateViewport(360, 740), chromedp.Navigate(server.URL+path)); err != nil {
			t.Fatal(err)
		}
		script := strings.Replace(measure, "EMAIL", email, 1)
		found, err := chromedp.Run(tab, chromedp.Evaluate[[]string](script, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 || len(found[0]) < 2 {
			t.Fatalf("%s: measured %v of %d languages", path, found, len(set.Languages()))
		}
		for _, wrong := range found[1:] {
			t.Error(wrong)
		}
	}
}
