// Package browsertest starts Chromium for tests. The browser has a new profile folder, and ends with the test.
//
// Without Chromium a test is skipped or fails, as childtest.Need says.
package browsertest

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/childtest"
)

// limit is how long one browser may run: a test that hangs fails with its own message, before the package's time is up.
const limit = 2 * time.Minute

// Start starts a browser and returns the context of its first tab. chromedp.NewContext of it opens further tabs, and
// with chromedp.WithNewBrowserContext further profiles.
func Start(t testing.TB, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	browser := newContext(t, flags)
	if err := chromedp.Do(browser); err != nil { // the first action's context is the browser's life
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(browser) })
	return browser
}

// Tab starts a browser and returns the context of its one tab, 1280 by 900 pixels. listen is called with the tab's
// events from their start; it may be nil.
func Tab(t testing.TB, listen func(event any), flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	var options []chromedp.ContextOption
	if listen != nil {
		options = append(options, chromedp.WithListener(listen))
	}
	tab := newContext(t, flags, options...)
	// the first action's context is the tab's life
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	return tab
}

// Do runs steps in a tab. None of them may wait for long.
func Do(t testing.TB, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	bounded, cancel := context.WithTimeout(tab, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(bounded, steps...); err != nil {
		t.Fatal(err)
	}
}

// newContext prepares a browser, which starts with the first action.
func newContext(t testing.TB, flags []chromedp.ExecAllocatorOption, options ...chromedp.ContextOption) context.Context {
	t.Helper()
	all := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(childtest.Need(t, "chromium")),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("allow-pre-commit-input", true)) // otherwise a click on a page that is not painted yet is lost
	bounded, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	process, stop := chromedp.NewExecAllocator(bounded, append(all, flags...)...)
	t.Cleanup(stop)
	tab, quit := chromedp.NewContext(process, options...)
	t.Cleanup(quit)
	return tab
}
