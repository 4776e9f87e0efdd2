package main

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// These tests need a real browser, with its own handling of Origin, cookies, scripts, focus and painting.

// signUp fills in the hosted page of a site as a person does.
func (p *browserProfile) signUp(e *pagesEnv, site, email string) {
	p.t.Helper()
	if status := p.open(e.base + "/s/" + site + "?lang=en"); status != 200 {
		p.t.Fatalf("the signup page returns %d", status)
	}
	for i := range p.count(`input[type="checkbox"]`) {
		p.do(chromedp.Click(chromedp.CSS([]string{"#purpose-0", "#purpose-1"}[i])))
	}
	p.do(chromedp.SendKeys(chromedp.CSS("#email"), email))
	if status := p.click("form.signup button"); status != 200 {
		p.t.Fatalf("the page after the form has the status %d", status)
	}
	p.wantHeading("Look in your inbox")
}

// The button's form sends "Origin: null" or no Origin, because its page asks for no referrer. It must work all the
// same.
func TestAPersonConfirmsInAnotherBrowser(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			e := startPages(t)
			computer, phone := newProfile(t, browser, e.base), newProfile(t, browser, e.base)
			if !scripts {
				computer, phone = computer.withoutScripts(), phone.withoutScripts()
			}
			computer.signUp(e, "gazette", "ada@example.org")
			link, _ := emailLinks(e.Email("ada@example.org"))
			if status := phone.open(link); status != 200 {
				t.Fatalf("the link returns %d", status)
			}
			phone.wantHeading("One click left")
			if got := e.Lookup("ada@example.org").State; got != "pending" || len(phone.posts()) > 0 {
				t.Fatalf("opening the link made it %q, posting %v", got, phone.posts())
			}
			if status := phone.click("#confirm button"); status != 200 {
				t.Fatalf("the button returns %d", status)
			}
			phone.wantHeading("Thank you, it is confirmed")
			e.wantPosts("/c/{token}", 200, 1)
			if got := e.Lookup("ada@example.org").State; got != "confirmed" {
				t.Fatalf("after the button: %q", got)
			}
			phone.open(link)
			phone.wantHeading("Already confirmed")
		})
	}
}

func TestTheBrowserThatPostedOurFormConfirmsInOneClick(t *testing.T) {
	t.Parallel()
	e, browser := startPages(t), browsertest.Start(t)
	own, other := newProfile(t, browser, e.base), newProfile(t, browser, e.base)
	own.signUp(e, "gazette", "ada@example.org")
	link, _ := emailLinks(e.Email("ada@example.org"))

	other.open(link)
	other.wantHeading("One click left")
	if got := e.Lookup("ada@example.org").State; got != "pending" || len(other.posts()) > 0 ||
		other.count("script") > 0 {
		t.Fatalf("another browser made it %q, posting %v", got, other.posts())
	}
	own.open(link)
	own.wantHeading("Thank you, it is confirmed")
	e.wantPosts("/c/{token}", 200, 1)
	if got := e.Lookup("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after the link: %q", got)
	}
	evaluate[any](own, `history.back()`) // leads to where the person was before, not to the script again
	own.wantHeading("Look in your inbox")
	e.wantPosts("/c/{token}", 200, 1)
}

func TestWithoutScriptsTheSameBrowserHasAButton(t *testing.T) {
	t.Parallel()
	e, browser := startPages(t), browsertest.Start(t)
	own := newProfile(t, browser, e.base).withoutScripts()
	own.signUp(e, "gazette", "ada@example.org")
	link, _ := emailLinks(e.Email("ada@example.org"))
	own.open(link)
	own.wantHeading("One click left")
	if got := e.Lookup("ada@example.org").State; got != "pending" || own.count(`script[src]`) != 1 {
		t.Fatalf("the link made it %q, with %d scripts", got, own.count("script[src]"))
	}
	own.click("#confirm button")
	own.wantHeading("Thank you, it is confirmed")
	e.wantPosts("/c/{token}", 200, 1)
	if got := e.Lookup("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after the button: %q", got)
	}
}
