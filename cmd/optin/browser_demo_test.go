package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/internal/childtest"
)

// startDemo starts the demo as its command line does, and returns the address it prints.
func startDemo(t *testing.T, flags ...string) (base string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended, out := make(chan int, 1), &childtest.Buffer{}
	go func() {
		ended <- run(ctx, append([]string{"demo", "-listen", "127.0.0.1:0"}, flags...), lookup(nil), out, os.Stderr)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitOK {
			t.Errorf("the demo ended with %d", code)
		}
	})
	first := regexp.MustCompile(`^(http://\S+)/s/demo\s`)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if found := first.FindStringSubmatch(out.String()); found != nil {
			return found[1]
		}
		if time.Now().After(end) {
			t.Fatalf("the demo prints no address: %q", out)
		}
	}
}

// The demo as the README promises it: sign up, find the email in the inbox, click in it, done.
func TestTheDemoWorksInABrowser(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	base := startDemo(t)
	p := newProfile(t, browser, base)
	p.open(base + "/inbox")
	p.checkAccessibility("inbox-empty", inboxAccessibility, 360, 1280)
	p.do(chromedp.EmulateViewport(1280, 900))
	p.click(`a[href="/s/demo"]`)
	p.wantHeading("Sign up")
	p.do(chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.org"))
	for status := int64(422); status == 422; { // too quick for a person, and asked to try again
		p.do(chromedp.Click(chromedp.CSS("#purpose-0")))
		status = p.click("form.signup button")
	}
	p.wantHeading("Look in your inbox")

	for end := time.Now().Add(20 * time.Second); p.count(".messages a") == 0; p.open(base + "/inbox") {
		if time.Now().After(end) {
			t.Fatal("no email in the inbox")
		}
	}
	p.checkAccessibility("inbox", inboxAccessibility, 360, 1280)
	for _, part := range []string{"", "/text", "/source"} {
		p.open(base + "/inbox/1" + part)
		p.checkAccessibility("inbox-email"+strings.ReplaceAll(part, "/", "-"), inboxAccessibility, 360, 1280)
	}
	p.open(base + "/inbox/9999")
	p.checkAccessibility("inbox-gone", inboxAccessibility, 360, 1280)
	p.clickInEmail(base + "/inbox/1")
	p.wantHeading("Thank you, it is confirmed")
}

// inboxAccessibility allows the inbox, a tool for those who try the service out, smaller targets: 24 px (WCAG 2.5.8).
var inboxAccessibility = strings.ReplaceAll(strings.ReplaceAll(accessibility, "b.width >= 44", "b.width >= 24"),
	"b.height >= 43.99", "b.height >= 24")

// clickInEmail clicks the button in the frame that shows an email. Scripts cannot look into the frame, so it is
// measured as a page of its own.
func (p *browserProfile) clickInEmail(address string) {
	p.t.Helper()
	type place struct{ X, Y, Width, Height float64 }
	box := func(selector string) place {
		return evaluate[place](p, `document.querySelector(`+"`"+selector+"`"+`).getBoundingClientRect().toJSON()`)
	}
	p.do(chromedp.EmulateViewport(1280, 900))
	p.open(address)
	frame := box("iframe")
	p.do(chromedp.EmulateViewport(int64(frame.Width)-2, 900)) // except for its edges
	p.open(address + "/html")
	button := box(`a[href*="/c/"]`)
	p.do(chromedp.EmulateViewport(1280, 900))
	p.open(address)
	confirming := func() bool { return strings.Contains(evaluate[string](p, "location.pathname"), "/c/") }
	for end := time.Now().Add(20 * time.Second); !confirming(); time.Sleep(time.Second / 2) {
		if time.Now().After(end) {
			p.t.Fatal("the click led nowhere")
		}
		// A frame that is not painted yet takes no click.
		p.do(chromedp.MouseClickXY(frame.X+1+button.X+button.Width/2, frame.Y+1+button.Y+button.Height/2))
	}
}
