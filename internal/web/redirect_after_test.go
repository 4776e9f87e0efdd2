package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

const thanks = "https://gazette.example/thanks/"

// newAfterEnv returns an env in which people are sent on: the gazette's by site, the club's by purpose.
func newAfterEnv(t *testing.T) *env {
	return newEnv(t, func(o *Options) {
		g, c := o.Sites["gazette"], o.Sites["club"]
		g.After = RedirectAfter{
			Signup: parseURL(thanks + "look"), Confirm: parseURL(thanks + "welcome"),
			Withdraw: parseURL(thanks + "bye"),
		}
		c.Redirects = []*url.URL{parseURL("https://club.example/")}
		c.AfterPurpose = map[string]RedirectAfter{"offers": {
			Confirm: parseURL("https://club.example/offers"), Signup: parseURL("https://club.example/soon"),
		}}
		o.Sites["gazette"], o.Sites["club"] = g, c
	})
}

func TestAPersonIsSentOnAfterEachAction(t *testing.T) {
	e := newAfterEnv(t)
	for body, want := range map[string]string{
		"email=a@b.example&consent=1":                               thanks + "look",
		"email=a@b.example&consent=1&redirect=" + thanks + "mine":   thanks + "mine",
		"email=a@b.example&consent=1&redirect=https://evil.example": "",
	} {
		if a := e.send("POST", signupPath, body, "Content-Type", request.MediaForm); a.header.Get("Location") != want ||
			(a.status == 303) != (want != "") {
			t.Errorf("%s: %d to %q", body, a.status, a.header.Get("Location"))
		}
	}
	link := e.path(e.email().Confirm)
	if csp := e.send("GET", link, "").header.Get("Content-Security-Policy"); !strings.Contains(csp,
		"form-action 'self' https://gazette.example;") {
		t.Errorf("the button's page: %s", csp)
	}
	if a := e.send("POST", link, "", "Accept", request.MediaJSON); a.status != 200 || a.header.Get("Location") != "" ||
		!strings.Contains(a.body, `"confirmed"`) {
		t.Errorf("a program: %d %s", a.status, a.body)
	}
	for range 2 {
		a := e.send("POST", link, "", "Accept", "text/html")
		if a.status != 303 || a.header.Get("Location") != thanks+"welcome" ||
			a.header.Get("Referrer-Policy") != "no-referrer" || a.body != "" {
			t.Errorf("a person: %d %v", a.status, a.header)
		}
	}
	if e.state("a@b.example") != "confirmed" {
		t.Error("sent on, and not confirmed")
	}
}

func TestAWithdrawalIsNeverARedirectButShowsTheWayBack(t *testing.T) {
	e := newAfterEnv(t)
	e.signUp("a@b.example")
	confirmed := e.send("POST", e.path(e.email().Confirm), "")
	if confirmed.status != 303 {
		t.Fatalf("confirming: %d", confirmed.status)
	}
	e.clock.pass(25 * 60 * 60 * 1e9)
	e.signUp("a@b.example") // brings the email that says so, with the way to take it back
	path := e.path(e.email().Unsubscribe)
	for range 2 {
		a := e.send("POST", path, "", "Accept", "text/html")
		back := a.page(t).Find("a.main")
		if a.status != 200 || a.header.Get("Location") != "" || back.AttrOr("href", "") != thanks+"bye" {
			t.Errorf("%d, the way back leads to %q", a.status, back.AttrOr("href", ""))
		}
	}
	if e.state("a@b.example") != "withdrawn" {
		t.Error("not withdrawn")
	}
}

func TestAPurposesPageGoesBeforeTheSites(t *testing.T) {
	e := newAfterEnv(t)
	for body, want := range map[string]string{"purposes=news": "/s/club/sent?lang=fr&to=n%E2%80%A6%40b.example",
		"purposes=offers": "https://club.example/soon", "purposes=news&purposes=offers": "https://club.example/soon"} {
		a := e.send("POST", "/v1/sites/club/subscriptions", body+"&email="+body[9:13]+"@b.example&consent=1",
			"Content-Type", request.MediaForm)
		if a.status != 303 || a.header.Get("Location") != want {
			t.Errorf("%s: %d to %q", body, a.status, a.header.Get("Location"))
		}
	}
}

func TestAPageToGoToAfterwardsIsCheckedAtStart(t *testing.T) {
	for _, bad := range []string{"https://gazette.example/", "https://evil.example/thanks/", thanks + "?email=x",
		thanks + "#x", "/thanks/", "x"} {
		to := parseURL(bad)
		for name, after := range map[string]RedirectAfter{"signup": {Signup: to}, "confirm": {Confirm: to},
			"withdraw": {Withdraw: to}} {
			st := &site{Site: Site{Redirects: []*url.URL{parseURL(thanks)}, After: after}}
			if st.checkAfter() == nil {
				t.Errorf("%s: %s is taken", name, bad)
			}
		}
	}
}
