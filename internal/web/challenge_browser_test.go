package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/challenge"
)

// hardWork takes a browser a moment.
func hardWork(t testing.TB, o *Options) {
	t.Helper()
	var err error
	o.Work, err = challenge.NewWork(func() [][]byte { return o.Keyring.Keys("challenge") },
		challenge.WorkOptions{Now: o.Now})
	must(t, err)
}

// challengeNeighbours are neighbours whose sites ask everybody for a proof.
func challengeNeighbours(t *testing.T, files map[string]string, change ...func(o *Options, site string)) *neighbours {
	t.Helper()
	return newNeighbours(t, strict, files, func(o *Options, site string) {
		asking(always)(o)
		hardWork(t, o)
		for _, c := range change {
			c(o, site)
		}
	})
}

// look takes pictures of a page, in the folder that OPTIN_PICTURES names.
func (p *person) look(name string) {
	p.Helper()
	folder := os.Getenv("OPTIN_PICTURES")
	if folder == "" {
		return
	}
	for _, width := range []int64{360, 1280} {
		p.do(chromedp.EmulateViewport(width, 800))
		png, err := chromedp.Run(p.tab, chromedp.FullScreenshot(100))
		must(p, err)
		must(p, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d.png", name, width)), png, 0o600))
	}
}

func (p *person) fillOurs(page, email string) {
	p.Helper()
	p.do(chromedp.Navigate(page), chromedp.SendKeys(chromedp.CSS("#email"), email),
		chromedp.Click(chromedp.CSS("#purpose-0")))
}

func TestAPersonSignsUpOnOurPageWhileAProofIsRequired(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := challengeNeighbours(t, nil)
	p.do(chromedp.Navigate(n.ours + "/s/gazette?lang=en"))
	p.look("work")
	p.fillOurs(n.ours+"/s/gazette?lang=en", "ada@b.example")
	n.clock.pass(defaultFill)
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	p.quiet()
	if n.email(); n.state("ada@b.example") != consent.Pending {
		t.Errorf("the state is %q", n.state("ada@b.example"))
	}
	// for somebody else, to a page whose proof was spent
	p.do(chromedp.NavigateBack())
	p.until(`document.querySelector("#email")?.value === "ada@b.example"`) // as browsers restore it
	_ = ask[string](p, `document.querySelector("#email").value = ""`)
	p.do(chromedp.SendKeys(chromedp.CSS("#email"), "bob@b.example"), chromedp.Click(chromedp.CSS("#purpose-0")))
	n.clock.pass(defaultFill)
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	if n.email(); n.state("bob@b.example") != consent.Pending {
		t.Errorf("the state is %q", n.state("bob@b.example"))
	}
}

func TestOurPageSaysWhileItWorks(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := challengeNeighbours(t, nil, func(o *Options, _ string) {
		var err error
		o.Work, err = challenge.NewWork(func() [][]byte { return o.Keyring.Keys("challenge") },
			challenge.WorkOptions{Max: 10_000_000, Now: o.Now})
		must(t, err)
	})
	p.do(chromedp.Navigate(n.ours + "/s/gazette?lang=fr"))
	_ = ask[bool](p, `(() => { const f = document.querySelector("form.signup"); f.email.value = "ada@b.example"; `+
		`f.consent.checked = true; f.querySelector("button").click(); return true; })()`)
	p.until(`document.querySelector("form [role=status]").textContent.startsWith("Un instant")`)
	p.look("working")
	p.quiet()
}

func TestAWebsitesFormSignsUpWhileAProofIsRequired(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := challengeNeighbours(t, map[string]string{"/join": newcomer("", "")})
	p.fillIn(n.site+"/join", "ada@b.example")
	p.press()
	p.until(said + `.startsWith("Plus qu’une étape")`)
	// Chromium's own line
	if words := p.heard(); strings.Contains(words, "optin:") || strings.Count(words, "\n") > 0 ||
		!strings.Contains(words, "422") {
		t.Errorf("the console says: %s", words)
	}
	if n.email(); n.state("ada@b.example") != consent.Pending {
		t.Errorf("the state is %q", n.state("ada@b.example"))
	}
}

// goesOn ticks the box on our page, to which a website's form led, and is signed up.
func (p *person) goesOn(n *neighbours) {
	p.Helper()
	p.heard()
	p.do(chromedp.Click(chromedp.CSS("#purpose-0")))
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	p.quiet()
	if n.email(); n.state("ada@b.example") != consent.Pending {
		p.Errorf("the state is %q", n.state("ada@b.example"))
	}
}

func TestAWebsitesFormWithoutScriptsGoesOnOnOurPage(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := challengeNeighbours(t, map[string]string{"/join": strings.Replace(newcomer("", ""), "embed.js", "none.js", 1)})
	p.fillIn(n.site+"/join", "ada@b.example")
	p.press()
	p.until(`document.querySelector("#email")?.value === "ada@b.example" && !!document.querySelector("[role=alert]")`)
	p.look("refused")
	p.goesOn(n)
}

// widget is a captcha's script as Turnstile's is: it makes the element a frame, and puts a field beside it.
const widget = `for (const e of document.querySelectorAll(".cf-turnstile")) {
	const frame = document.createElement("iframe"), field = document.createElement("input");
	frame.src = "SERVICE/frame"; frame.title = "captcha"; frame.width = 300; frame.height = 65;
	Object.assign(field, { type: "hidden", name: "cf-turnstile-response",
		value: e.dataset.sitekey === "a-site-key" ? "good" : "bad" });
	e.append(frame, field);
}`

// captchaStandIn is a stand-in for Turnstile's own host, and what makes a browser take it for that. The page's markup
// and policy are as they are; the token is verified elsewhere.
func captchaStandIn(t *testing.T) []chromedp.ExecAllocatorOption {
	t.Helper()
	const host = "challenges.cloudflare.com"
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/frame" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<!doctype html><title>captcha</title><p>I am not a robot")
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, strings.ReplaceAll(widget, "SERVICE", "https://"+host))
	}))
	t.Cleanup(s.Close)
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", "MAP "+host+" "+s.Listener.Addr().String()),
		chromedp.Flag("ignore-certificate-errors", true),
	}
}

func TestAPersonSignsUpByACaptcha(t *testing.T) {
	t.Parallel()
	p, verify := newPerson(t, captchaStandIn(t)...), newService(t)
	captcha := func(o *Options, _ string) { withCaptcha(t, o, challenge.Turnstile, verify.URL) }
	n := challengeNeighbours(t, map[string]string{"/join": newcomer("", "")}, captcha)
	// A website's form knows of no captcha: its person goes on on our page.
	p.fillIn(n.site+"/join", "ada@b.example")
	p.press()
	p.until(`document.querySelector("#email")?.value === "ada@b.example" && !!document.querySelector("form ` +
		`[name=cf-turnstile-response]")`)
	p.look("captcha")
	p.goesOn(n)
}
