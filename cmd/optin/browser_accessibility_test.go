package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// accessibility returns one line for each barrier in a page, as far as a script can see it (WCAG 2.2): text below 4.5:1
// (1.4.3), edges of fields below 3:1 (1.4.11), horizontal scrolling (1.4.10), targets under 44 px (2.5.5), no language
// (3.1.1), fields without a label (3.3.2), references to missing elements (4.1.2).
const accessibility = `(() => {
  const wrong = new Set();
  const name = e => e.localName + (e.id ? "#" + e.id : "") + (e.classList.length ? "." + [...e.classList].join(".") : "") +
    " " + JSON.stringify(e.textContent.trim().slice(0, 40));
  const shown = e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !e.closest(".visually-hidden, .hidden");
  const colour = text => { const n = text.match(/[\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = e => e ? over(colour(getComputedStyle(e).backgroundColor), ground(e.parentElement))
    : matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const v = c[i] / 255;
    return sum + weight * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const differs = (e, what, of, least) => {
    const under = ground(of), ratio = contrast(over(colour(getComputedStyle(e)[what]), under), under);
    if (ratio < least) wrong.add(what + " " + ratio.toFixed(2) + ":1 of " + name(e));
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() && shown(e)) differs(e, "color", e, 4.5);
  }
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) wrong.add("it scrolls sideways: " + root.scrollWidth + " px");
  for (const e of document.body.querySelectorAll("*"))
    if (shown(e) && e.getBoundingClientRect().right > innerWidth + 1) wrong.add("beyond the right edge: " + name(e));
  for (const e of document.querySelectorAll("button, summary, input:not([type=hidden]), a")) {
    if (!shown(e) || e.localName === "a" && getComputedStyle(e).display === "inline") continue;
    const boxes = [e, ...(e.type === "checkbox" ? e.labels : [])].map(b => b.getBoundingClientRect());
    if (!boxes.some(b => b.width >= 44 && b.height >= 43.99)) wrong.add("too small to click: " + name(e));
  }
  for (const e of document.querySelectorAll("input:not([type=hidden])")) {
    if (!e.labels.length || ![...e.labels].every(l => l.textContent.trim())) wrong.add("no label: " + name(e));
    if (e.type !== "checkbox") { differs(e, "color", e, 4.5); differs(e, "borderTopColor", e.parentElement, 3); }
    if (e.type === "checkbox" && e.checked) wrong.add("ticked beforehand: " + name(e));
  }
  for (const e of document.querySelectorAll("button, a"))
    if (!e.textContent.trim()) wrong.add("has no text: " + name(e));
  for (const a of ["for", "aria-describedby", "aria-labelledby"])
    for (const e of document.querySelectorAll("[" + a + "]"))
      if (!e.getAttribute(a).split(" ").every(id => document.getElementById(id)))
        wrong.add(a + " has no target: " + name(e));
  for (const [what, n] of Object.entries({ h1: 1, main: 1, "title:not(svg title)": 1 }))
    if (document.querySelectorAll(what).length !== n) wrong.add("not one " + what);
  if (!document.title.trim()) wrong.add("no title");
  return [...wrong];
})()`

// emailAccessibility is accessibility without the checks that do not apply to emails.
const emailAccessibility = `(() => (` + accessibility + `).filter(w => !w.startsWith("not one") && !w.startsWith("too small")))()`

// screenshots returns the folder for screenshots of every page, in light and dark mode and at every width, for a person
// to look at. None are taken if it is empty.
func screenshots() string { return os.Getenv("OPTIN_TEST_SHOTS") }

// checkAccessibility runs a script on the page at each width, and in dark mode at the first, and fails the test for
// everything it finds.
func (p *browserProfile) checkAccessibility(name, script string, widths ...int64) {
	p.t.Helper()
	for i, width := range widths {
		p.checkAt(name, script, width, "light")
		if i == 0 || screenshots() != "" {
			p.checkAt(name, script, width, "dark")
		}
	}
}

func (p *browserProfile) checkAt(name, script string, width int64, scheme string) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(width, 800))
	found, err := chromedp.Run(p.tab, chromedp.Evaluate[[]string](script))
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	for _, wrong := range found {
		p.t.Errorf("%s, %s, %d px wide: %s", name, scheme, width, wrong)
	}
	if screenshots() != "" {
		p.saveScreenshot(fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
	}
}

func (p *browserProfile) saveScreenshot(name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.tab, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(screenshots(), name), png, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// The tests of the checks themselves.

func TestTheAccessibilityCheckFindsEachFault(t *testing.T) {
	t.Parallel()
	p := newProfile(t, browsertest.Start(t), "http://nowhere.example")
	const good = `<button style="width:9em;height:48px">Press</button><label for="a">Name</label><input id="a" style="height:48px">`
	for name, row := range map[string]struct{ body, finds string }{
		"nothing":            {good, ""},
		"pale text":          {good + `<p style="color:#888">Pale</p>`, "color 3.54:1"},
		"half pale":          {good + `<p style="color:rgb(0 0 0 / 0.5)">Pale</p>`, "color 3.98:1"},
		"dark on dark":       {good + `<div style="background:#444"><p style="color:#000">Dark</p></div>`, "color 2.16:1"},
		"a pale field":       {good + `<label for="b">B</label><input id="b" style="height:48px;border:1px solid #ccc">`, "borderTopColor 1.61:1"},
		"a wide table":       {good + `<table><td style="min-width:600px">Wide</td></table>`, "it scrolls sideways"},
		"a small button":     {good + `<button>Small</button>`, "too small to click"},
		"a field unlabelled": {good + `<input style="height:48px">`, "no label"},
		"a ticked box":       {good + `<label style="display:block;height:48px">I agree<input type="checkbox" checked></label>`, "ticked beforehand"},
		"an empty button":    {good + `<button style="width:9em;height:48px"></button>`, "has no text"},
		"a lost description": {good + `<p aria-describedby="c">Lost</p>`, "aria-describedby has no target"},
		"one of two lost":    {good + `<p aria-describedby="a c">Lost</p>`, "aria-describedby has no target"},
		"two descriptions":   {good + `<p id="c" aria-describedby="a c">Both</p>`, ""},
		"two headings":       {good + `<h1>Again</h1>`, "not one h1"},
	} {
		page := `<!doctype html><html lang="en"><title>T</title><meta name="viewport" content="width=device-width"><body><main><h1>H</h1>` + row.body
		p.do(chromedp.EmulateViewport(360, 800), chromedp.Navigate("data:text/html,"+url.PathEscape(page)))
		found := evaluate[[]string](p, accessibility)
		if (row.finds == "") != (len(found) == 0) || !strings.Contains(strings.Join(found, "\n"), row.finds) {
			t.Errorf("%s: it finds %q, not %q", name, found, row.finds)
		}
	}
}

func TestAProfileRecordsProblemsThatAPersonWouldNotSee(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	var body string
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		fmt.Fprint(w, `<!doctype html><title>T</title><link rel="icon" href="data:,">`, body)
	}))
	defer own.Close()
	browser := browsertest.Start(t)
	for name, row := range map[string]struct{ body, hears string }{
		"nothing":              {`<h1>Fine</h1>`, ""},
		"another site's image": {`<img src="` + other.URL + `/pixel">`, "a request to " + other.URL},
		"a forbidden style":    {`<p style="color:red">Red</p>`, "Content Security Policy"},
		"a missing script":     {`<script src="/assets/lost.js"></script>`, "404"},
		"a console message":    {`<script>console.log("hello")</script>`, "the console was written to"},
		"an exception":         {`<script>nobody()</script>`, "an exception"},
	} {
		body = row.body
		p := newProfile(t, browser, own.URL)
		p.open(own.URL)
		p.mu.Lock()
		heard := strings.Join(p.problems, "\n")
		p.problems = nil
		p.mu.Unlock()
		if (row.hears == "") != (heard == "") || !strings.Contains(heard, row.hears) {
			t.Errorf("%s: hears %q, not %q", name, heard, row.hears)
		}
	}
}
