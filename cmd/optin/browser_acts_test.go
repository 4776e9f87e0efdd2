package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// withoutScripts is what NoScript does, and some browsers by their settings.
func (p *profile) withoutScripts() *profile {
	p.t.Helper()
	if _, err := chromedp.Call(p.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// reads is the language that the browser asks for.
func (p *profile) reads(language string) *profile {
	p.t.Helper()
	headers := network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}}
	if _, err := chromedp.Call(p.tab, network.SetExtraHTTPHeaders, headers); err != nil {
		p.t.Fatal(err)
	}
	return p
}

func (p *profile) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	bounded, cancel := context.WithTimeout(p.tab, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(bounded, steps...); err != nil {
		p.t.Fatalf("at %q: %v", p.heading(), err)
	}
}

// open goes to an address as from a mail program, and answers the status of the page that came.
func (p *profile) open(address string) int64 {
	p.t.Helper()
	resp, err := chromedp.Run(p.tab, chromedp.NavigateResponse(address))
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Status
}

// press presses one button or link with the mouse, and answers the status of the page that came.
func (p *profile) press(selector string) int64 {
	p.t.Helper()
	return p.lands(chromedp.Click(chromedp.CSS(selector)))
}

// lands does what leads to another page, and answers that page's status.
func (p *profile) lands(steps ...chromedp.Action[chromedp.Void]) int64 {
	p.t.Helper()
	bounded, cancel := context.WithTimeout(p.tab, 20*time.Second)
	defer cancel()
	resp, err := chromedp.RunResponse(bounded, steps...)
	if err != nil {
		p.t.Fatalf("no page came after %q: %v", p.heading(), err)
	}
	return resp.Status
}

// says fails the test unless the page's heading is, or soon becomes, this one.
func (p *profile) says(heading string) {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Second); p.heading() != heading; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("the page says %q, not %q", p.heading(), heading)
		}
	}
}

func (p *profile) heading() string {
	return strings.ReplaceAll(ask[string](p, `document.querySelector("h1")?.textContent ?? ""`), "\u00a0", " ")
}

// has counts the elements that a selector finds.
func (p *profile) has(selector string) int {
	return ask[int](p, `document.querySelectorAll(`+"`"+selector+"`"+`).length`)
}

// ask evaluates an expression in the page; while the page is changing it answers nothing.
func ask[T any](p *profile, expression string) T {
	answer, _ := chromedp.Run(p.tab, chromedp.Evaluate[T](expression))
	return answer
}

// posted lists the documents that were asked for by POST.
func (p *profile) posted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.asked), func(a string) bool { return !strings.HasPrefix(a, "POST ") })
}
