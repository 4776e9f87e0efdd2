package web

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/internal/theme"
)

const framing = `<!doctype html><meta charset="utf-8"><title>La Gazette</title><iframe ` +
	`src="OPTIN/s/gazette?lang=en" width="600" height="700"></iframe>`

func TestOnlyAPageThatTheSiteNamesMayFrameTheHostedPage(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for name, allowed := range map[string]bool{"allowed": true, "refused": false} {
		n := newNeighbours(t, "default-src 'self'; frame-src OPTIN", map[string]string{"/": framing},
			func(o *Options, site string) {
				if g := o.Sites["gazette"]; allowed {
					g.FrameAncestors = []origin.Origin{origin.Origin(site)}
					o.Sites["gazette"] = g
				}
			})
		p.heard()
		p.do(chromedp.Navigate(n.site + "/"))
		if !allowed {
			if words := p.heard(); !strings.Contains(words, "frame-ancestors 'none'") {
				t.Errorf("%s: the console says: %s", name, words)
			}
			n.untouched()
			continue
		}
		// The frame is of another origin, so its form is filled in as by a person: past the site's link and the other
		// language.
		n.clock.pass(defaultFill)
		p.do(chromedp.MouseClickXY(20, 20), chromedp.KeyEvent("\t\t\tada@b.example\t \t\t\r"))
		for end := time.Now().Add(10 * time.Second); n.state("ada@b.example") != "pending"; {
			time.Sleep(10 * time.Millisecond)
			if time.Now().After(end) {
				t.Fatalf("nobody signed up; the console says: %s", p.heard())
			}
		}
		p.quiet()
	}
}

func TestAPersonIsSentOnByTheButtonAndByTheForm(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, "default-src 'self'",
		map[string]string{"/soon": "<!doctype html><h1>Soon</h1>", "/welcome": "<!doctype html><h1>Welcome</h1>"},
		func(o *Options, site string) {
			g := o.Sites["gazette"]
			g.After = RedirectAfter{Signup: parseURL(site + "/soon"), Confirm: parseURL(site + "/welcome")}
			o.Sites["gazette"] = g
		})
	p.do(chromedp.Navigate(n.ours+"/s/gazette?lang=en"), chromedp.SendKeys(chromedp.CSS("#email"), "ada@b.example"),
		chromedp.Click(chromedp.CSS("#purpose-0")))
	n.clock.pass(defaultFill)
	p.press()
	p.until(`location.href === "` + n.site + `/soon"`)
	link := n.link()
	p.do(chromedp.Navigate(link)) // the same browser: the page's script presses
	p.until(`location.href === "` + n.site + `/welcome" && document.referrer === ""`)
	p.quiet()
	if n.state("ada@b.example") != "confirmed" {
		t.Errorf("sent on, and %q", n.state("ada@b.example"))
	}

	n.signUp("bob@b.example")
	p.do(chromedp.Navigate(n.link())) // nobody's browser: the person presses
	p.do(chromedp.Click(chromedp.CSS("#confirm button")))
	p.until(`location.href === "` + n.site + `/welcome"`)
	p.quiet()
	if n.state("bob@b.example") != "confirmed" {
		t.Errorf("sent on, and %q", n.state("bob@b.example"))
	}
}

func TestAPersonChoosesWithoutScripts(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.withoutScripts()
	n := newNeighbours(t, strict, nil, nil)
	p.do(chromedp.Navigate(n.ours + n.joinClub("ada@b.example")))
	p.until(`!document.querySelector("#choice-0").checkVisibility()`)
	p.do(chromedp.Click(chromedp.CSS("summary")), chromedp.Click(chromedp.CSS("details button")))
	p.until(`document.querySelector("[role=alert]")?.innerText.includes("Nothing is confirmed yet") && ` +
		`document.querySelector("#choice-0").checkVisibility()`)
	p.do(chromedp.Click(chromedp.CSS("#choice-1")), chromedp.Click(chromedp.CSS("details button")))
	p.until(`document.querySelector(".purposes li").innerText === "Receive offers"`)
	want := map[string]string{"news": "expired not_chosen", "offers": "confirmed"}
	if diff := cmp.Diff(want, n.club("ada@b.example")); diff != "" {
		t.Error(diff)
	}
	p.quietBut("422")
}

func TestTheSameBrowserConfirmsAllThatWasAsked(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, strict, nil, nil)
	p.do(chromedp.Navigate(n.ours+"/s/club?lang=en"), chromedp.SendKeys(chromedp.CSS("#email"), "ada@b.example"),
		chromedp.Click(chromedp.CSS("#purpose-0")), chromedp.Click(chromedp.CSS("#purpose-1")))
	n.clock.pass(defaultFill)
	p.press()
	p.until(`location.pathname === "/s/club/sent"`)
	p.do(chromedp.Navigate(n.link())) // the page's script presses
	p.until(`document.querySelectorAll(".purposes li").length === 2 && !document.querySelector("form")`)
	want := map[string]string{"news": "confirmed", "offers": "confirmed"}
	if diff := cmp.Diff(want, n.club("ada@b.example")); diff != "" {
		t.Error(diff)
	}
	if r := n.requestAt("club"); r.Closed.How != consent.ByBrowser || r.Closed.PageMade.IsZero() {
		t.Errorf("%+v", r.Closed)
	}
	p.quiet()
}

// quietBut checks that the console complains of nothing but of a status.
func (p *person) quietBut(status string) {
	p.Helper()
	for line := range strings.Lines(p.heard()) {
		if !strings.Contains(line, status) {
			p.Errorf("the console says: %s", line)
		}
	}
}

func TestTheThemeOfASiteReachesTheScreen(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, strict, nil, func(o *Options, _ string) {
		g := o.Sites["gazette"]
		g.Theme = &theme.Theme{Accent: theme.Colour{R: 0x0b, G: 0x4f, B: 0x8a},
			Background: theme.Colour{R: 255, G: 255, B: 255}, Text: theme.Colour{R: 0x10, G: 0x20, B: 0x30}, Radius: 3,
			Font: theme.System,
			Logo: &theme.Logo{Bytes: []byte(logo), Media: "image/svg+xml"}}
		o.Sites["gazette"] = g
	})
	const look = `(() => { const b = getComputedStyle(document.querySelector("button.main")), i = document.querySelector("header.site img"); return [
		b.backgroundColor, b.color, b.borderRadius, getComputedStyle(document.body).backgroundColor,
		i.complete && i.naturalWidth > 0].join("; "); })()`
	p.do(chromedp.Navigate(n.ours + "/s/gazette?lang=en"))
	if got, want := ask[string](p, look),
		"rgb(11, 79, 138); rgb(255, 255, 255); 3px; rgb(255, 255, 255); true"; got != want {
		t.Errorf("by day: %s, want %s", got, want)
	}
	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme",
		Value: "dark"}}}
	_, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, dark)
	must(t, err)
	p.until(look + `.match(/rgb\(11, 79, 138\)|rgb\(255, 255, 255\)/) === null`)
	p.quiet()
}

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 60" width="240" height="60"><rect ` +
	`width="60" height="60" rx="8" fill="#0b4f8a"/><path d="M16 32l10 10 18-24" fill="none" stroke="#fff" ` +
	`stroke-width="6"/><text x="74" y="41" font-family="sans-serif" font-size="30" font-weight="700" ` +
	`fill="#102030">La Gazette</text></svg>`
