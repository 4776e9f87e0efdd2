package examples

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser of its own, and what its console says.
type tab struct {
	*town
	page context.Context

	mu      sync.Mutex
	console []string
}

// visit opens a page of a town in Chromium, which dies with the test.
func (w *town) visit(at string) *tab {
	w.Helper()
	bounded, cancel := context.WithTimeout(w.Context(), time.Minute)
	w.Cleanup(cancel)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("allow-pre-commit-input", true)) // or a click on a page that is not painted yet goes nowhere
	process, stop := chromedp.NewExecAllocator(bounded, flags...)
	w.Cleanup(stop)
	b := &tab{town: w}
	page, closeTab := chromedp.NewContext(process, chromedp.WithListener(b.hear))
	w.Cleanup(closeTab)
	b.page = page
	must(w, chromedp.Do(page, chromedp.EmulateViewport(1280, 900))) // the first action's context is the tab's life
	b.do(chromedp.Navigate(at))
	return b
}

// hear keeps what a console would show, but for the status of answers, which the page itself shows.
func (b *tab) hear(ev any) {
	said := ""
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		if ev.Entry.Source != log.EntrySourceNetwork {
			said = string(ev.Entry.Source) + ": " + ev.Entry.Text
		}
	case *runtime.EventConsoleAPICalled:
		for _, a := range ev.Args {
			said += string(a.Value)
		}
	case *runtime.EventExceptionThrown:
		said = "exception: " + ev.ExceptionDetails.Text
	}
	if said != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.console = append(b.console, said)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	bounded, cancel := context.WithTimeout(b.page, 20*time.Second)
	defer cancel()
	must(b, chromedp.Do(bounded, steps...))
}

// shows waits for an expression to become true of the page.
func (b *tab) shows(expression string) {
	b.Helper()
	b.until(expression, func() bool {
		yes, _ := chromedp.Run(b.page, chromedp.Evaluate[bool](expression)) // while the page is changing it answers nothing
		return yes
	})
}

// quiet checks that the console has nothing to complain of.
func (b *tab) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.console) > 0 {
		b.Errorf("the console says: %q", b.console)
	}
}

func TestTheApplicationShowsWhatIsWrongBesideItsField(t *testing.T) {
	need(t, "chromium")
	w := open(t, "single-page-app")
	b := w.visit(w.site + "/")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), "ada"), chromedp.Click(chromedp.CSS("button")))
	b.shows(`document.querySelector("[role=status]").textContent.includes("marked")`)
	b.shows(`document.querySelector("#email-error").textContent.startsWith("Enter an address")`)
	b.shows(`document.querySelector("#consent-error").textContent.startsWith("Tick the box")`)
	b.shows(`document.querySelectorAll("[aria-invalid=true]").length === 2`)

	b.do(chromedp.Click(chromedp.CSS("[name=consent]")), chromedp.SendKeys(chromedp.CSS("[name=email]"), ".o'brien@reader.test"),
		chromedp.Click(chromedp.CSS("button")))
	b.shows(`document.querySelector("[role=status]").textContent.startsWith("Look in your inbox")`)
	b.shows(`!document.querySelector("[aria-invalid=true]") && !document.querySelector("#email-error").textContent`)
	b.quiet()
	if got := w.lookup(ada).State; got != "pending" {
		t.Errorf("before the button the state is %q", got)
	}
	w.confirm(ada)
}

func TestTheApplicationDoesTheWorkThatIsAskedFor(t *testing.T) {
	need(t, "chromium")
	w := open(t, "single-page-app", "    purposes:", "    challenge: {when: always}\n    purposes:")
	b := w.visit(w.site + "/")
	b.do(chromedp.SendKeys(chromedp.CSS("[name=email]"), ada), chromedp.Click(chromedp.CSS("[name=consent]")), chromedp.Click(chromedp.CSS("button")))
	b.shows(`document.querySelector("[role=status]").textContent.startsWith("Look in your inbox")`)
	b.quiet()
	w.confirm(ada)
}
