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
	e := newEnv(t)
	e.signUp("ada@b.example")
	d := e.email()
	token, decline := e.path(d.Confirm)[3:], e.path(d.Decline)[3:]
	e.send("POST", "/c/"+token, "")
	unsubscribe := e.path(mustView(t, e, token).Unsubscribe)[3:]
	other, err := keyring.New(bytes.Repeat([]byte("x"), 32))
	must(t, err)
	o := e.web.Options
	o.Keyring = other
	foreign := serviceWith(t, o, rules())
	_, err = foreign.Person.View(t.Context(), token)
	if err == nil {
		t.Fatal("another secret opens the link")
	}
	bad := []string{"undefined", "null", "0", ".", "..", "a.b.c", token + "x", strings.ToUpper(token),
		"eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".", strings.Repeat("a.", 4000)}
	for n := 1; n < len(token); n += 1 + n/8 {
		bad = append(bad, token[:len(token)-n], token[n:])
	}
	acts := []string{"", "/decline", "/unblock", "/renew"}
	check := func(method, path string) {
		a := e.send(method, path, "")
		if a.status != 404 || a.page(t).Find("[role=status] h1").Length() != 1 ||
			a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %.60s: %d %.80s", method, path, a.status, a.body)
		}
		if j := e.send(method, path, "", "Accept", request.MediaJSON); j.status != 404 {
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
	// No button is pressed at an address that is not to the letter.
	for _, damaged := range []string{token + "%0A", token + "%20", token + "=", token + ".", token + "%3E",
		strings.Replace(token, ".", "%2E", 1)} {
		for _, act := range acts {
			check("POST", "/c/"+damaged+act)
		}
		check("GET", "/u/"+damaged)
		check("POST", "/u/"+damaged)
	}
	for _, wrong := range []string{"/c/" + unsubscribe, "/c/" + unsubscribe + "/decline",
		"/c/" + unsubscribe + "/unblock", "/c/" + unsubscribe + "/renew",
		"/u/" + token, "/u/" + decline, "/c/" + decline, "/c/" + decline + "/renew"} {
		check("POST", wrong)
	}
	if got := e.state("ada@b.example"); got != consent.Confirmed {
		t.Errorf("the state is %s afterwards", got)
	}
}

func TestADamagedLinkLeadsToItsPage(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	d := e.email()
	confirmation, decline := e.path(d.Confirm), e.path(d.Decline)
	e.send("POST", confirmation, "")
	unsubscribe := e.path(mustView(t, e, confirmation[3:]).Unsubscribe)
	damage := map[string]func(page, token string) string{
		"a full stop":     func(p, token string) string { return p + token + "." },
		"a bracket":       func(p, token string) string { return p + "%3C" + token + "%3E" },
		"spaces":          func(p, token string) string { return p + "%20" + token + "%C2%A0" },
		"a line break":    func(p, token string) string { return p + token[:80] + "%0D%0A" + token[80:] },
		"escapes":         func(p, token string) string { return p + strings.ReplaceAll(token, ".", "%2E") },
		"a slash":         func(p, token string) string { return p + token + "/" },
		"a slash inside":  func(p, token string) string { return p + token[:80] + "/" + token[80:] },
		"a parameter":     func(p, token string) string { return p + token + "&utm_source=x" },
		"an escaped page": func(p, token string) string { return p[:2] + "%2f" + token },
		"and a query":     func(p, token string) string { return p + token + ")?utm_source=x" },
		"a soft break":    func(p, token string) string { return p + token[:70] + "%3D" + token[70:] },
		"a word behind":   func(p, token string) string { return p + token + "%0Athanks" },
	}
	for _, link := range []string{confirmation, decline, unsubscribe} {
		for name, do := range damage {
			for _, method := range []string{"GET", "HEAD"} {
				a := e.send(method, do(link[:3], link[3:]), "")
				if a.status != 303 || a.header.Get("Location") != link || a.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s, %s of %.3s: %d to %q", name, method, link, a.status, a.header.Get("Location"))
				}
			}
		}
	}
	if e.state("ada@b.example") != consent.Confirmed {
		t.Errorf("the state is %s", e.state("ada@b.example"))
	}
	// A mail program's one-click button follows no redirect.
	for name, do := range damage {
		email := strings.ReplaceAll(name, " ", "-") + "@b.example"
		e.signUp(email)
		link := e.path(e.email().Confirm)
		e.send("POST", link, "")
		back := e.path(mustView(t, e, link[3:]).Unsubscribe)
		a := e.send("POST", do("/u/", back[3:]), "List-Unsubscribe=One-Click", "Content-Type", request.MediaForm)
		if a.status != 200 || e.state(email) != consent.Withdrawn {
			t.Errorf("%s, one click: %d, %s", name, a.status, e.state(email))
		}
	}
}

func mustView(t *testing.T, e *env, token string) confirm.View {
	t.Helper()
	v, err := e.service.Person.View(t.Context(), token)
	must(t, err)
	return v
}

func TestAnExpiredLinkOffersANewEmail(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	d := e.email()
	link := e.path(d.Confirm)
	e.clock.pass(49 * time.Hour)
	for _, method := range []string{"GET", "POST"} {
		a := e.send(method, link, "")
		if want := []string{link + "/renew"}; a.status != 410 || len(a.forms(t)) != 2 || a.forms(t)[0] != want[0] {
			t.Errorf("%s: %d, forms %v", method, a.status, a.forms(t))
		}
		if top, _ := e.send(method, link, "", "Accept", request.MediaJSON).problem(t); top != "link_expired" {
			t.Errorf("%s: %s", method, top)
		}
	}
	if a := e.send("POST", link+"/renew", ""); a.status != 202 || a.page(t).Find("form").Length() != 0 {
		t.Errorf("renewal: %d %s", a.status, a.body)
	}
	again := e.email()
	if again.To != d.To || again.Confirm == d.Confirm {
		t.Errorf("the new email is to %s, its link new: %t", again.To, again.Confirm != d.Confirm)
	}
	if a := e.send("POST", e.path(again.Confirm), ""); a.status != 200 ||
		e.state("ada@b.example") != consent.Confirmed {
		t.Errorf("the new link: %d", a.status)
	}
	if a := e.send("POST", e.path(again.Confirm)+"/renew", ""); a.status != 200 || len(e.emails()) != 0 {
		t.Errorf("renewing what is confirmed: %d", a.status)
	}
	e.clock.pass(3000 * time.Hour)
	if a := e.send("GET", e.path(d.Decline), ""); a.status != 200 && a.status != 410 || len(a.forms(t)) != 1 {
		t.Errorf("a decline link of old: %d %s", a.status, a.body)
	}
}

func TestALinkOfSomethingForgottenStillDeclines(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	d := e.email()
	e.clock.pass(90 * 24 * time.Hour)
	for link, forms := range map[string]int{d.Confirm: 1, d.Decline: 1} {
		a := e.send("GET", e.path(link), "")
		if a.status != 410 || len(a.forms(t)) != forms || !strings.HasSuffix(a.forms(t)[0], "/decline") ||
			strings.Contains(a.body, "0001") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	a := e.send("POST", e.send("GET", e.path(d.Confirm), "").forms(t)[0], "")
	if a.status != 200 || len(a.forms(t)) != 1 {
		t.Fatalf("declining: %d %s", a.status, a.body)
	}
	e.signUp("ada@b.example")
	if n := len(e.emails()); n != 0 {
		t.Errorf("%d emails are due to who declined", n)
	}
}

func TestDecliningHoldsUntilItIsUnblocked(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	d := e.email()
	link := e.path(d.Confirm)
	page := e.send("GET", e.path(d.Decline), "")
	a := e.send("POST", page.forms(t)[0], "")
	if page.status != 200 || a.status != 200 || e.state("ada@b.example") != consent.Declined {
		t.Fatalf("declining: %d, then %d, %s", page.status, a.status, e.state("ada@b.example"))
	}
	unblock := a.forms(t)[0]
	for _, p := range []struct{ method, path string }{{"GET", link}, {"POST", link}, {"POST", link + "/renew"},
		{"GET", e.path(d.Decline)}} {
		a := e.send(p.method, p.path, "")
		if a.status != 409 || len(a.forms(t)) != 1 || !strings.HasSuffix(a.forms(t)[0], "/unblock") {
			t.Errorf("%s %.20s…: %d %s", p.method, p.path, a.status, a.body)
		}
		if top, _ := e.send(p.method, p.path, "", "Accept", request.MediaJSON).problem(t); top != "declined" {
			t.Errorf("%s: %s", p.method, top)
		}
	}
	if a := e.send("POST", unblock, ""); a.status != 200 || e.state("ada@b.example") == consent.Confirmed {
		t.Errorf("unblocking: %d, %s", a.status, e.state("ada@b.example"))
	}
	if a := e.send("GET", unblock, ""); a.status != 303 || e.send("GET", a.header.Get("Location"), "").status != 200 {
		t.Errorf("reloading the page: %d", a.status)
	}
	if a := e.send("POST", link, ""); a.status != 409 || a.page(t).Find(`a[href="/s/gazette"]`).Length() != 1 {
		t.Errorf("the old link after unblocking: %d %s", a.status, a.body)
	}
	e.clock.pass(time.Hour)
	e.signUp("ada@b.example")
	e.email()
}
