package examples

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/childtest"
)

// shortcodeOutput is what the plugin prints for a shortcode: the form in its place, and a script tag at the end of the
// page.
type shortcodeOutput struct{ Form, Foot string }

// shortcode runs the plugin in PHP, with stubs of WordPress' functions.
func shortcode(t *testing.T, attributes map[string]string) (p shortcodeOutput) {
	t.Helper()
	childtest.Need(t, "php")
	in, err := json.Marshal(attributes)
	must(t, err)
	c := exec.CommandContext(t.Context(), "php", "-d", "display_errors=stderr", "-d", "error_reporting=-1",
		"testdata/wordpress.php")
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = bytes.NewReader(in), &stderr
	out, err := c.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("php: %v\n%s%s", err, &stderr, out)
	}
	must(t, json.Unmarshal(out, &p))
	return p
}

func TestThePluginIsValidPHP(t *testing.T) {
	childtest.Need(t, "php")
	if out, err := exec.Command("php", "-l", "wordpress/optin.php").CombinedOutput(); err != nil {
		t.Fatalf("php -l: %v\n%s", err, out)
	}
}

func TestThePluginEscapesItsAttributes(t *testing.T) {
	hostile := `"><script>alert(1)</script>'&amp;<b>`
	p := shortcode(t, map[string]string{
		"site": "demo", "url": "https://confirm.example/", "purpose-text": hostile, "email-text": hostile,
		"button-text": hostile,
		"script":      "embed.0123abcd.js", "integrity": `sha384-x" onload="alert(1)`,
	})
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(p.Form + p.Foot))
	must(t, err)
	if n := doc.Find("form script, form b, [onload]").Length(); n != 0 {
		t.Errorf("%d elements or handlers were made of text:\n%s%s", n, p.Form, p.Foot)
	}
	for _, where := range []string{"label:has([type=email])", "label:has([type=checkbox])", "button"} {
		if got := strings.TrimSpace(doc.Find(where).Text()); got != `"><script>alert(1)</script>'&<b>` { // esc_html leaves entities alone
			t.Errorf("the text of %s is %q", where, got)
		}
	}
	want := form{"https://confirm.example/v1/sites/demo/subscriptions",
		map[string][]string{"email": {ada}, "consent": {"true"}}}
	if diff := cmp.Diff(want, readForm(t, strings.NewReader(p.Form), ada), cmp.AllowUnexported(form{})); diff != "" {
		t.Error(diff)
	}
}

func TestThePluginPrintsNoFormWithWrongAttributes(t *testing.T) {
	good := map[string]string{"site": "demo", "url": "https://confirm.example", "purpose-text": "The letter"}
	if p := shortcode(t, good); !strings.Contains(p.Form, "<form ") || p.Foot != "" {
		t.Fatalf("without a checksum: %q", p)
	}
	for key, bad := range map[string]string{"site": "a/b", "url": "javascript:alert(1)", "purpose-text": ""} {
		attributes := map[string]string{key: bad}
		for k, v := range good {
			if k != key {
				attributes[k] = v
			}
		}
		if p := shortcode(t, attributes); strings.Contains(p.Form, "<form") || p.Foot != "" || !strings.Contains(p.Form, "needs") {
			t.Errorf("with %s=%q: %q", key, bad, p)
		}
	}
}

func TestThePluginsFormSignsUp(t *testing.T) {
	childtest.Need(t, "php")
	e := start(t, "wordpress")
	p := shortcode(t, map[string]string{"site": "demo", "url": e.base, "purpose-text": "The letter"})
	e.submit(readForm(t, strings.NewReader(p.Form), ada))
	e.confirm(ada)
}

func TestThePluginsScriptShowsTheResultInPlace(t *testing.T) {
	childtest.Need(t, "php")
	childtest.Need(t, "chromium")
	folder := t.TempDir()
	e := start(t, folder)
	script, sum := e.embed()
	p := shortcode(t, map[string]string{
		"site": "demo", "url": e.base, "purpose-text": "The letter", "script": script, "integrity": sum,
	})
	if doc, err := goquery.NewDocumentFromReader(strings.NewReader(p.Foot)); err != nil ||
		doc.Find("script[crossorigin=anonymous]").AttrOr("integrity", "") != sum {
		t.Fatalf("the script tag is %s (%v)", p.Foot, err)
	}
	page := "<!doctype html><html lang=en><meta charset=utf-8><title>A page</title>" + p.Form + p.Foot
	must(t, os.WriteFile(filepath.Join(folder, "index.html"), []byte(page), 0o600))
	b := e.openPage(e.site + "/")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), ada), chromedp.Click(chromedp.CSS("[name=consent]")),
		chromedp.Click(chromedp.CSS("button")))
	b.wantTrue(`document.querySelector("[role=status]").textContent.startsWith("Almost there")`)
	b.wantNoConsole()
	e.confirm(ada)
}

// embed returns the name of optin's script and its checksum, as docs/embed.md says to get them.
func (e *env) embed() (name, sum string) {
	e.Helper()
	resp, err := http.Get(e.base + "/embed.js")
	must(e, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(e, err)
	digest := sha512.Sum384(text)
	return "embed." + strings.Trim(resp.Header.Get("ETag"), `"`)[:8] + ".js", "sha384-" +
		base64.StdEncoding.EncodeToString(digest[:])
}
