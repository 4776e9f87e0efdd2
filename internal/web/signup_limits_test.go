package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

func TestAClientIsLimitedByItsIPOrItsNetwork(t *testing.T) {
	limited := limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 2, Per: time.Minute}}})
	for name, row := range map[string]struct {
		from [4]string // by a trusted proxy
		last int
	}{
		"one address": {[4]string{"203.0.113.7", "203.0.113.7", "203.0.113.8", "203.0.113.7"}, 429},
		"one IPv6 network": {[4]string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1",
			"2001:db8:0:1::3"}, 429},
		"what a client made up": {[4]string{"1.1.1.1, 203.0.113.7", "2.2.2.2, 203.0.113.7", "203.0.113.8",
			"3.3.3.3, 203.0.113.7"}, 429},
		"four addresses": {[4]string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"}, 202},
	} {
		e := newEnv(t, limited)
		var a answer
		for i, from := range row.from {
			a = e.send("POST", signupPath, `{"email":"a@b.example","consent":true}`, "Content-Type", request.MediaJSON,
				"X-Forwarded-For", from)
			if i < 3 && a.status != http.StatusAccepted {
				t.Errorf("%s: signup %d: %d %s", name, i+1, a.status, a.body)
			}
		}
		if a.status != row.last {
			t.Errorf("%s: the last signup: %d %s, want %d", name, a.status, a.body, row.last)
		}
		if row.last != 429 {
			continue
		}
		if top, _ := a.problem(t); top != "too_many_requests" || a.header.Get("Retry-After") != "60" {
			t.Errorf("%s: %s, Retry-After %q", name, top, a.header.Get("Retry-After"))
		}
	}
}

// limitedTo is a change of options that gives the gazette limits.
func limitedTo(l Limits) func(*Options) {
	return func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits = l
		o.Sites["gazette"] = g
	}
}

func TestANetworkIsLimitedAsAWhole(t *testing.T) {
	for name, row := range map[string]struct {
		from []string
		last int
	}{
		"a /24 of IPv4":     {[]string{"203.0.113.1", "203.0.113.2", "203.0.113.255"}, 429},
		"mapped into IPv6":  {[]string{"203.0.113.1", "::ffff:203.0.113.2", "203.0.113.3"}, 429},
		"a /48 of IPv6":     {[]string{"2001:db8:7::1", "2001:db8:7:1::1", "2001:db8:7:ffff::1"}, 429},
		"two /24 of IPv4":   {[]string{"203.0.113.1", "203.0.113.2", "203.0.112.3"}, 202},
		"two /48 of IPv6":   {[]string{"2001:db8:7::1", "2001:db8:7:1::1", "2001:db8:8::1"}, 202},
		"two families":      {[]string{"203.0.113.1", "203.0.113.2", "2001:db8:7::1"}, 202},
		"what was made up":  {[]string{"10.1.1.1, 203.0.113.1", "10.2.2.2, 203.0.113.2", "10.3.3.3, 203.0.113.3"}, 429},
		"another site, too": {[]string{"203.0.113.1", "203.0.113.2", "club"}, 202},
	} {
		e := newEnv(t, limitedTo(Limits{SignupsPerNetwork: []store.Limit{{N: 2, Per: time.Minute}}}))
		var a answer
		for _, from := range row.from {
			path, body := signupPath, `{"email":"a@b.example","consent":true}`
			if from == "club" {
				path, body, from = "/v1/sites/club/subscriptions",
					`{"email":"a@b.example","consent":true,"purposes":"news"}`, "203.0.113.3"
			}
			a = e.send("POST", path, body, "Content-Type", request.MediaJSON, "X-Forwarded-For", from)
		}
		if a.status != row.last {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestTooManyRequestsNameTheLimitAndTheWait(t *testing.T) {
	for name, row := range map[string]struct {
		limits              Limits
		from                []string
		policies, over, may string
	}{
		"the IP": {Limits{SignupsPerIP: []store.Limit{{N: 1, Per: time.Minute}}},
			[]string{"203.0.113.1", "203.0.113.1"}, `"ip";q=1;w=60`, `"ip";r=0;t=60`, "60"},
		"the IP, of both": {Limits{SignupsPerIP: []store.Limit{{N: 1, Per: time.Minute}},
			SignupsPerNetwork: []store.Limit{{N: 2, Per: time.Hour}}},
			[]string{"203.0.113.1", "203.0.113.1"}, `"ip";q=1;w=60, "network";q=2;w=3600`, `"ip";r=0;t=60`, "60"},
		"the network": {Limits{SignupsPerIP: []store.Limit{{N: 1, Per: time.Minute}},
			SignupsPerNetwork: []store.Limit{{N: 2, Per: time.Hour}}},
			[]string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, `"ip";q=1;w=60, "network";q=2;w=3600`,
			`"network";r=0;t=3600`, "3600"},
		"the shorter of two": {Limits{SignupsPerIP: []store.Limit{{N: 3, Per: 24 * time.Hour},
			{N: 1, Per: time.Minute}}},
			[]string{"203.0.113.1", "203.0.113.1"}, `"ip";q=3;w=86400, "ip-2";q=1;w=60`, `"ip-2";r=0;t=60`, "60"},
		"the longer of two": {Limits{SignupsPerIP: []store.Limit{{N: 2, Per: time.Minute},
			{N: 2, Per: 24 * time.Hour}}},
			[]string{"203.0.113.1", "203.0.113.1", "203.0.113.1"}, `"ip";q=2;w=60, "ip-2";q=2;w=86400`,
			`"ip-2";r=0;t=86400`, "86400"},
	} {
		e := newEnv(t, limitedTo(row.limits))
		for i, from := range row.from {
			a := e.send("POST", signupPath, `{"email":"a@b.example","consent":true}`, "Content-Type", request.MediaJSON,
				"X-Forwarded-For", from, "Origin", "https://gazette.example")
			if i < len(row.from)-1 {
				if a.status != 202 || a.header.Get("RateLimit") != "" || a.header.Get("RateLimit-Policy") != "" {
					t.Errorf("%s: signup %d: %d %v", name, i+1, a.status, a.header)
				}
				continue
			}
			if a.status != 429 || a.header.Get("RateLimit-Policy") != row.policies ||
				a.header.Get("RateLimit") != row.over || a.header.Get("Retry-After") != row.may {
				t.Errorf("%s: %d %v", name, a.status, a.header)
			}
			for _, header := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
				if shown := strings.Split(a.header.Get("Access-Control-Expose-Headers"), ", "); !slices.Contains(shown,
					header) {
					t.Errorf("a script may not see %s: %v", header, shown)
				}
			}
		}
	}
}

func TestARenewalIsLimitedAsASignup(t *testing.T) {
	e := newEnv(t, limitedTo(Limits{SignupsPerIP: []store.Limit{{N: 1, Per: time.Hour}},
		SignupsPerNetwork: []store.Limit{{N: 2, Per: time.Hour}}}))
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`, "Content-Type", request.MediaJSON,
		"X-Forwarded-For", "203.0.113.1")
	link := e.path(e.email().Confirm)
	e.clock.pass(49 * time.Hour)
	renew := func(link, from string, headers ...string) answer {
		return e.send("POST", link+"/renew", "", append(headers, "X-Forwarded-For", from)...)
	}
	for range 3 { // what sends no email is not counted
		if a := renew("/c/forged", "203.0.113.1"); a.status != 404 {
			t.Errorf("a forged link: %d", a.status)
		}
	}
	e.send("POST", signupPath, `{"email":"bob@b.example","consent":true}`, "Content-Type", request.MediaJSON,
		"X-Forwarded-For", "203.0.113.1")
	e.email()
	a := renew(link, "203.0.113.1", "Accept", request.MediaJSON)
	if code, _ := a.problem(t); a.status != 429 || code != "too_many_requests" ||
		a.header.Get("RateLimit") != `"ip";r=0;t=3600` || len(e.emails()) != 0 {
		t.Errorf("the IP that signed up: %d %s %v", a.status, a.body, a.header)
	}
	if a := renew(link, "203.0.113.1", "Accept", "text/html"); a.status != 429 || a.page(t).Find("h1").Length() != 1 ||
		a.page(t).Find("header.site").Length() != 1 {
		t.Errorf("for a person: %d %s", a.status, a.body)
	} else if got := reads(a.page(t).Find(".reasons")); got != "There were many attempts from your connection. "+
		"Please wait a little, then try again." {
		t.Errorf("a person is told %q", got)
	}
	if a := renew(link, "203.0.113.2"); a.status != 202 {
		t.Errorf("another IP: %d %s", a.status, a.body)
	}
	again := e.path(e.email().Confirm)
	if a := renew(again, "203.0.113.3"); a.status != 429 || a.header.Get("RateLimit") != `"network";r=0;t=3600` ||
		len(e.emails()) != 0 {
		t.Errorf("a third of the network, with a link that works: %d %v", a.status, a.header)
	}
	e.send("POST", again, "")
	if a := renew(again, "203.0.113.1"); a.status != 429 {
		t.Errorf("with a link that was confirmed: %d", a.status)
	}
	if a := renew(again, "198.51.100.1"); a.status != 200 {
		t.Errorf("what is confirmed needs no email: %d", a.status)
	}
}

func TestASiteThatMaySendNoMoreEmailsAcceptsNothing(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		sites := rules()
		sites[0].EmailsPerSite = []store.Limit{{N: 1, Per: time.Hour}}
		o.Service = serviceWith(t, *o, sites)
	})
	e.service = e.web.Options.Service
	busy := func(a answer, after string) {
		t.Helper()
		if top, _ := a.problem(t); a.status != 503 || top != "busy" || a.header.Get("Retry-After") != after ||
			a.header.Get("RateLimit") != "" {
			t.Errorf("%d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
		}
		if n := len(e.emails()); n != 0 {
			t.Errorf("%d emails are due", n)
		}
	}
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	sign := func() answer {
		return e.send("POST", signupPath, `{"email":"bob@b.example","consent":true}`, "Content-Type", request.MediaJSON,
			"Idempotency-Key", "k")
	}
	busy(sign(), "3600")
	if e.state("bob@b.example") != "" {
		t.Error("the refused signup is stored")
	}
	e.clock.pass(11 * time.Minute)
	busy(e.send("POST", e.subscriptionPath("ada@b.example")+"/resend", "", asSite(writeKey)...), "2940")
	e.clock.pass(49 * time.Hour)
	if a := sign(); a.status != 202 || e.email().To.String() != "bob@b.example" {
		t.Errorf("later: %d %s", a.status, a.body)
	}
	busy(e.send("POST", link+"/renew", "", "Accept", request.MediaJSON), "3600")
	if a := e.send("POST", link+"/renew", ""); a.status != 503 || a.page(t).Find("header.site").Length() != 1 ||
		a.header.Get("Retry-After") != "3600" {
		t.Errorf("for a person: %d %s", a.status, a.body)
	}
	e.clock.pass(time.Hour)
	if a := e.send("POST", link+"/renew", ""); a.status != 202 {
		t.Errorf("an hour later: %d %s", a.status, a.body)
	}
	e.email()
}
