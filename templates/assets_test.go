package templates

import (
	"regexp"
	"strings"
	"testing"
)

func TestAssetsAreServedWithTypeAndVersion(t *testing.T) {
	for name, want := range map[string]string{"optin.css": "text/css; charset=utf-8", "optin-confirm.js": "text/javascript; charset=utf-8",
		EmbedName: "text/javascript; charset=utf-8"} {
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

func TestTheScriptForWebsitesIsSmallAndKeepsNothing(t *testing.T) {
	script, _, _, _ := Asset(EmbedName)
	if len(script) >= 8000 || !strings.HasPrefix(string(script), "(() => {\n") {
		t.Errorf("%d bytes, beginning %.40q", len(script), script)
	}
	for _, word := range []string{"cookie", "localStorage", "sessionStorage", "indexedDB", "sendBeacon", "eval(", "innerHTML", ".style", "import(", "<script"} {
		if strings.Contains(string(script), word) {
			t.Errorf("the script has %s", word)
		}
	}
	if strings.Contains(string(script), "`\n") || strings.Contains(string(script), "\n//") {
		t.Error("a text of several lines would lose its indentation, and a comment was left")
	}
	for _, code := range Codes() {
		if own := strings.Count(string(script), "\n"+code+": \""); strings.HasPrefix(code, "email_") && own != 2 || strings.HasPrefix(code, "consent_") && own != 2 {
			t.Errorf("%s is said in %d languages, want two", code, own)
		}
	}
}
