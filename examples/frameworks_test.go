package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// away is what npm says when it cannot reach its registry.
var away = regexp.MustCompile(
	`\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT)\b`)

// buildFrameworks returns a folder with the built pages and axe-core, of the versions that package-lock.json pins. The
// test is skipped where npm is not installed or cannot reach its registry: nothing else of this project needs it.
func buildFrameworks(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed; only this example needs it")
	}
	folder := t.TempDir()
	must(t, os.CopyFS(folder, os.DirFS("frameworks")))
	for _, args := range [][]string{{"ci", "--no-audit", "--no-fund", "--fetch-retries=1"}, {"run", "build"}} {
		c := exec.Command("npm", args...)
		c.Dir = folder
		out, err := c.CombinedOutput()
		if err != nil && away.Match(out) {
			t.Skipf("npm cannot reach its registry; only this example needs it\n%s", out)
		}
		if err != nil {
			t.Fatalf("npm %s: %v\n%s", args[0], err, out)
		}
	}
	return folder
}

// A page of each framework uses the element as it is: no wrapper, no build step for it, a strict policy.
func TestTheElementNeedsNoWrapperInAnyFramework(t *testing.T) {
	folder := buildFrameworks(t)
	axe, err := os.ReadFile(filepath.Join(folder, "node_modules/axe-core/axe.min.js"))
	must(t, err)
	for _, framework := range []string{"react", "vue", "svelte"} {
		t.Run(framework, func(t *testing.T) {
			e := start(t, filepath.Join(folder, "dist"), "locales: [en]", "locales: [en, fr]",
				"text: {en: Receive the monthly letter of The Daily Demo}",
				"text: {en: Receive the letter, fr: Recevoir la lettre}")
			b := e.openPage(e.site + "/" + framework + ".html")
			const box = `document.querySelector("optin-form label:has([name=consent])")?.innerText.trim()`
			b.wantTrue(box + ` === "Receive the letter"`)
			b.do(chromedp.SendKeys(chromedp.CSS("optin-form [name=email]"), ada),
				chromedp.Click(chromedp.CSS("main > button"))) // Français
			b.wantTrue(box + ` === "Recevoir la lettre"`)
			b.wantTrue(`document.querySelector("optin-form").lang === "fr" && !document.querySelector(":checked")`)
			b.wantNoBarriers(string(axe))

			b.do(chromedp.Click(chromedp.CSS("optin-form button"))) // the box is forgotten
			b.wantTrue(`document.querySelector("optin-form .optin-error")?.innerText.startsWith("Cochez la case")`)
			b.wantNoBarriers(string(axe))
			b.do(chromedp.Click(chromedp.CSS("optin-form [name=consent]")),
				chromedp.Click(chromedp.CSS("optin-form button")))
			b.wantTrue(`document.querySelector("#thanks").innerText === "Thank you!"`) // the framework got the event
			b.wantTrue(`document.querySelector("optin-form [role=status]").innerText.startsWith("Plus qu’une étape")`)
			b.wantNoConsole()
			s := e.lookup(ada)
			if s.State != "pending" || s.Locale != "fr" {
				t.Errorf("before the confirmation: %+v", s)
			}
			e.confirm(ada)
		})
	}
}

// wantNoBarriers checks what is in the element with axe-core.
func (b *tab) wantNoBarriers(axe string) {
	b.Helper()
	_, err := chromedp.Run(b.page, chromedp.Evaluate[bool](axe+"; true"))
	must(b, err)
	found, err := chromedp.Run(b.page, chromedp.Evaluate[[]string](`axe.run("optin-form", {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(r =>
		[...r.violations, ...r.incomplete].map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")))`,
		chromedp.EvalAwaitPromise))
	must(b, err)
	if len(found) > 0 {
		b.Errorf("axe finds %s", strings.Join(found, "\n"))
	}
}
