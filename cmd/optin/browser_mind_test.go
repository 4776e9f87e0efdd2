package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// People who did not sign up, come late, or change their mind.

func TestSomebodyElseDeclinesAndLifts(t *testing.T) {
	s, browser := openStreet(t), chromium(t)
	s.SignUp("ada@example.org")
	s.SignUp("bob@example.org")
	p := visitor(t, browser, s.base).withoutScripts()
	link, decline := links(s.Letter("ada@example.org"))
	p.open(decline)
	p.says("Was this not you?")
	if status := p.press("main form button"); status != 200 {
		t.Fatalf("declining answers %d", status)
	}
	p.says("No more letters")
	s.went("/c/{token}/decline", 200, 1)
	if got := s.MayIWrite("ada@example.org").State; got != "declined" {
		t.Fatalf("after declining: %q", got)
	}
	if status := p.open(link); status != 409 {
		t.Errorf("the link answers %d", status)
	}
	p.says("No more letters")
	if status := p.press(`form[action$="/unblock"] button`); status != 200 {
		t.Fatalf("lifting answers %d", status)
	}
	p.says("Letters may come again")
	s.went("/c/{token}/unblock", 200, 1)
	p.press(".onward a")
	p.says("Sign up")

	link, _ = links(s.Letter("bob@example.org"))
	p.open(link)
	p.press(`form[action$="/decline"] button`) // the quiet one on the page that asks to confirm
	p.says("No more letters")
	s.went("/c/{token}/decline", 200, 2)
	if got := s.MayIWrite("bob@example.org").State; got != "declined" {
		t.Fatalf("after declining: %q", got)
	}
}

func TestAnExpiredLinkBringsANewLetter(t *testing.T) {
	var link string
	s := openStreet(t, func(w *world) { link = w.longAgo("ada@example.org", "en", 72*time.Hour, false) })
	p := visitor(t, chromium(t), s.base)
	if status := p.open(link); status != 410 {
		t.Errorf("the link answers %d", status)
	}
	p.says("This link has expired")
	if status := p.press(`form[action$="/renew"] button`); status != 202 {
		t.Fatalf("renewing answers %d", status)
	}
	p.says("A new letter is on its way")
	s.went("/c/{token}/renew", 202, 1)
	fresh, _ := links(s.Letter("ada@example.org"))
	p.open(fresh)
	p.press("#confirm button")
	p.says("Thank you, it is confirmed")
	if got := s.MayIWrite("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after the button: %q", got)
	}
}

func TestAPersonTakesBackOnePurposeThenAll(t *testing.T) {
	s, browser := openStreet(t), chromium(t)
	p := visitor(t, browser, s.base)
	p.signUp(s, "club", "ada@example.org")
	link, _ := links(s.Letter("ada@example.org"))
	p.open(link)
	p.says("Thank you, it is confirmed")
	if status := p.press(`a[href*="/u/"]`); status != 200 {
		t.Fatalf("what was agreed to answers %d", status)
	}
	p.says("What you agreed to")
	p.press(`button[value="events"]`)
	p.says("Taken back")
	s.went("/u/{token}", 200, 1)
	states, agreements := s.stateAtTheClub("ada@example.org")
	if d := cmp.Diff(map[string]string{"letter": "confirmed", "events": "withdrawn"}, states); d != "" {
		t.Fatal(d)
	}
	p.open(agreements)
	p.press(".agreed button")
	p.says("Taken back")
	s.went("/u/{token}", 200, 2)
	states, _ = s.stateAtTheClub("ada@example.org")
	if d := cmp.Diff(map[string]string{"letter": "withdrawn", "events": "withdrawn"}, states); d != "" {
		t.Fatal(d)
	}
}
