package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// sight finds in a page what keeps people from reading or using it, as far as a script can see it (WCAG 2.2): text below 4.5:1
// (1.4.3), edges of fields below 3:1 (1.4.11), scrolling sideways (1.4.10), what is to be pressed under 44 px (2.5.5), no language
// (3.1.1), fields without a label (3.3.2), names that lead nowhere (4.1.2). It answers one line for each.
const sight = `(() => {
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
    if (!boxes.some(b => b.width >= 44 && b.height >= 43.99)) wrong.add("too small to press: " + name(e));
  }
  for (const e of document.querySelectorAll("input:not([type=hidden])")) {
    if (!e.labels.length || ![...e.labels].every(l => l.textContent.trim())) wrong.add("no label: " + name(e));
    if (e.type !== "checkbox") { differs(e, "color", e, 4.5); differs(e, "borderTopColor", e.parentElement, 3); }
    if (e.type === "checkbox" && e.checked) wrong.add("ticked beforehand: " + name(e));
  }
  for (const e of document.querySelectorAll("button, a"))
    if (!e.textContent.trim()) wrong.add("nothing to read on it: " + name(e));
  for (const a of ["for", "aria-describedby", "aria-labelledby"])
    for (const e of document.querySelectorAll("[" + a + "]"))
      if (!document.getElementById(e.getAttribute(a))) wrong.add(a + " leads nowhere: " + name(e));
  for (const [what, n] of Object.entries({ h1: 1, main: 1, title: 1 }))
    if (document.querySelectorAll(what).length !== n) wrong.add("not one " + what);
  if (!document.title.trim()) wrong.add("no title");
  return [...wrong];
})()`

// letterSight leaves out of sight what a letter has no use for.
const letterSight = `(() => (` + sight + `).filter(w => !w.startsWith("not one") && !w.startsWith("too small")))()`

// shots is the folder for pictures of every page, in light and dark and at every width, for a person to look at. None are taken
// where it is not given.
func shots() string { return os.Getenv("OPTIN_TEST_SHOTS") }

// look fails the test for whatever sight finds in the page at each of some widths, and in the dark at the first of them.
func (p *profile) look(name, script string, widths ...int64) {
	p.t.Helper()
	for i, width := range widths {
		p.glance(name, script, width, "light")
		if i == 0 || shots() != "" {
			p.glance(name, script, width, "dark")
		}
	}
}

func (p *profile) glance(name, script string, width int64, scheme string) {
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
	if shots() != "" {
		p.picture(fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
	}
}

func (p *profile) picture(name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.tab, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(shots(), name), png, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
