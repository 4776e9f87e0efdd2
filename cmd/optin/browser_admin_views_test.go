package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// view checks the view of the dashboard that is open now: that it can be read and used, and that it is small.
func (o *atDashboard) view(name string) {
	o.t.Helper()
	widths := []int64{320, 360}
	if screenshots() != "" {
		widths = append(widths, 768, 1440)
	}
	o.checkAccessibility("admin-"+name, accessibility, widths...)
	const size = `new TextEncoder().encode(document.documentElement.outerHTML).length`
	if n := evaluate[int](o.browserProfile, size); n > 60_000 {
		o.t.Errorf("%s has %d bytes", name, n)
	}
	o.do(chromedp.EmulateViewport(1280, 900))
	if o.axe != "" {
		o.wantNoBarriers(name)
	}
}

// axeVersion is the one that examples/frameworks pins, too.
const axeVersion = "4.14.1"

// axeCore returns axe-core, which is fetched for the test alone; empty, and said so, where npm cannot fetch it.
func axeCore(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Log("npm is not installed; that axe-core finds nothing in the dashboard is NOT CHECKED")
		return ""
	}
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), npm, "install", "--no-save", "--ignore-scripts", "--no-audit",
		"--no-fund", "--fetch-retries=0", "--prefix", dir, "axe-core@"+axeVersion)
	if out, err := install.CombinedOutput(); err != nil {
		t.Logf("npm cannot install axe-core; that it finds nothing in the dashboard is NOT CHECKED\n%s", out)
		return ""
	}
	axe, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(axe)
}

// wantNoBarriers checks the view that is open with axe-core, in light and, for its colours, in dark.
func (o *atDashboard) wantNoBarriers(name string) {
	o.t.Helper()
	evaluate[bool](o.browserProfile, o.axe+"; true")
	for scheme, only := range map[string]string{
		"light": `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`,
		"dark":  `["color-contrast"]`,
	} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}}
		if _, err := chromedp.Call(o.tab, emulation.SetEmulatedMedia, media); err != nil {
			o.t.Fatal(err)
		}
		found, err := chromedp.Run(o.tab, chromedp.Evaluate[[]string](`axe.run(document, { runOnly: `+only+`,
			resultTypes: ["violations"], iframes: false }).then(r =>
			r.violations.map(v => v.id + ": " + v.nodes.slice(0, 5).map(n => n.html).join(" ")))`,
			chromedp.EvalAwaitPromise))
		if err != nil {
			o.t.Fatalf("axe in %s: %v", name, err)
		}
		for _, wrong := range found {
			o.t.Errorf("%s, %s: axe finds %s", name, scheme, wrong)
		}
	}
}

// at opens an address of the dashboard and checks the view.
func (o *atDashboard) at(name, path string) {
	o.t.Helper()
	o.open(o.env.base + path)
	o.view(name)
}

func TestEveryViewOfTheDashboardCanBeReadAndUsed(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	o := newOperatorIn(t, browser, true)
	o.axe = axeCore(t)
	o.open(o.env.base + "/admin")
	o.view("login")
	o.logIn()
	for name, path := range map[string]string{
		"overview-empty": "/admin", "pending-empty": "/admin/pending", "people-empty": "/admin/people",
		"pending-filtered": "/admin/pending?answer=system", "pending-wrong": "/admin/pending?answer=x",
		"webhooks-empty": "/admin/sites/gazette/webhooks", "trends-empty": "/admin/trends",
		"emails-empty": "/admin/emails", "emails-filtered": "/admin/emails?answer=undeliverable",
		"audit-empty": "/admin/audit",
		"endpoints":   "/admin/webhooks", "overview-hour": "/admin?of=hour", "texts": "/admin/sites/gazette/texts",
	} {
		o.at(name, path)
	}
	o.find("nobody@example.org")
	o.view("people-none")
	for i := range 55 {
		o.env.SignUp(fmt.Sprintf("person.with.a.longer.name%d@%s", i, []string{
			"example.test", "full.test", "a-quite-long-domain-name-of-some-company.example.test",
		}[i%3]))
	}
	o.env.SignUp("ada@full.test")
	o.env.SignUp("bob@example.test")
	o.open(o.env.base + "/admin/pending?answer=mailbox&domain=full.test")
	o.waitFor(".who", "a…@full.test")
	o.at("pending-busy", "/admin/pending")
	o.at("overview-busy", "/admin")
	o.at("emails-busy", "/admin/emails")
	o.at("emails-chosen", "/admin/emails?answer=mailbox&domain=full.test")
	o.click("form:has([name=selected]) [name=all]")
	o.view("ask-all")
	o.click("form .main")
	o.waitFor("#bulk", "Tried the email now")
	o.view("emails-bulk")
	o.at("trends-busy", "/admin/trends?span=2d")
	o.at("trends-year", "/admin/trends?span=364d&site=gazette&by=form&value=other")
	o.at("pending-chosen", "/admin/pending?answer=mailbox&domain=full.test&age=&site=gazette")
	o.open(o.env.base + "/admin/pending?site=gazette")
	for i := range 2 {
		o.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("tbody tr:nth-child(%d) .tick", i+1))))
	}
	o.click(".selected button")
	o.view("ask-several")
	o.click("form .main")
	o.waitFor("[role=status]", "2 emails will leave again")
	o.view("pending-resent")
	o.find("ada@full.test")
	o.waitFor(".timeline b", "A relay did not take the email")
	o.view("person-waits")
	o.click(`.acts form:has([value="erase"]) button`)
	o.view("ask-erase")
	evaluate[any](o.browserProfile, `document.querySelector("#reason").required = false; null`)
	o.click("form .danger")
	o.view("ask-reason")
	o.find("bob@example.test")
	o.waitFor(".timeline b", "A relay took the email")
	o.view("person-taken")
	o.click(`.timeline a[href*="/emails/"]`)
	o.view("email")
	o.at("audit", "/admin/audit")
}
