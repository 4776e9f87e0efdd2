package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/origin"
)

// elementPage is a website's page with <optin-form>; inside goes between its tags.
func elementPage(lang, attributes, inside string) string {
	return `<!doctype html><html lang="` + lang + `"><head><meta charset="utf-8"><title>La Gazette</title>
<script src="OPTIN/optin-form.js" defer></script></head><body><h1>La Gazette</h1>
<optin-form ` + attributes + `>` + inside + `</optin-form></body></html>`
}

// plainForm is a website's own form; without a box, it needs the script.
const plainForm = `<form method="post" action="OPTIN/v1/sites/gazette/subscriptions">
<label>Courriel <input type="email" name="email" required></label> <button>S’abonner</button></form>`

// wholeForm works before the script and without it.
var wholeForm = strings.Replace(plainForm, "<button>",
	`<label><input type="checkbox" name="consent" value="true" required> La lettre</label> <button>`, 1)

// elementNeighbours are a website with pages of <optin-form>, and optin, whose two sites the pages may use.
func elementNeighbours(t *testing.T, policy string, pages map[string]string) *neighbours {
	t.Helper()
	return newNeighbours(t, policy, pages, func(o *Options, site string) {
		club := o.Sites["club"]
		club.Origins, club.Redirects = []origin.Origin{origin.Origin(site)}, []*url.URL{parseURL(site + "/")}
		o.Sites["club"] = club
	})
}

// drawn is what a person finds in <optin-form>.
type drawn struct {
	Labels, Boxes, Buttons, Ticked string
}

const look = `(() => { const all = (what, of) => [...document.querySelectorAll("optin-form " + what)].map(of).join("|");
	return { Labels: all("label", e => e.innerText.trim()), Buttons: all("button", e => e.innerText),
		Boxes: all("[type=checkbox]", e => e.name + "=" + e.value), Ticked: all(":checked", e => e.name) }; })()`

func TestAnElementAloneMakesTheWholeForm(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for name, policy := range map[string]string{"strict": strict, "broad": broad} {
		n := elementNeighbours(t, policy, map[string]string{"/join": elementPage("fr", `site="gazette"`, "")})
		p.do(chromedp.Navigate(n.site + "/join?utm=x"))
		p.until(`!!document.querySelector("optin-form button")`)
		want := drawn{"Votre adresse e\u2011mail|Recevoir letter", "consent=true", "M’inscrire", ""}
		if d := cmp.Diff(want, ask[drawn](p, look)); d != "" {
			t.Error(name, d)
		}
		p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"),
			chromedp.Click(chromedp.CSS("[name=consent]")))
		p.press()
		p.until(said + `.startsWith("Plus qu’une étape\u202f: ouvrez")`)
		const left = `[location.pathname, document.cookie, document.querySelectorAll(":checked").length].join()`
		if got := ask[string](p, left); got != "/join,,0" {
			t.Errorf("%s: afterwards: %s", name, got)
		}
		p.quiet()
		r := n.subscription().Requests[0]
		if d := n.email(); d.Locale != "fr" || r.Asked.Source != n.site+"/join" || r.Statements[0].Shown != "" {
			t.Errorf("%s: %q, %+v", name, d.Locale, r)
		}
	}
}

// Each purpose has a box of its own, and a page may ask for some of them.
func TestAnElementAsksForTheSitesPurposes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := elementNeighbours(t, strict, map[string]string{
		"/all":  elementPage("en", `site="club" data-optin-form="shop" data-optin-button="Join us"`, ""),
		"/some": elementPage("en", `site="club" purposes="offers"`, ""),
	})
	p.do(chromedp.Navigate(n.site + "/all"))
	p.until(`!!document.querySelector("optin-form button")`)
	want := drawn{"Your email address|Receive news|Receive offers", "purposes=news|purposes=offers", "Join us", ""}
	if d := cmp.Diff(want, ask[drawn](p, look)); d != "" {
		t.Error(d)
	}
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
	p.press()
	p.until(`document.querySelector(".optin-error")?.textContent === "Tick at least one box."`)
	n.untouched()
	p.do(chromedp.Click(chromedp.CSS("[value=offers]")))
	p.press()
	p.until(said + `.startsWith("Almost there")`)
	r := n.requestAt("club")
	if r.Asked.Form != "shop" || len(r.Statements) != 1 || r.Statements[0].Purpose != "offers" {
		t.Errorf("%+v", r)
	}

	p.do(chromedp.Navigate(n.site + "/some"))
	p.until(`!!document.querySelector("optin-form button")`)
	want = drawn{"Your email address|Receive offers", "consent=true", "Sign up", ""}
	if d := cmp.Diff(want, ask[drawn](p, look)); d != "" {
		t.Error(d)
	}
}

func TestAnElementCompletesTheFormInsideItAndLeavesTheSitesOwn(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	ticked := strings.Replace(wholeForm, `"true" required`, `"true" checked`, 1)
	n := elementNeighbours(t, strict, map[string]string{
		"/join":    elementPage("fr", `site="gazette"`, plainForm),
		"/whole":   elementPage("fr", `site="gazette"`, wholeForm),
		"/ticked":  elementPage("fr", `site="gazette"`, ticked),
		"/nobody":  elementPage("fr", `site="nobody"`, strings.Replace(plainForm, "gazette", "nobody", 1)),
		"/foreign": elementPage("fr", `site="gazette"`, `<form action="/elsewhere"><button>Ici</button></form>`),
	})
	p.do(chromedp.Navigate(n.site + "/join"))
	p.until(`!!document.querySelector("optin-form [type=checkbox]")`)
	want := drawn{"Courriel|Recevoir letter", "consent=true", "S’abonner", ""}
	if d := cmp.Diff(want, ask[drawn](p, look)); d != "" {
		t.Error(d)
	}
	if order := ask[string](p, `[...document.querySelector("form").children].map(e => e.localName).join()`); order !=
		"label,fieldset,p,button,p" {
		t.Errorf("what is made does not stand before the button: %s", order)
	}
	p.quiet()

	p.fillIn(n.site+"/whole", "ada@b.example")
	p.press()
	p.until(said + `.startsWith("Plus qu’une étape")`)
	if r := n.subscription().Requests[0]; r.Statements[0].Shown != "La lettre" {
		t.Errorf("%+v", r)
	}
	p.quiet()

	p.do(chromedp.Navigate(n.site + "/ticked"))
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "bob@b.example"))
	p.press()
	p.until(said + `.startsWith("Ce formulaire ne fonctionne pas")`)
	for path, complaint := range map[string]string{
		"/ticked": "a consent box is ticked beforehand", "/nobody": "did not say what it asks",
		"/foreign": "left alone",
	} {
		p.do(chromedp.Navigate(n.site + path))
		for words := p.heard(); !strings.Contains(words, complaint); words += p.heard() {
			p.until(`true`)
			if p.Context().Err() != nil {
				t.Fatalf("%s: the console says: %s", path, words)
			}
		}
		if got := ask[int](p, `document.querySelectorAll("fieldset").length`); got != 0 {
			t.Errorf("%s: boxes were made", path)
		}
	}
}

func TestWhatIsInsideAnElementWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.withoutScripts()
	n := elementNeighbours(t, strict, map[string]string{
		"/join": elementPage("fr", `site="gazette"`, wholeForm),
		"/link": elementPage("fr", `site="gazette"`, `<a href="OPTIN/s/gazette">S’abonner</a>`),
	})
	p.fillIn(n.site+"/join", "ada@b.example")
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	if n.email(); n.state("ada@b.example") != "pending" {
		t.Errorf("the state is %q", n.state("ada@b.example"))
	}
	p.do(chromedp.Navigate(n.site+"/link"), chromedp.Click(chromedp.CSS("optin-form a")))
	p.until(`location.pathname === "/s/gazette"`)
}

// What is inside an element stays until there is something better.
func TestTheFormTakesThePlaceOfALinkOnceItIsThere(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	blocked := strings.Replace(strict, "connect-src OPTIN", "connect-src 'self'", 1)
	link := map[string]string{"/link": elementPage("fr", `site="gazette"`, `<a href="OPTIN/s/gazette">S’abonner</a>`)}
	const shown = `[...document.querySelectorAll("optin-form > *")].filter(e => e.checkVisibility())` +
		`.map(e => e.localName).join()`
	for policy, want := range map[string]string{strict: "form", blocked: "a"} {
		n := elementNeighbours(t, policy, link)
		p.do(chromedp.Navigate(n.site + "/link"))
		p.until(`document.querySelectorAll("optin-form > *").length === 2`)
		p.until(shown + ` === "` + want + `"`)
	}
}

// A form that the script cannot send is posted as it is.
func TestTheFormInsideAnElementIsPostedPlainlyWhereTheScriptCannotReachUs(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	blocked := strings.Replace(strict, "connect-src OPTIN", "connect-src 'self'", 1)
	n := elementNeighbours(t, blocked, map[string]string{"/join": elementPage("fr", `site="gazette"`, wholeForm)})
	p.fillIn(n.site+"/join", "ada@b.example")
	p.press()
	p.until(`location.pathname === "/s/gazette/sent"`)
	if r := n.subscription().Requests[0]; r.Statements[0].Shown != "La lettre" {
		t.Errorf("%+v", r)
	}
}

// Every language has all texts of the form, its errors too, beside their fields.
func TestAnElementSpeaksEveryLanguage(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	pages, err := allPages()
	must(t, err)
	files := map[string]string{}
	for _, lang := range pages.Languages() {
		files["/"+lang] = elementPage(lang, `site="gazette"`, "")
	}
	n := elementNeighbours(t, strict, files)
	for _, lang := range pages.Languages() {
		words := pages.EmbedWords(lang)
		p.do(chromedp.Navigate(n.site + "/" + lang))
		p.until(`!!document.querySelector("optin-form button")`)
		p.press()
		p.until(`document.querySelectorAll(".optin-error").length === 2`)
		type said struct{ Email, Box, Status, Focus, Button, Legend, Lang, Dir string }
		want := said{words["email_required"], words["consent_required"], words["refused"], "email", words["button"],
			words["legend_one"], lang, pages.Direction(lang)}
		got := ask[said](p, `(() => {
			const described = n => document.querySelector(n).getAttribute("aria-describedby").split(" ").pop();
			const of = n => document.getElementById(described(n)).textContent;
			return { Email: of("[name=email]"), Box: of("[name=consent]"),
				Status: document.querySelector("[role=status]").textContent,
				Focus: document.activeElement.name, Button: document.querySelector("button").textContent,
				Legend: document.querySelector("legend").textContent, Lang: document.querySelector("fieldset").lang,
				Dir: getComputedStyle(document.querySelector("legend")).direction }; })()`)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(lang, d)
		}
		n.clock.pass(time.Minute) // of the limit by IP
	}
}

// A page may change the language, the site and the address of an element at any time. What a person typed stays.
func TestAnElementFollowsItsAttributes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := elementNeighbours(t, strict, map[string]string{"/join": elementPage("en", `site="gazette"`, "")})
	p.do(chromedp.Navigate(n.site + "/join"))
	p.until(`document.querySelector("optin-form button")?.textContent === "Sign up"`)
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"))
	ask[any](p, `document.querySelector("optin-form").lang = "ar"`)
	p.until(`document.querySelector("fieldset")?.dir === "rtl"`)
	ask[any](p, `(e => { e.lang = "fr"; e.setAttribute("site", "club"); })(document.querySelector("optin-form"))`)
	p.until(`document.querySelectorAll("[name=purposes][type=checkbox]").length === 2`)
	want := drawn{"Votre adresse e\u2011mail|Recevoir news|Recevoir offers", "purposes=news|purposes=offers",
		"M’inscrire", ""}
	if d := cmp.Diff(want, ask[drawn](p, look)); d != "" {
		t.Error(d)
	}
	if got := ask[string](p, theForm+`.email.value`); got != "ada@b.example" {
		t.Errorf("the address was lost: %q", got)
	}
	p.do(chromedp.Click(chromedp.CSS("[value=offers]")))
	// moved about by its page, as frameworks do, it stays as it is
	ask[any](p, `document.body.prepend(document.querySelector("optin-form"))`)
	p.until(`document.querySelectorAll(":checked").length === 1`)
	p.press()
	p.until(said + `.startsWith("Plus qu’une étape")`)
	n.requestAt("club")
	p.quiet()
}

// In a form of the page's own, made by script since HTML has no forms in forms, the element is one of its controls: it
// says that somebody signed up, is reset and disabled with the others, and is never in the way.
func TestAnElementIsAControlOfAFormAroundIt(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	page := strings.Replace(elementPage("en", `site="gazette" name="newsletter"`, ""), "<optin-form",
		`<form id="checkout"><fieldset id="rest"><input name="name" value="Ada"><optin-form`, 1)
	page = strings.Replace(page, "</optin-form>", "</optin-form></fieldset></form>", 1)
	n := elementNeighbours(t, strict, map[string]string{"/shop": page})
	sent := `new URLSearchParams(new FormData(document.querySelector("#checkout"))).toString()`
	p.do(chromedp.Navigate(n.site + "/shop"))
	p.until(`!!document.querySelector("optin-form button")`)
	valid := ask[bool](p, `document.querySelector("#checkout").checkValidity()`)
	if got := ask[string](p, sent); got != "name=Ada" || !valid {
		t.Errorf("before: %s", got)
	}
	p.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada@b.example"),
		chromedp.Click(chromedp.CSS("[name=consent]")), chromedp.Click(chromedp.CSS("optin-form button")))
	p.until(said + `.startsWith("Almost there")`)
	if got := ask[string](p, sent); got != "name=Ada&newsletter=pending" {
		t.Errorf("afterwards: %s", got)
	}
	n.email()
	ask[any](p, `document.querySelector("#checkout").reset()`)
	if got := ask[string](p, sent); got != "name=Ada" {
		t.Errorf("after a reset: %s", got)
	}
	ask[any](p, `document.querySelector("#rest").disabled = true`)
	p.until(`[...document.querySelectorAll("optin-form input, optin-form button")].every(e => e.disabled)`)
	p.quiet()
}

// What is made has no style of its own, and no page is too narrow or too dark for it.
func TestAnElementFitsIntoANarrowPage(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	n := elementNeighbours(t, strict, map[string]string{"/el": elementPage("el", `site="club"`, "")})
	_, err := chromedp.Call(p.tab, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: 320, Height: 800, DeviceScaleFactor: 1, Mobile: true})
	must(t, err)
	p.do(chromedp.Navigate(n.site + "/el"))
	p.until(`!!document.querySelector("optin-form button")`)
	if got := ask[int](p, `document.querySelectorAll("optin-form [style], optin-form style").length`); got != 0 {
		t.Errorf("%d styles of its own", got)
	}
	p.quiet()
}
