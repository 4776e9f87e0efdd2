package web

import (
	"strings"
	"testing"

	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/theme"
	"github.com/optin/optin/internal/web/request"
)

// newThemedEnv returns an env whose gazette has looks of its own, and may be framed by its own pages.
func newThemedEnv(t *testing.T) *env {
	return newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		looks := theme.Default()
		looks.Accent, looks.Radius = theme.Colour{R: 0x0b, G: 0x4f, B: 0x8a}, 3
		looks.Logo = &theme.Logo{Bytes: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`),
			Media: "image/svg+xml"}
		g.Theme, g.FrameAncestors = &looks, []origin.Origin{"https://gazette.example", "https://www.gazette.example"}
		o.Sites["gazette"] = g
	})
}

func TestASitesThemeIsAStyleSheetAndALogoOnOurOrigin(t *testing.T) {
	e := newThemedEnv(t)
	page := e.send("GET", "/s/gazette", "").page(t)
	sheets, logo := page.Find(`link[rel=stylesheet]`), page.Find("header.site img")
	sheet := sheets.Last().AttrOr("href", "")
	if sheets.Length() != 2 || !strings.HasPrefix(sheet, "/assets/theme-gazette.css?v=") ||
		logo.AttrOr("alt", "") != "La Gazette" {
		t.Fatalf("%d sheets, the last %q; the logo says %q", sheets.Length(), sheet, logo.AttrOr("alt", ""))
	}
	if a := e.send("GET", sheet, ""); a.status != 200 || a.media() != "text/css" ||
		!strings.Contains(a.body, "--accent: #0b4f8a;") || a.header.Get("Cache-Control") != cacheForever {
		t.Errorf("the sheet: %d %v", a.status, a.header)
	}
	if a := e.send("GET", "/assets/theme-gazette.css", ""); a.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("without its version the sheet may be kept: %v", a.header)
	}
	a := e.send("GET", logo.AttrOr("src", ""), "")
	if a.status != 200 || a.media() != "image/svg+xml" ||
		!strings.Contains(a.header.Get("Content-Security-Policy"),
			"default-src 'none'; style-src 'unsafe-inline'; sandbox") {
		t.Errorf("the logo: %d %v", a.status, a.header)
	}
	other := e.send("GET", "/s/club", "").page(t)
	if other.Find("link[rel=stylesheet]").Length() != 1 || other.Find("img").Length() != 0 ||
		e.send("GET", "/assets/theme-club.css", "").status != 404 {
		t.Error("the club wears the gazette's looks")
	}
}

func TestALinksPageHasTheSitesTheme(t *testing.T) {
	e := newThemedEnv(t)
	e.signUp("ada@b.example")
	if page := e.send("GET", e.path(e.email().Confirm),
		"").page(t); page.Find(`link[href^="/assets/theme-gazette.css"]`).Length() != 1 {
		t.Error("the page behind the link looks like anybody's")
	}
}

func TestOnlyTheHostedPagesOfASiteThatSaysSoMayBeFramed(t *testing.T) {
	e := newThemedEnv(t)
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	const site = "frame-ancestors https://gazette.example https://www.gazette.example"
	for path, want := range map[string]string{
		"/s/gazette": site, "/s/gazette/sent": site, "/s/club": "frame-ancestors 'none'",
		"/s/club/sent": "frame-ancestors 'none'", "/s/none": "frame-ancestors 'none'",
		link: "frame-ancestors 'none'", link + "/x": "frame-ancestors 'none'", "/u/x": "frame-ancestors 'none'",
		"/readyz": "frame-ancestors 'none'", "/nowhere": "frame-ancestors 'none'",
	} {
		if csp := e.send("GET", path, "", "Accept",
			"text/html").header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; "+want) {
			t.Errorf("%s: %s", path, csp)
		}
	}
	form := []string{"Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL}
	for name, a := range map[string]answer{"refused": e.send("POST", signupPath, "email=x", form...),
		"not read": e.send("POST", signupPath, "%", form...)} {
		if csp := a.header.Get("Content-Security-Policy"); a.status < 400 || !strings.HasSuffix(csp, "; "+site) {
			t.Errorf("%s: %d %s", name, a.status, csp)
		}
	}
}
