package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

func TestTheFrontPageSaysWhatTheServiceIsAndNamesNoSite(t *testing.T) {
	e := newEnv(t)
	for _, row := range []struct{ accepts, language, heading string }{
		{"", "en", "Emails only with your consent"},
		{"de-AT, en;q=0.5", "de", "E-Mails nur mit Ihrer Einwilligung"},
		{"ar", "ar", "رسائل بموافقتك فقط"},
		{"tlh", "en", "Emails only with your consent"},
	} {
		a := e.send("GET", "/", "", "Accept", "text/html", "Accept-Language", row.accepts)
		page := a.page(t)
		if got := page.Find("h1").Text(); a.status != http.StatusOK || got != row.heading ||
			a.header.Get("Content-Language") != row.language {
			t.Errorf("%q: %d, %q in %s", row.accepts, a.status, got, a.header.Get("Content-Language"))
		}
		if page.Find("form, script, img, iframe").Length() != 0 {
			t.Errorf("%q: it does something", row.accepts)
		}
		for id, site := range e.web.Options.Sites {
			for _, word := range []string{id, site.Show.Name, site.Show.URL, site.Show.Controller.Name} {
				if word != "" && strings.Contains(strings.ToLower(a.body), strings.ToLower(word)) {
					t.Errorf("%q: it names %q of the site %s", row.accepts, word, id)
				}
			}
		}
	}
	// Who asks for JSON is a program that looks for something else: a page tells it as much.
	if a := e.send("GET", "/", "", "Accept", request.MediaJSON); a.status != http.StatusOK || a.media() != "text/html" {
		t.Errorf("a program: %d, %s", a.status, a.media())
	}
	if a := e.send("POST", "/", "token=x", "Content-Type", request.MediaForm); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", a.status)
	}
	for _, path := range []string{"/index.html", "//", "/%2F", "/?lang=fr"} {
		want := http.StatusNotFound
		if strings.HasPrefix(path, "/?") {
			want = http.StatusOK
		}
		if status := e.raw("GET", path, ""); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestEveryPageHasTheIconWhichMayBeCachedForEver(t *testing.T) {
	e := newEnv(t)
	for _, path := range []string{"/", "/s/gazette", "/s/gazette/sent", "/docs", "/nowhere", "/admin/login"} {
		page := e.send("GET", path, "", "Accept", "text/html").page(t)
		icon := page.Find(`head link[rel="icon"]`).AttrOr("href", "none")
		a := e.send("GET", icon, "")
		if a.status != http.StatusOK || a.media() != "image/svg+xml" || len(a.body) > 1000 ||
			a.header.Get("Cache-Control") != cacheForever {
			t.Errorf("%s: the icon %s: %d, %s, %d bytes, %s", path, icon, a.status, a.media(), len(a.body),
				a.header.Get("Cache-Control"))
		}
		// Opened by itself it is a document of ours, which may do nothing.
		if policy := a.header.Get("Content-Security-Policy"); policy != picturePolicy {
			t.Errorf("%s: the icon's policy is %s", path, policy)
		}
		if !strings.Contains(a.body, "prefers-color-scheme:dark") {
			t.Errorf("%s: the icon has one colour", path)
		}
	}
}
