package templates

import (
	"regexp"
	"strings"
	"testing"
)

func TestAssetsAreServedWithTypeAndVersion(t *testing.T) {
	for name, want := range map[string]string{"optin.css": "text/css; charset=utf-8", "optin-confirm.js": "text/javascript; charset=utf-8"} {
		content, kind, etag, ok := Asset(name)
		if !ok || len(content) == 0 || kind != want || !regexp.MustCompile(`^"[0-9a-f]{16}"$`).MatchString(etag) {
			t.Errorf("%s: %d bytes, %q, %s, %v", name, len(content), kind, etag, ok)
		}
	}
	for _, name := range []string{"", ".", "../templates.go", "assets/optin.css", "OPTIN.CSS", "optin.css\x00"} {
		if _, _, _, ok := Asset(name); ok {
			t.Errorf("%q is an asset", name)
		}
	}
}

func TestTheStyleSheetLoadsNothing(t *testing.T) {
	css, _, _, _ := Asset("optin.css")
	for _, word := range []string{"url(", "@import", "@font-face", "expression("} {
		if strings.Contains(string(css), word) {
			t.Errorf("the style sheet has %s", word)
		}
	}
	for _, word := range []string{"prefers-color-scheme: dark", "prefers-reduced-motion", "@media print", ":focus-visible", "forced-colors"} {
		if !strings.Contains(string(css), word) {
			t.Errorf("the style sheet has no %s", word)
		}
	}
}

func TestAControllersContactBecomesALinkOnlyWhenItIsOne(t *testing.T) {
	for contact, want := range map[string]string{
		"privacy@gazette.example":          "mailto:privacy@gazette.example",
		"https://gazette.example/contact":  "https://gazette.example/contact",
		"+33 1 23 45 67 89":                "",
		"javascript:alert(1)@x":            "",
		"a@b.example?bcc=eve@evil.example": "",
		"":                                 "",
	} {
		if got := reach(contact); got != want {
			t.Errorf("%q leads to %q, want %q", contact, got, want)
		}
	}
}
