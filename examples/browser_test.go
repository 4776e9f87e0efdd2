package examples

import (
	"context"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// tab is a page in its own browser, with the messages of its console.
type tab struct {
	*env
	page context.Context

	mu      sync.Mutex
	console []string
}

// openPage opens a page in Chromium.
func (e *env) openPage(at string) *tab {
	e.Helper()
	b := &tab{env: e}
	b.page = browsertest.Tab(e.T, b.listen)
	b.do(chromedp.Navigate(at))
	return b
}

// listen records what a console would show, except for the status of responses, which the page itself shows.
func (b *tab) listen(ev any) {
	message := ""
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		if ev.Entry.Source != log.EntrySourceNetwork {
			message = string(ev.Entry.Source) + ": " + ev.Entry.Text
		}
	case *runtime.EventConsoleAPICalled:
		for _, a := range ev.Args {
			message += string(a.Value)
		}
	case *runtime.EventExceptionThrown:
		message = "exception: " + ev.ExceptionDetails.Text
	}
	if message != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.console = append(b.console, message)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	browsertest.Do(b, b.page, steps...)
}

// wantTrue waits until an expression is true in the page.
func (b *tab) wantTrue(expression string) {
	b.Helper()
	b.eventually(expression, func() bool {
		// while the page is changing it returns nothing
		yes, _ := chromedp.Run(b.page, chromedp.Evaluate[bool](expression))
		return yes
	})
}

// wantNoConsole checks that nothing was written to the console.
func (b *tab) wantNoConsole() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.console) > 0 {
		b.Errorf("the console has %q", b.console)
	}
}

func TestTheApplicationShowsErrorsAtTheirFields(t *testing.T) {
	e := start(t, "single-page-app")
	b := e.openPage(e.site + "/")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada"), chromedp.Click(chromedp.CSS("button")))
	b.wantTrue(`document.querySelector("[role=status]").textContent.includes("marked")`)
	b.wantTrue(`document.querySelector("#email-error").textContent.startsWith("Enter an address")`)
	b.wantTrue(`document.querySelector("#consent-error").textContent.startsWith("Tick the box")`)
	b.wantTrue(`document.querySelectorAll("[aria-invalid=true]").length === 2`)

	b.do(
		chromedp.Click(chromedp.CSS("[name=consent]")),
		chromedp.SendKeys(chromedp.CSS("[name=email]"), ".o'brien@reader.test"),
		chromedp.Click(chromedp.CSS("button")),
	)
	b.wantTrue(`document.querySelector("[role=status]").textContent.startsWith("Look in your inbox")`)
	b.wantTrue(`!document.querySelector("[aria-invalid=true]") && !document.querySelector("#email-error").textContent`)
	b.wantNoConsole()
	if got := e.lookup(ada).State; got != "pending" {
		t.Errorf("before the confirmation the state is %q", got)
	}
	e.confirm(ada)
}

func TestTheApplicationSolvesAChallenge(t *testing.T) {
	e := start(t, "single-page-app", "    purposes:", "    challenge: {when: always}\n    purposes:")
	b := e.openPage(e.site + "/")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), ada), chromedp.Click(chromedp.CSS("[name=consent]")),
		chromedp.Click(chromedp.CSS("button")))
	b.wantTrue(`document.querySelector("[role=status]").textContent.startsWith("Look in your inbox")`)
	b.wantNoConsole()
	e.confirm(ada)
}
