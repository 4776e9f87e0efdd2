package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/browsertest"
)

// These tests are about people who did not sign up, come too late, or change their minds.

func TestSomebodyElseDeclinesAndUnblocks(t *testing.T) {
	t.Parallel()
	e, browser := startPages(t), browsertest.Start(t)
	e.SignUp("ada@example.org")
	e.SignUp("bob@example.org")
	p := newProfile(t, browser, e.base).withoutScripts()
	link, decline := emailLinks(e.Email("ada@example.org"))
	p.open(decline)
	p.wantHeading("Was this not you?")
	if status := p.click("main form button"); status != 200 {
		t.Fatalf("declining returns %d", status)
	}
	p.wantHeading("No more emails")
	e.wantPosts("/c/{token}/decline", 200, 1)
	if got := e.Lookup("ada@example.org").State; got != "declined" {
		t.Fatalf("after declining: %q", got)
	}
	if status := p.open(link); status != 409 {
		t.Errorf("the link returns %d", status)
	}
	p.wantHeading("No more emails")
	if status := p.click(`form[action$="/unblock"] button`); status != 200 {
		t.Fatalf("unblocking returns %d", status)
	}
	p.wantHeading("Emails are allowed again")
	e.wantPosts("/c/{token}/unblock", 200, 1)
	p.click(".onward a")
	p.wantHeading("Sign up")

	link, _ = emailLinks(e.Email("bob@example.org"))
	p.open(link)
	p.click(`form[action$="/decline"] button`) // the quiet one on the page that asks to confirm
	p.wantHeading("No more emails")
	e.wantPosts("/c/{token}/decline", 200, 2)
	if got := e.Lookup("bob@example.org").State; got != "declined" {
		t.Fatalf("after declining: %q", got)
	}
}

func TestAnExpiredLinkSendsANewEmail(t *testing.T) {
	t.Parallel()
	var link string
	e := startPages(t, func(e *env) { link = e.signedUpBefore("ada@example.org", "en", 72*time.Hour, false) })
	p := newProfile(t, browsertest.Start(t), e.base)
	if status := p.open(link); status != 410 {
		t.Errorf("the link returns %d", status)
	}
	p.wantHeading("This link has expired")
	if status := p.click(`form[action$="/renew"] button`); status != 202 {
		t.Fatalf("renewing returns %d", status)
	}
	p.wantHeading("A new email is on its way")
	e.wantPosts("/c/{token}/renew", 202, 1)
	fresh, _ := emailLinks(e.Email("ada@example.org"))
	p.open(fresh)
	p.click("#confirm button")
	p.wantHeading("Thank you, it is confirmed")
	if got := e.Lookup("ada@example.org").State; got != "confirmed" {
		t.Fatalf("after the button: %q", got)
	}
}

func TestAPersonWithdrawsOnePurposeThenAll(t *testing.T) {
	t.Parallel()
	e, browser := startPages(t), browsertest.Start(t)
	p := newProfile(t, browser, e.base)
	p.signUp(e, "club", "ada@example.org")
	link, _ := emailLinks(e.Email("ada@example.org"))
	p.open(link)
	p.wantHeading("Thank you, it is confirmed")
	if status := p.click(`a[href*="/u/"]`); status != 200 {
		t.Fatalf("what was agreed to returns %d", status)
	}
	p.wantHeading("Unsubscribe")
	p.click(`button[value="events"]`)
	p.wantHeading("Your choice is saved")
	e.wantPosts("/u/{token}", 200, 1)
	states, agreements := e.clubState("ada@example.org")
	if d := cmp.Diff(map[string]string{"letter": "confirmed", "events": "withdrawn"}, states); d != "" {
		t.Fatal(d)
	}
	p.open(agreements)
	p.click(".agreed button")
	p.wantHeading("You are unsubscribed")
	e.wantPosts("/u/{token}", 200, 2)
	states, _ = e.clubState("ada@example.org")
	if d := cmp.Diff(map[string]string{"letter": "withdrawn", "events": "withdrawn"}, states); d != "" {
		t.Fatal(d)
	}
}
