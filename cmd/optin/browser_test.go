package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// What needs a real browser: its own idea of Origin, cookies, scripts, focus and paint.

// signUp fills in the hosted page of a site as a person does.
func (p *profile) signUp(s *street, site, email string) {
	p.t.Helper()
	if status := p.open(s.base + "/s/" + site + "?lang=en"); status != 200 {
		p.t.Fatalf("the signup page answers %d", status)
	}
	for i := range p.has(`input[type="checkbox"]`) {
		p.do(chromedp.Click(chromedp.CSS([]string{"#purpose-0", "#purpose-1"}[i])))
	}
	p.do(chromedp.SendKeys(chromedp.CSS("#email"), email))
	if status := p.press("form.signup button"); status != 200 {
		p.t.Fatalf("after the form comes a page of %d", status)
	}
	p.says("Look in your inbox")
}

// The button sends "Origin: null" or none, as its page asks for no referrer: it must work all the same.
func TestAPersonConfirmsInAnotherBrowser(t *testing.T) {
	browser := chromium(t)
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			s := openStreet(t)
			desk, phone := visitor(t, browser, s.base), visitor(t, browser, s.base)
			if !scripts {
				desk, phone = desk.withoutScripts(), phone.withoutScripts()
			}
			desk.signUp(s, "gazette", "ada@example.org")
			link, _ := links(s.Letter("ada@example.org"))
			if status := phone.open(link); status != 200 {
				t.Fatalf("the link answers %d", status)
			}
			phone.says("One click left")
			if got := s.MayIWrite("ada@example.org").State; got != "pending" || len(phone.posted()) > 0 {
				t.Fatalf("looking made it %q, posting %v", got, phone.posted())
			}
			if status := phone.press("#confirm button"); status != 200 {
				t.Fatalf("the button answers %d", status)
			}
			phone.says("Thank you, it is confirmed")
			s.went("/c/{token}", 200, 1)
			if got := s.MayIWrite("ada@example.org").State; got != "confirmed" {
				t.Fatalf("after the button: %q", got)
			}
			phone.open(link)
			phone.says("Already confirmed")
		})
	}
}

func TestTheBrowserThatPostedOurFormConfirmsInOneClick(t *testing.T) {
	s, browser := openStreet(t), chromium(t)
	own, other := visitor(t, browser, s.base), visitor(t, browser, s.base)
	own.signUp(s, "gazette", "ada@example.org")
	link, _ := links(s.Letter("ada@example.org"))

	other.open(link)
	other.says("One click left")
	if got := s.MayIWrite("ada@example.org").State; got != "pending" || len(other.posted()) > 0 || other.has("script") > 0 {
		t.Fatalf("another browser made it %q, posting %v", got, other.posted())
	}
	own.open(link)
	own.says("Thank you, it is confirmed")
	s.went("/c/{token}", 200, 1)
	if got := s.MayIWrite("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after the link: %q", got)
	}
	ask[any](own, `history.back()`) // leads to where the person was before, not to the script again
	own.says("Look in your inbox")
	s.went("/c/{token}", 200, 1)
}

func TestWithoutScriptsTheSameBrowserHasAButton(t *testing.T) {
	s, browser := openStreet(t), chromium(t)
	own := visitor(t, browser, s.base).withoutScripts()
	own.signUp(s, "gazette", "ada@example.org")
	link, _ := links(s.Letter("ada@example.org"))
	own.open(link)
	own.says("One click left")
	if got := s.MayIWrite("ada@example.org").State; got != "pending" || own.has(`script[src]`) != 1 {
		t.Fatalf("the link made it %q, with %d scripts", got, own.has("script[src]"))
	}
	own.press("#confirm button")
	own.says("Thank you, it is confirmed")
	s.went("/c/{token}", 200, 1)
	if got := s.MayIWrite("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after the button: %q", got)
	}
}
