package web

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/origin"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

// strict is the least that a website's policy must allow; broad is the issue's: its own origin and optin's.
const (
	strict = "default-src 'self'; script-src 'self' OPTIN; connect-src OPTIN; form-action OPTIN; base-uri 'none'; " +
		"frame-ancestors 'none'"
	broad = "default-src 'self' OPTIN"
)

// newcomer is a page as the README has it; more goes into the form, box into the consent box.
func newcomer(box, more string) string {
	content, _, _, _ := templates.Asset(templates.EmbedName)
	sum := sha512.Sum384(content)
	return `<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>La Gazette</title>
<script src="OPTIN/embed.js" integrity="sha384-` + base64.StdEncoding.EncodeToString(sum[:]) + `" crossorigin="anonymous" defer></script>
</head><body><h1>La Gazette</h1><form data-optin="gazette" method="post" action="OPTIN/v1/sites/gazette/subscriptions">
<p><label>E-mail <input type="email" name="email" autocomplete="email" required></label></p>
<p><label><input type="checkbox" name="consent" value="true" required ` + box + `> Recevoir la lettre</label></p>
` + more + `<button>S’inscrire</button></form></body></html>`
}

const (
	said    = `document.querySelector("[role=status]").textContent`
	theForm = `document.querySelector("form")`
)

func (p *person) fillIn(page, email string) {
	p.Helper()
	p.do(chromedp.Navigate(page), chromedp.SendKeys(chromedp.CSS("[name=email]"), email),
		chromedp.Click(chromedp.CSS("[name=consent]")))
}

func (p *person) press() { p.Helper(); p.do(chromedp.Click(chromedp.CSS("form button"))) }

// quiet checks that the console has nothing to complain of.
func (p *person) quiet() {
	p.Helper()
	if words := p.heard(); words != "" {
		p.Errorf("the console says: %s", words)
	}
}

func TestASmallWebsitesPageSignsSomebodyUp(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for name, policy := range map[string]string{"strict": strict, "broad": broad} {
		n := newNeighbours(t, policy, map[string]string{"/join": newcomer("", "")}, nil)
		p.fillIn(n.site+"/join?utm=x#form", "ada@b.example")
		p.press()
		p.until(said + `.startsWith("Plus qu’une étape\u202f: ouvrez")`)
		if got := ask[string](p,
			`[location.pathname, document.cookie, `+theForm+`.email.value, `+theForm+`.consent.checked, `+
				`document.querySelector("button").disabled].join("|")`); got != "/join||"+"|false|false" {
			t.Errorf("%s: afterwards: %s", name, got)
		}
		p.quiet()
		d := n.email()
		if n.state("ada@b.example") != "pending" || d.Locale != "fr" {
			t.Errorf("%s: the email is in %q, the state %q", name, d.Locale, n.state("ada@b.example"))
		}
		if source := n.subscription().Requests[0].Asked.Source; source != n.site+"/join" {
			t.Errorf("%s: the source is %q", name, source)
		}
	}
}

// shopper is a page with a box for each purpose of the club. What one of them says is not quite ours.
const shopper = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Le Club</title>
<script src="OPTIN/embed.js" defer></script></head><body><h1>Le Club</h1>
<form data-optin="club" data-optin-form="checkout" method="post" action="OPTIN/v1/sites/club/subscriptions">
<label>E-mail <input type="email" name="email" required></label>
<input type="checkbox" name="purposes" value="news" id="n"><label for="n">Receive
  <b>news</b> <span hidden>and all else</span></label>
<label><input type="checkbox" name="purposes" value="offers"> Receive offers of our friends</label>
<button name="consent" value="true">Join</button></form></body></html>`

func TestTheScriptSaysWhichFormShowedWhat(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	at := func(o *Options, site string) {
		g, c := o.Sites["gazette"], o.Sites["club"]
		g.Forms = map[string]Form{"join": {Strict: true}}
		c.Origins = []origin.Origin{origin.Origin(site)}
		o.Sites["gazette"], o.Sites["club"] = g, c
	}
	page := strings.Replace(newcomer("", ""), "<form ", `<form data-optin-form="join" `, 1)
	ours := strings.Replace(page, "> Recevoir la lettre", "> Recevoir\n  <em>letter</em>", 1)
	n := newNeighbours(t, strict, map[string]string{"/join": page, "/ours": ours, "/shop": shopper}, at)

	p.fillIn(n.site+"/join", "ada@b.example") // its words are not ours, and it is strict
	p.press()
	p.until(said + `.startsWith("Ce formulaire ne fonctionne pas")`)
	if words := p.heard(); !strings.Contains(words, "refused with 422 text_differs") {
		t.Errorf("the console says: %s", words)
	}
	n.untouched()

	p.fillIn(n.site+"/ours", "ada@b.example")
	p.press()
	p.until(said + `.startsWith("Plus qu’une étape")`)
	if r := n.subscription().Requests[0]; r.Asked.Form != "join" || r.Statements[0].Shown != "" {
		t.Errorf("%+v", r)
	}

	p.do(chromedp.Navigate(n.site+"/shop"), chromedp.SendKeys(chromedp.CSS("[name=email]"), "bob@b.example"),
		chromedp.Click(chromedp.CSS("[value=news]")), chromedp.Click(chromedp.CSS("[value=offers]")))
	p.press()
	p.until(said + `.startsWith("Almost there")`)
	type kept struct{ Form, News, Offers string }
	r := n.requestAt("club")
	got := kept{r.Asked.Form, r.Statements[0].Shown, r.Statements[1].Shown}
	if d := cmp.Diff(kept{"checkout", "", "Receive offers of our friends"}, got); d != "" {
		t.Error(d)
	}
}

func TestAFormThatIsPostedPlainlyStillSaysWhatItShowed(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	blocked := strings.Replace(strict, "connect-src OPTIN", "connect-src 'self'", 1)
	n := newNeighbours(t, blocked, map[string]string{"/shop": shopper}, func(o *Options, site string) {
		c := o.Sites["club"]
		c.Origins = []origin.Origin{origin.Origin(site)}
		o.Sites["club"] = c
	})
	p.do(chromedp.Navigate(n.site+"/shop"), chromedp.SendKeys(chromedp.CSS("[name=email]"), "bob@b.example"),
		chromedp.Click(chromedp.CSS("[value=offers]")))
	p.press()
	p.until(`location.pathname === "/s/club/sent"`)
	r := n.requestAt("club")
	if r.Asked.Form != "checkout" || len(r.Statements) != 1 ||
		r.Statements[0].Shown != "Receive offers of our friends" {
		t.Errorf("%+v", r)
	}
}

// requestAt is the one request at a site.
func (e *env) requestAt(site string) consent.Request {
	e.Helper()
	p, err := e.store.List(e.Context(), store.Query{Site: site})
	must(e, err)
	if len(p.Records) != 1 {
		e.Fatalf("%d records, want one", len(p.Records))
	}
	s, err := e.service.Website.Subscription(e.Context(), site, p.Records[0].Key.ID)
	must(e, err)
	return s.Requests[0]
}

func TestASmallWebsitesPageWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.withoutScripts()
	n := newNeighbours(t, strict, map[string]string{"/join": newcomer("", "")}, nil)
	p.fillIn(n.site+"/join", "ada@b.example")
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	p.quiet()
	if n.email(); n.state("ada@b.example") != "pending" {
		t.Errorf("the state is %q", n.state("ada@b.example"))
	}
}

func TestAFormThatTheScriptCannotSendIsPostedPlainly(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	blocked := strings.Replace(strict, "connect-src OPTIN", "connect-src 'self'", 1)
	button := `<button name="consent" value="true">S’inscrire</button><!--`
	page := strings.Replace(newcomer("", button), `name="consent" value="true" required`, `name="agreed"`, 1) + "-->"
	n := newNeighbours(t, blocked, map[string]string{"/join": page}, nil)
	p.do(chromedp.Navigate(n.site+"/join"), chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	if n.email(); n.state("ada@b.example") != "pending" {
		t.Errorf("the state is %q", n.state("ada@b.example"))
	}
}

func TestABoxThatIsTickedBeforehandIsRefused(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, strict, map[string]string{"/join": newcomer("checked", "")}, nil)
	p.do(chromedp.Navigate(n.site+"/join"), chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
	for range 2 {
		p.press()
		p.until(said + `.startsWith("Ce formulaire ne fonctionne pas")`)
		// off and on again mends nothing
		p.do(chromedp.Click(chromedp.CSS("[name=consent]")), chromedp.Click(chromedp.CSS("[name=consent]")))
	}
	if words := p.heard(); !strings.Contains(words,
		`form \"gazette\": not sent: a consent box is ticked beforehand. Remove its checked attribute`) {
		t.Errorf("the console says: %s", words)
	}
	n.untouched()
}

func TestABoxThatAScriptTicksIsGivenBackToThePerson(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, strict,
		map[string]string{"/join": strings.Replace(newcomer("", ""), "</head>",
			`<script src="/tick.js" defer></script></head>`, 1),
			"/tick.js": `document.querySelector("[name=email]").addEventListener("input", () => { ` +
				`document.querySelector("[name=consent]").checked = true; ` +
				`document.querySelector("[name=consent]").dispatchEvent(new Event("change", { bubbles: true ` +
				`})); }, { once: true });`}, nil)
	p.do(chromedp.Navigate(n.site+"/join"), chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
	p.press()
	p.until(`document.querySelector("[aria-invalid]")?.name === "consent" && !` + theForm + `.consent.checked`)
	if words := p.heard(); !strings.Contains(words, "a script ticked a consent box") {
		t.Errorf("the console says: %s", words)
	}
	n.untouched()
	p.do(chromedp.Click(chromedp.CSS("[name=consent]")))
	p.press()
	p.until(said + `.startsWith("Plus qu’une étape")`)
	n.email()
}

func TestWhatIsWrongStandsBesideItsField(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, strict,
		map[string]string{"/join": strings.Replace(newcomer("aria-describedby=\"fine\"", `<p id="fine">…</p>`),
			`method="post"`,
			`lang="en" data-optin-email-undeliverable="No mail there!" data-optin-accepted="Look at your mail." `+
				`method="post"`, 1)}, nil)
	p.fillIn(n.site+"/join", "ada@nomail.example")
	p.press()
	p.until(`!!document.querySelector("[aria-invalid]")`)
	type seen struct{ Field, Words, Status, Focus, Box string }
	const look = `(() => { const e = document.querySelector("[aria-invalid=true]"); return {
		Field: e.name, Words: document.getElementById(e.getAttribute("aria-describedby")).textContent,
		Status: ` + said + `,
		Focus: document.activeElement.name,
		Box: document.querySelector("[name=consent]").getAttribute("aria-describedby") }; })()`
	want := seen{"email", "No mail there!", "Not sent yet. Please look at what is marked.", "email", "fine"}
	if d := cmp.Diff(want, ask[seen](p, look)); d != "" {
		t.Error(d)
	}
	n.untouched()
	// Chromium's own line for the status
	if words := p.heard(); strings.Contains(words, "optin:") || !strings.Contains(words, "422") {
		t.Errorf("the console says: %s", words)
	}
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "\b\b\b\b\b\b\b\b\b\b\b\b\b\bb.example"))
	p.press()
	p.until(said + ` === "Look at your mail."`)
	if got := ask[int](p, `document.querySelectorAll("[aria-invalid], .optin-error").length`); got != 0 {
		t.Errorf("%d marks are left", got)
	}
	n.email()
}

func TestAPageMayShowTheAnswerItself(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := newNeighbours(t, strict, map[string]string{
		"/join": strings.Replace(newcomer("", ""), "</h1>",
			`</h1><div data-optin-status="gazette" role="alert"></div><script src="/own.js"></script>`, 1),
		"/own.js": `document.addEventListener("optin:accepted", (e) => { e.preventDefault(); document.title = "accepted " + e.detail.site; });
			document.addEventListener("optin:refused", (e) => { e.preventDefault(); document.title = "refused " + e.detail.status + " " + e.detail.code; });`}, nil)
	p.fillIn(n.site+"/join", "ada@nomail.example")
	p.press()
	p.until(`document.title === "refused 422 email_undeliverable"`)
	p.fillIn(n.site+"/join?again", "ada@b.example")
	p.press()
	p.until(`document.title === "accepted gazette"`)
	if got := ask[string](p,
		`document.querySelector("[role=alert]").textContent + `+
			`document.querySelectorAll("[data-optin-status]").length`); got != "Envoi…1" {
		t.Errorf("the page's own region: %q", got)
	}
}
