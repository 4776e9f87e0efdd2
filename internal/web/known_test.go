package web

import (
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// knownStates are what may be known of an address; full is that its mailbox gets no more emails, in a spelling that was
// not seen yet.
var knownStates = []string{
	"expired", "undeliverable", "pending", "confirmed", "declined", "objected", "withdrawn", "erased", "full",
}

// knownAt makes one address of a domain known as each of knownStates says, and returns them by it.
func (e *env) knownAt(domain string) map[string]string {
	e.Helper()
	all := map[string]string{}
	for _, state := range knownStates {
		all[state], _ = e.knownAs(state, domain)
	}
	return all
}

// knownAs makes an address known at a domain as a state says, and returns it and the path of its link, if it has one.
func (e *env) knownAs(state, domain string) (email, link string) {
	e.Helper()
	if state == "full" {
		for n := range 8 { // more than may wait for a mailbox
			e.signUp("full+" + strings.Repeat("x", n+1) + "@" + domain)
		}
		if n := len(e.emails()); n >= 8 {
			e.Fatalf("%d emails are due to the mailbox that is full", n)
		}
		return "full+new@" + domain, ""
	}
	email = state + "@" + domain
	e.signUp(email)
	d := e.email()
	link = e.path(d.Confirm)
	switch state {
	case "expired":
		e.clock.pass(49 * time.Hour)
		e.expire()
	case "undeliverable":
		e.hand(mediaMessage, failedTo(d.ReturnPath+"@bounces.gazette.example"))
	case "confirmed":
		e.send("POST", link, "")
	case "declined":
		e.send("POST", link+"/decline", "")
	case "objected":
		e.send("POST", "/v1/sites/gazette/objections", `{"email":"`+email+`"}`,
			asSite(writeKey, "Content-Type", request.MediaJSON)...)
		if got := e.state(email); got != consent.Declined {
			e.Fatalf("%s is %q", email, got)
		}
		return email, link
	case "withdrawn":
		u, _ := e.send("POST", link, "").page(e).Find(`a[href*="/u/"]`).Attr("href")
		e.send("POST", e.path(u), "List-Unsubscribe=One-Click", "Content-Type", request.MediaForm)
	case "erased":
		e.send("DELETE", e.subscriptionPath(email), "", asSite(writeKey)...)
	}
	if got := string(e.state(email)); got != state && state != "erased" {
		e.Fatalf("%s is %q", email, got)
	}
	return email, link
}

// expire runs the jobs that expire what is due.
func (e *env) expire() {
	e.Helper()
	due, err := e.store.Lease(e.Context(), store.TimerQueue, 100, time.Minute)
	must(e, err)
	for _, job := range due {
		must(e, e.service.Clock.Expire(e.Context(), job))
	}
}
