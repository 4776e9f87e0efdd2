package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

const (
	validFor    = 730 * 24 * time.Hour
	renewBefore = 30 * 24 * time.Hour
)

// newEndingEnv is an env whose consents hold for two years.
func newEndingEnv(t *testing.T) *env {
	sites := rules()
	for i := range sites {
		sites[i].Terms.Validity = consent.Validity{For: validFor, RenewBefore: renewBefore}
	}
	var service *confirm.Service
	e := newEnv(t, func(o *Options) {
		service = serviceWith(t, *o, sites)
		o.Service = service
	})
	e.service = service
	return e
}

// tick runs the timers that are due.
func (e *env) tick() {
	e.Helper()
	jobs, err := e.store.Lease(e.Context(), store.TimerQueue, 100, time.Minute)
	must(e, err)
	for _, job := range jobs {
		must(e, e.service.Clock.Expire(e.Context(), job))
	}
}

// renewable is the email that asks somebody who confirmed whether to renew it.
func (e *env) renewable(email string) confirm.Message {
	e.Helper()
	e.agreed(email)
	e.clock.pass(validFor - renewBefore - time.Hour)
	e.tick()
	m := e.email()
	if m.Type != consent.EmailRenew {
		e.Fatalf("the email is %q", m.Type)
	}
	return m
}

func (e *env) lookup(email string) consent.Status {
	e.Helper()
	var st consent.Status
	e.send("POST", "/v1/sites/gazette/lookup", `{"email":"`+email+`"}`,
		asSite(readKey, "Content-Type", request.MediaJSON)...).read(e, 200, &st)
	return st
}

func TestAPersonRenewsByTheButtonOnThePage(t *testing.T) {
	e := newEndingEnv(t)
	link := e.path(e.renewable("ada@example.org").Confirm)
	until := e.lookup("ada@example.org").Purposes[0].ValidUntil
	if left := until.Sub(e.clock.now()); left != renewBefore {
		t.Fatalf("valid for another %v", left)
	}
	for format, want := range map[string]string{
		"ndjson": `"valid_until":"2028-11-20T18:00:00Z"`, "csv": `"2028-11-20T18:00:00.000Z"` + "\r\n",
	} {
		a := e.send("GET", "/v1/sites/gazette/export?format="+format, "", asSite(readKey)...)
		if !strings.Contains(a.body, want) {
			t.Errorf("the export as %s has no %q: %s", format, want, a.body)
		}
	}
	page := e.send("GET", link, "").page(t)
	if h1 := page.Find("h1").Text(); h1 != "Do you still want this?" {
		t.Errorf("the page is headed %q", h1)
	}
	for _, want := range []string{"On 21 November 2026", "ends on 20 November 2028"} {
		if text := page.Find("main").Text(); !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	for range 3 { // looking is not agreeing
		e.send("GET", link, "")
		e.send("HEAD", link, "")
	}
	if got := e.lookup("ada@example.org").Purposes[0].ValidUntil; !got.Equal(until) {
		t.Errorf("after looking it is valid until %v", got)
	}
	e.clock.pass(time.Hour)
	if a := e.send("POST", link, "", "Accept", request.MediaJSON); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p := e.lookup("ada@example.org").Purposes[0]
	if !p.Since.Equal(e.clock.now()) || p.ValidUntil.Sub(p.Since) != validFor {
		t.Errorf("renewed, it stands since %v until %v", p.Since, p.ValidUntil)
	}
	e.clock.pass(renewBefore)
	e.tick()
	if n := len(e.emails()); n > 0 {
		t.Errorf("%d emails at the end of the old one", n)
	}
	if got := e.lookup("ada@example.org").State; got != consent.Confirmed {
		t.Errorf("at the end of the old one it is %s", got)
	}
}

func TestNoToARenewalEndsTheConsentAtOnceAndNothingElse(t *testing.T) {
	e := newEndingEnv(t)
	m := e.renewable("ada@example.org")
	page := e.send("GET", e.path(m.Decline), "").page(t)
	if text := page.Find("main").Text(); !strings.Contains(text, "your consent ends at once") {
		t.Errorf("the page says %q", text)
	}
	if got := e.lookup("ada@example.org").State; got != consent.Confirmed {
		t.Errorf("looking made it %s", got)
	}
	for range 2 { // a second press is the same
		page = e.send("POST", e.path(m.Decline)+"/decline", "").page(t)
		if h1 := page.Find("h1").Text(); h1 != "You are unsubscribed" {
			t.Errorf("the page is headed %q", h1)
		}
	}
	if got := e.lookup("ada@example.org").State; got != consent.Withdrawn {
		t.Errorf("it is %s", got)
	}
	if a := e.send("POST", e.path(m.Confirm), "", "Accept", request.MediaJSON); a.status != http.StatusConflict {
		t.Errorf("the other link: %d %s", a.status, a.body)
	}
	e.clock.pass(time.Hour)
	e.signUp("ada@example.org") // the mailbox is not blocked
	if m := e.email(); m.Type != consent.EmailConfirm {
		t.Errorf("a new signup: %q", m.Type)
	}
}

func TestAConsentThatEndedByItselfIsSaidToHave(t *testing.T) {
	e := newEndingEnv(t)
	m := e.renewable("ada@example.org")
	agreements := e.path(m.Unsubscribe)
	if text := e.send("GET", agreements, "").page(t).Find(".agreed").Text(); !strings.Contains(text,
		"Ends by itself on 20 November 2028") {
		t.Errorf("before the end, the page says %q", text)
	}
	e.clock.pass(renewBefore)
	check := func() {
		t.Helper()
		st := e.lookup("ada@example.org")
		if st.State != consent.Expired || st.Purposes[0].Reason != consent.ReasonValidity || st.UnsubscribeURL != nil {
			t.Errorf("after the end: %+v", st)
		}
		var may consent.Permission
		e.send("POST", "/v1/sites/gazette/lookup", `{"email":"ada@example.org","for":"letter"}`,
			asSite(readKey, "Content-Type", request.MediaJSON)...).read(e, 200, &may)
		if may.Allowed || may.Reason != consent.ReasonValidity {
			t.Errorf("after the end: %+v", may)
		}
	}
	check() // also before the clock has come by
	e.tick()
	check()
	if text := e.send("GET", agreements, "").page(t).Find(".agreed").Text(); !strings.Contains(text, "ended, ") {
		t.Errorf("after the end, the page says %q", text)
	}
	if a := e.send("POST", e.path(m.Confirm), "", "Accept", request.MediaJSON); a.status != http.StatusGone {
		t.Errorf("the link of the renewal: %d %s", a.status, a.body)
	}
	all := e.actions("/v1/sites/gazette/subscriptions/" + e.id("ada@example.org"))
	if last := all[len(all)-1]; last != consent.StepValidityEnded {
		t.Errorf("the last thing that happened: %s", last)
	}
}
