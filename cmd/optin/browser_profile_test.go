package main

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium starts a browser, whose folder is new and its own; it dies with the test. Whoever is to use it gets a profile.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := need(t, "chromium")
	bounded, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("allow-pre-commit-input", true)) // or a click on a page that is not painted yet goes nowhere
	process, stop := chromedp.NewExecAllocator(bounded, flags...)
	t.Cleanup(stop)
	browser, quit := chromedp.NewContext(process)
	t.Cleanup(quit)
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(browser) })
	return browser
}

// profile is one person's browser: cookies of its own, one tab, and a record of what it asked for and complained of.
type profile struct {
	t   *testing.T
	tab context.Context

	mu       sync.Mutex
	origins  []string // those it may speak to
	asked    []string // method and path of each document
	problems []string
}

// visitor opens a profile that may speak to one origin only. At the test's end it must have nothing to complain of.
func visitor(t *testing.T, browser context.Context, origin string) *profile {
	t.Helper()
	p := &profile{t: t, origins: []string{origin}}
	tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	p.tab = tab
	t.Cleanup(closeTab)
	t.Cleanup(p.content)
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 900)); err != nil { // the first action's context is the tab's life
		t.Fatal(err)
	}
	return p
}

// hear records requests, and everything that a console would show.
func (p *profile) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(ev.Request.URL)
		if err != nil || !slices.Contains(p.origins, u.Scheme+"://"+u.Host) && u.Scheme != "data" {
			p.problems = append(p.problems, "a request to "+ev.Request.URL)
		}
		if ev.Type == network.ResourceTypeDocument {
			p.asked = append(p.asked, ev.Request.Method+" "+u.Path)
		}
	case *log.EventEntryAdded:
		// That a document came with a status of 400 or more is told by the document itself.
		if ev.Entry.Source != log.EntrySourceNetwork || !strings.Contains(ev.Entry.Text, "the server responded with a status of") ||
			strings.Contains(ev.Entry.URL, "/assets/") {
			p.problems = append(p.problems, string(ev.Entry.Source)+": "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		p.problems = append(p.problems, "the console was written to")
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, "an exception: "+ev.ExceptionDetails.Text)
	}
}

// content fails the test if anything was asked of strangers, or written to the console.
func (p *profile) content() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("the browser: %s", problem)
	}
}

// mayAsk lets the profile speak to one more origin, such as a website's own.
func (p *profile) mayAsk(origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.origins = append(p.origins, origin)
}
