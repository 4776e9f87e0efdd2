package main

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserProfile is one person's browser: its own cookies, one tab, and a record of its requests and problems.
type browserProfile struct {
	t   *testing.T
	tab context.Context

	mu        sync.Mutex
	origins   []string // those it may speak to
	documents []string // method and path of each document
	problems  []string
}

// newProfile opens a profile that may send requests to one origin only. At the test's end it must have no problems.
func newProfile(t *testing.T, browser context.Context, origin string) *browserProfile {
	t.Helper()
	p := &browserProfile{t: t, origins: []string{origin}}
	tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	p.tab = tab
	t.Cleanup(closeTab)
	t.Cleanup(p.wantNoProblems)
	// the first action's context is the tab's life
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	return p
}

// listen records requests, and everything that a console would show.
func (p *browserProfile) listen(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(ev.Request.URL)
		if err != nil || !slices.Contains(p.origins, u.Scheme+"://"+u.Host) && u.Scheme != "data" {
			p.problems = append(p.problems, "a request to "+ev.Request.URL)
		}
		if ev.Type == network.ResourceTypeDocument {
			p.documents = append(p.documents, ev.Request.Method+" "+u.Path)
		}
	case *log.EventEntryAdded:
		// A status of 400 or more of a document is not a problem by itself.
		if ev.Entry.Source != log.EntrySourceNetwork ||
			!strings.Contains(ev.Entry.Text, "the server responded with a status of") ||
			strings.Contains(ev.Entry.URL, "/assets/") {
			p.problems = append(p.problems, string(ev.Entry.Source)+": "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		p.problems = append(p.problems, "the console was written to")
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, "an exception: "+ev.ExceptionDetails.Text)
	}
}

// wantNoProblems fails the test if another origin got a request, or something was written to the console.
func (p *browserProfile) wantNoProblems() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("the browser: %s", problem)
	}
}

// allowOrigin allows requests to one more origin, such as a website's own.
func (p *browserProfile) allowOrigin(origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.origins = append(p.origins, origin)
}

// withoutScripts disables scripts, as NoScript and the settings of some browsers do.
func (p *browserProfile) withoutScripts() *browserProfile {
	p.t.Helper()
	if _, err := chromedp.Call(p.tab, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// setLanguage sets the Accept-Language of requests.
func (p *browserProfile) setLanguage(language string) *browserProfile {
	p.t.Helper()
	headers := network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}}
	if _, err := chromedp.Call(p.tab, network.SetExtraHTTPHeaders, headers); err != nil {
		p.t.Fatal(err)
	}
	return p
}

func (p *browserProfile) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	bounded, cancel := context.WithTimeout(p.tab, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(bounded, steps...); err != nil {
		p.t.Fatalf("at %q: %v", p.heading(), err)
	}
}

// open goes to an address as from a mail program, and returns the status of the page.
func (p *browserProfile) open(address string) int64 {
	p.t.Helper()
	resp, err := chromedp.Run(p.tab, chromedp.NavigateResponse(address))
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Status
}

// click clicks a button or link, and returns the status of the page that it leads to.
func (p *browserProfile) click(selector string) int64 {
	p.t.Helper()
	return p.runToPage(chromedp.Click(chromedp.CSS(selector)))
}

// runToPage runs steps that lead to another page, and returns that page's status.
func (p *browserProfile) runToPage(steps ...chromedp.Action[chromedp.Void]) int64 {
	p.t.Helper()
	bounded, cancel := context.WithTimeout(p.tab, 20*time.Second)
	defer cancel()
	resp, err := chromedp.RunResponse(bounded, steps...)
	if err != nil {
		p.t.Fatalf("no page came after %q: %v", p.heading(), err)
	}
	return resp.Status
}

// wantHeading fails the test unless the page's heading is, or soon becomes, this one.
func (p *browserProfile) wantHeading(heading string) {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Second); p.heading() != heading; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("the page says %q, not %q", p.heading(), heading)
		}
	}
}

func (p *browserProfile) heading() string {
	return strings.ReplaceAll(evaluate[string](p, `document.querySelector("h1")?.textContent ?? ""`), "\u00a0", " ")
}

// count returns the number of elements that a selector finds.
func (p *browserProfile) count(selector string) int {
	return evaluate[int](p, `document.querySelectorAll(`+"`"+selector+"`"+`).length`)
}

// evaluate evaluates an expression in the page. While the page is changing it returns the zero value.
func evaluate[T any](p *browserProfile, expression string) T {
	answer, _ := chromedp.Run(p.tab, chromedp.Evaluate[T](expression))
	return answer
}

// posts returns the documents that were requested by POST.
func (p *browserProfile) posts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.documents), func(a string) bool { return !strings.HasPrefix(a, "POST ") })
}
