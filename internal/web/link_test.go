package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/web/request"
)

func TestALinkThatIsNotOursOpensNothing(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	d := w.email()
	token, decline := w.path(d.Confirm)[3:], w.path(d.Decline)[3:]
	w.send("POST", "/c/"+token, "")
	unsubscribe := w.path(mustView(t, w, token).Unsubscribe)[3:]
	other, err := keyring.New(bytes.Repeat([]byte("x"), 32))
	must(t, err)
	foreign, err := confirm.New(confirm.Options{Store: w.store, Keyring: other, PublicURL: publicURL, Sites: rules(), Now: w.clock.now})
	must(t, err)
	_, err = foreign.View(t.Context(), token)
	if err == nil {
		t.Fatal("another secret opens the link")
	}
	bad := []string{"undefined", "null", "0", ".", "..", "a.b.c", token + "%0A", token + "%20", token + "=", token + ".", token + "%3E", token + "x",
		strings.Replace(token, ".", "%2E", 1), strings.ToUpper(token), "eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".", strings.Repeat("a.", 4000)}
	for n := 1; n < len(token); n += 1 + n/8 {
		bad = append(bad, token[:len(token)-n], token[n:])
	}
	acts := []string{"", "/decline", "/unblock", "/renew"}
	check := func(method, path string) {
		a := w.send(method, path, "")
		if a.status != 404 || a.page(t).Find("[role=status] h1").Length() != 1 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %.60s: %d %.80s", method, path, a.status, a.body)
		}
		if j := w.send(method, path, "", "Accept", request.MediaJSON); j.status != 404 {
			t.Errorf("%s %.60s for a program: %d", method, path, j.status)
		} else if top, _ := j.problem(t); top != "link_unknown" {
			t.Errorf("%s %.60s: %s", method, path, top)
		}
	}
	for _, b := range bad {
		for _, act := range acts {
			check("POST", "/c/"+b+act)
		}
		check("GET", "/c/"+b)
		check("GET", "/u/"+b)
		check("POST", "/u/"+b)
	}
	for _, wrong := range []string{"/c/" + unsubscribe, "/c/" + unsubscribe + "/decline", "/c/" + unsubscribe + "/unblock", "/c/" + unsubscribe + "/renew",
		"/u/" + token, "/u/" + decline, "/c/" + decline, "/c/" + decline + "/renew"} {
		check("POST", wrong)
	}
	if got := w.state("ada@b.example"); got != consent.Confirmed {
		t.Errorf("the state is %s afterwards", got)
	}
}

func mustView(t *testing.T, w *env, token string) confirm.View {
	t.Helper()
	v, err := w.service.View(t.Context(), token)
	must(t, err)
	return v
}

func TestAnExpiredLinkOffersANewLetter(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	d := w.email()
	link := w.path(d.Confirm)
	w.clock.pass(49 * time.Hour)
	for _, method := range []string{"GET", "POST"} {
		a := w.send(method, link, "")
		if want := []string{link + "/renew"}; a.status != 410 || len(a.forms(t)) != 2 || a.forms(t)[0] != want[0] {
			t.Errorf("%s: %d, forms %v", method, a.status, a.forms(t))
		}
		if top, _ := w.send(method, link, "", "Accept", request.MediaJSON).problem(t); top != "link_expired" {
			t.Errorf("%s: %s", method, top)
		}
	}
	if a := w.send("POST", link+"/renew", ""); a.status != 202 || a.page(t).Find("form").Length() != 0 {
		t.Errorf("renewal: %d %s", a.status, a.body)
	}
	again := w.email()
	if again.To != d.To || again.Confirm == d.Confirm {
		t.Errorf("the new letter is to %s, its link new: %t", again.To, again.Confirm != d.Confirm)
	}
	if a := w.send("POST", w.path(again.Confirm), ""); a.status != 200 || w.state("ada@b.example") != consent.Confirmed {
		t.Errorf("the new link: %d", a.status)
	}
	if a := w.send("POST", w.path(again.Confirm)+"/renew", ""); a.status != 200 || len(w.emails()) != 0 {
		t.Errorf("renewing what is confirmed: %d", a.status)
	}
	w.clock.pass(3000 * time.Hour)
	if a := w.send("GET", w.path(d.Decline), ""); a.status != 200 && a.status != 410 || len(a.forms(t)) != 1 {
		t.Errorf("a decline link of old: %d %s", a.status, a.body)
	}
}

func TestALinkOfSomethingForgottenStillDeclines(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	d := w.email()
	w.clock.pass(90 * 24 * time.Hour)
	for link, forms := range map[string]int{d.Confirm: 1, d.Decline: 1} {
		a := w.send("GET", w.path(link), "")
		if a.status != 410 || len(a.forms(t)) != forms || !strings.HasSuffix(a.forms(t)[0], "/decline") || strings.Contains(a.body, "0001") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	a := w.send("POST", w.send("GET", w.path(d.Confirm), "").forms(t)[0], "")
	if a.status != 200 || len(a.forms(t)) != 1 {
		t.Fatalf("declining: %d %s", a.status, a.body)
	}
	w.signUp("ada@b.example")
	if n := len(w.emails()); n != 0 {
		t.Errorf("%d emails are due to who declined", n)
	}
}

func TestDecliningHoldsUntilItIsLifted(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	d := w.email()
	link := w.path(d.Confirm)
	page := w.send("GET", w.path(d.Decline), "")
	a := w.send("POST", page.forms(t)[0], "")
	if page.status != 200 || a.status != 200 || w.state("ada@b.example") != consent.Declined {
		t.Fatalf("declining: %d, then %d, %s", page.status, a.status, w.state("ada@b.example"))
	}
	lift := a.forms(t)[0]
	for _, p := range []struct{ method, path string }{{"GET", link}, {"POST", link}, {"POST", link + "/renew"}, {"GET", w.path(d.Decline)}} {
		a := w.send(p.method, p.path, "")
		if a.status != 409 || len(a.forms(t)) != 1 || !strings.HasSuffix(a.forms(t)[0], "/unblock") {
			t.Errorf("%s %.20s…: %d %s", p.method, p.path, a.status, a.body)
		}
		if top, _ := w.send(p.method, p.path, "", "Accept", request.MediaJSON).problem(t); top != "declined" {
			t.Errorf("%s: %s", p.method, top)
		}
	}
	if a := w.send("POST", lift, ""); a.status != 200 || w.state("ada@b.example") == consent.Confirmed {
		t.Errorf("lifting: %d, %s", a.status, w.state("ada@b.example"))
	}
	if a := w.send("GET", lift, ""); a.status != 303 || w.send("GET", a.header.Get("Location"), "").status != 200 {
		t.Errorf("reloading the page: %d", a.status)
	}
	if a := w.send("POST", link, ""); a.status != 409 || a.page(t).Find(`a[href="/s/gazette"]`).Length() != 1 {
		t.Errorf("the old link after lifting: %d %s", a.status, a.body)
	}
	w.clock.pass(time.Hour)
	w.signUp("ada@b.example")
	w.email()
}
