package web

import (
	"archive/zip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// agreed is the path of the page of what an address agreed to, which it confirmed an hour ago.
func (e *env) agreed(email string) string {
	e.Helper()
	e.signUp(email)
	page := e.send("POST", e.path(e.email().Confirm), "").page(e)
	e.clock.pass(time.Hour)
	return e.path(page.Find(`a[href*="/u/"]:not([download])`).AttrOr("href", ""))
}

// claimed is the path of the link that is mailed for a right.
func (e *env) claimed(agreements, right string) string {
	e.Helper()
	a := e.send("POST", agreements+"/"+right, "")
	if a.status != http.StatusAccepted {
		e.Fatalf("%s: %d %s", right, a.status, a.body)
	}
	m := e.email()
	if string(m.Type) != right {
		e.Fatalf("the email is %q", m.Type)
	}
	return e.path(m.Confirm)
}

// actions are what happened to a subscription.
func (e *env) actions(one string) (all []consent.StepAction) {
	e.Helper()
	var got struct{ Events []consent.Step }
	e.send("GET", one+"/events", "", asSite(readKey)...).read(e, 200, &got)
	for _, step := range got.Events {
		all = append(all, step.Action)
	}
	return all
}

func TestThePageOfWhatWasAgreedToSaysHowItWas(t *testing.T) {
	e := newEnv(t)
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"source":"https://gazette.example/join"}`,
		"Content-Type", request.MediaJSON)
	page := e.send("POST", e.path(e.email().Confirm), "").page(t)
	agreements := e.path(page.Find(`a[href*="/u/"]:not([download])`).AttrOr("href", ""))
	a := e.send("GET", agreements, "")
	text := a.page(t).Find(".agreed").Text()
	for _, want := range []string{"21 November 2026", "https://gazette.example/join", "198.51.100.0/24"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there: %s", want, text)
		}
	}
	if strings.Contains(a.body, clientIP) || strings.Contains(a.body, "ada@b.example") {
		t.Error("who got the link forwarded sees an IP or an address in full")
	}
}

func TestACopyComesByALinkOfItsOwn(t *testing.T) {
	e := newEnv(t)
	agreements := e.agreed("ada@b.example")
	one := e.subscriptionPath("ada@b.example")
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`, "Content-Type", request.MediaJSON,
		"X-Forwarded-For", "203.0.113.77") // somebody else, perhaps
	e.emails()
	e.clock.pass(time.Hour)
	link := e.claimed(agreements, "copy")
	before := len(e.actions(one))
	for _, method := range []string{"GET", "HEAD"} {
		if a := e.send(method, link, ""); a.status != 200 || a.media() != "text/html" {
			t.Errorf("%s: %d %s", method, a.status, a.media())
		}
	}
	foot := e.send("GET", link, "").page(t).Find(".reference").Text()
	if !strings.Contains(foot, e.id("ada@b.example")) {
		t.Errorf("the foot of the page is %q", foot)
	}
	button := agreements + "/copy?lang=fr"
	if a := e.send("GET", button, ""); a.status != 303 || a.header.Get("Location") != agreements+"?lang=fr" {
		t.Errorf("the page behind a button, reloaded: %d %s", a.status, a.header.Get("Location"))
	}
	if form := e.send("GET", link, "").forms(t); len(form) != 1 || form[0] != link {
		t.Errorf("%v", form)
	}
	if now := len(e.actions(one)); now != before {
		t.Errorf("to look at the page is one of %d events, before %d", now, before)
	}
	a := e.send("POST", link, "", "Accept", "text/html")
	z, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil || a.status != 200 || a.media() != dossier.MediaZIP ||
		a.header.Get("Content-Disposition") != `attachment; filename="gazette.zip"` {
		t.Fatalf("%d %s %v", a.status, a.media(), err)
	}
	parts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		parts[f.Name] = string(b)
	}
	for _, name := range []string{"dossier.html", "dossier.json"} {
		if !strings.Contains(parts[name], clientIP) || !strings.Contains(parts[name], "203.0.113.0/24") ||
			strings.Contains(parts[name], "203.0.113.77") {
			t.Errorf("%s has not the IPs that it should: %s", name, parts[name])
		}
	}
	for name, part := range parts {
		if strings.Contains(part, link[3:]) || strings.Contains(part, agreements[3:]) {
			t.Errorf("%s has a link that works", name)
		}
	}
	var copied, asked int
	for _, action := range e.actions(one) {
		switch action {
		case consent.StepCopied:
			copied++
		case consent.StepCopyAsked:
			asked++
		}
	}
	if copied != 1 || asked != 1 {
		t.Errorf("the timeline: asked %d times, copied %d", asked, copied)
	}
	if a := e.send("POST", link, ""); a.status != 200 {
		t.Errorf("again: %d", a.status)
	}
	e.clock.pass(25 * time.Hour)
	for _, method := range []string{"GET", "POST"} {
		a := e.send(method, link, "", "Accept", request.MediaJSON)
		if code, _ := a.problem(t); a.status != 410 || code != "link_expired" {
			t.Errorf("%s after a day: %d %s", method, a.status, a.body)
		}
		if a := e.send(method, link, "", "Accept", "text/html"); a.status != 410 || len(a.forms(t)) != 0 ||
			!strings.Contains(a.page(t).Find(".reference").Text(), e.id("ada@b.example")) {
			t.Errorf("%s after a day: %d", method, a.status)
		}
	}
}

func TestAnErasureComesByALinkOfItsOwnAndTheWebsiteIsTold(t *testing.T) {
	e := newWebhookEnv(t)
	agreements := e.agreed("ada@b.example")
	one := e.subscriptionPath("ada@b.example")
	link := e.claimed(agreements, "erase")
	e.send("GET", link, "")
	if a := e.send("GET", one, "", asSite(readKey)...); a.status != 200 {
		t.Fatalf("to look at the page erases: %d", a.status)
	}
	if a := e.send("POST", link, "", "Origin", "https://evil.example", "Sec-Fetch-Site",
		"cross-site"); a.status != 403 {
		t.Errorf("another site's page erases: %d", a.status)
	}
	var is struct{ State string }
	e.send("POST", link, "", "Accept", request.MediaJSON).read(t, 200, &is)
	if is.State != "erased" {
		t.Errorf("%+v", is)
	}
	if a := e.send("GET", one, "", asSite(readKey)...); a.status != 404 {
		t.Errorf("after the erasure: %d %s", a.status, a.body)
	}
	for _, method := range []string{"GET", "POST"} {
		if a := e.send(method, link, "", "Accept", "text/html"); a.status != 200 || len(a.forms(t)) != 0 {
			t.Errorf("%s again: %d", method, a.status)
		}
	}
	e.agreed("ada@b.example")
	a := e.send("POST", link, "", "Accept", request.MediaJSON)
	if code, _ := a.problem(t); a.status != 404 || code != "link_unknown" {
		t.Errorf("the old link of who signed up anew: %d %s", a.status, a.body)
	}
	if a := e.send("GET", e.subscriptionPath("ada@b.example"), "", asSite(readKey)...); a.status != 200 {
		t.Errorf("who signed up anew: %d", a.status)
	}
}

// The holder of a forwarded link learns nothing from the responses, and cannot flood the mailbox.
func TestAClaimIsAnsweredTheSameAndMailedWithinTheLimits(t *testing.T) {
	e := newEnv(t)
	agreements := e.agreed("ada@b.example")
	first, mails := e.send("POST", agreements+"/copy", ""), 0
	for range 20 {
		if a := e.send("POST", agreements+"/copy", ""); comparable(a) != comparable(first) {
			t.Fatalf("%d %s, first %d %s", a.status, a.body, first.status, first.body)
		}
		e.send("POST", agreements+"/erase", "")
		mails += len(e.emails())
		e.clock.pass(time.Minute)
	}
	if mails != 2 { // one in ten minutes
		t.Errorf("%d emails in 20 minutes", mails)
	}
	answered := func(state string) {
		t.Helper()
		if a := e.send("POST", agreements+"/copy", ""); comparable(a) != comparable(first) {
			t.Errorf("%s: %d %s", state, a.status, a.body)
		}
	}
	e.send("POST", agreements, "")
	answered("withdrawn")
	e.clock.pass(25 * time.Hour)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm)+"/decline", "")
	answered("declined")
	if left := e.emails(); len(left) > 0 {
		t.Errorf("who declined gets %d emails", len(left))
	}
	for _, path := range []string{"/copy", "/erase"} {
		if a := e.send("GET", agreements+path, ""); a.status != 303 || a.header.Get("Location") != agreements {
			t.Errorf("%s opened: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
}

func TestRightsAreRefusedAsTheOtherButtonsAre(t *testing.T) {
	json := []string{"Accept", request.MediaJSON}
	e := newEnv(t, emailsOf(t, []store.Limit{{N: 3, Per: 24 * time.Hour}}, nil))
	agreements := e.agreed("ada@b.example")
	link := e.claimed(agreements, "copy")
	for _, path := range []string{agreements + "/copy", agreements + "/erase", link} {
		a := e.send("POST", path, "", append(json, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")...)
		if code, _ := a.problem(t); a.status != 403 || code != "cross_site" {
			t.Errorf("%s from a page of another site: %d %s", path, a.status, a.body)
		}
	}
	if a := e.send("GET", link+".", ""); a.status != 303 || a.header.Get("Location") != link {
		t.Errorf("a damaged link: %d %s", a.status, a.header.Get("Location"))
	}
	e.clock.pass(11 * time.Minute)
	e.claimed(agreements, "erase")
	e.clock.pass(11 * time.Minute)
	for _, right := range []string{"/copy", "/erase"} { // the site's three emails of the day are gone
		a := e.send("POST", agreements+right, "", json...)
		if code, _ := a.problem(t); a.status != 503 || code != "busy" {
			t.Errorf("%s: %d %s", right, a.status, a.body)
		}
	}
}

func TestARightClaimedJustAfterAnotherEmailIsMailedAsThePageSays(t *testing.T) {
	e := newEnv(t)
	agreements := e.agreed("ada@example.org")
	at := e.send("POST", agreements+"/copy", "")
	e.email()
	e.clock.pass(time.Minute)
	now := e.send("POST", agreements+"/erase", "")
	if now.status != at.status || now.page(t).Find("main").Text() != at.page(t).Find("main").Text() {
		t.Errorf("%d, and the page says something else: %s", now.status, now.body)
	}
	e.clock.pass(9*time.Minute - time.Second)
	if n := len(e.emails()); n > 0 {
		t.Fatalf("%d emails within ten minutes of another", n)
	}
	e.clock.pass(time.Second)
	if m := e.email(); m.Type != consent.EmailErase {
		t.Errorf("the email is %q", m.Type)
	}
}
