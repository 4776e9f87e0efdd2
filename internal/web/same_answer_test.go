package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// known are the addresses of which something is known, by what it is; full is one whose mailbox gets no more emails, in
// a spelling that was not seen yet.
func (e *env) known() map[string]string { return e.knownAt("b.example") }

// knownAt is known at a domain.
func (e *env) knownAt(domain string) map[string]string {
	e.Helper()
	all := map[string]string{"full": "full+new@" + domain}
	for _, state := range []string{"expired", "undeliverable", "pending", "confirmed", "declined", "withdrawn",
		"erased"} {
		all[state] = state + "@" + domain
		e.signUp(all[state])
		d := e.email()
		link := e.path(d.Confirm)
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
		case "withdrawn":
			u, _ := e.send("POST", link, "").page(e).Find(`a[href*="/u/"]`).Attr("href")
			e.send("POST", e.path(u), "List-Unsubscribe=One-Click", "Content-Type", request.MediaForm)
		case "erased":
			e.send("DELETE", e.subscriptionPath(all[state]), "", asSite(writeKey)...)
		}
		if got := string(e.state(all[state])); got != state && state != "erased" {
			e.Fatalf("%s is %q", all[state], got)
		}
	}
	for n := range 8 { // more than may wait for a mailbox
		e.signUp("full+" + strings.Repeat("x", n+1) + "@" + domain)
	}
	if n := len(e.emails()); n >= 8 {
		e.Fatalf("%d emails are due to the mailbox that is full", n)
	}
	return all
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

func TestTheAnswerTellsNothingOfTheAddress(t *testing.T) {
	e := newEnv(t)
	known := e.known()
	cookie := []string{"Cookie", "__Host-optin=AAAAAAAAAAAAAAAAAAAAAA"}
	for kind, send := range map[string]func(email string) answer{
		"JSON": func(email string) answer {
			return e.send("POST", signupPath, `{"email":"`+email+`","consent":true}`, "Content-Type", request.MediaJSON)
		},
		"form": func(email string) answer {
			return e.send("POST", signupPath, url.Values{"email": {email}, "consent": {"on"}}.Encode(), "Content-Type",
				request.MediaForm, "Accept", "text/html")
		},
		"hosted": func(email string) answer {
			form := e.hosted("gazette", url.Values{"email": {email}, "consent": {"on"}}.Encode())
			return e.send("POST", signupPath, form,
				append(cookie, "Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL)...)
		},
	} {
		want := comparable(send(kind + "-unknown@b.example"))
		for state, email := range known {
			if diff := cmp.Diff(want, comparable(send(email))); diff != "" {
				t.Errorf("%s: the answer for one that is %s differs: %s", kind, state, diff)
			}
		}
	}
	for _, d := range e.emails() {
		if d.To.String() == known["full"] {
			t.Error("a mailbox that gets no more emails got one, so this proves nothing of it")
		}
	}
}
