package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

func TestLookingIsNotAgreeing(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	d := e.email()
	link := e.path(d.Confirm)
	type probe struct {
		method, path, body string
		headers            []string
	}
	probes := []probe{
		{"GET", link + "?confirm=true&_method=POST", "", nil},
		{"GET", link + "?_method=POST", "", []string{"X-HTTP-Method-Override", "POST", "X-Method-Override", "POST"}},
		{"GET", link, "confirm=true", []string{"Content-Type", request.MediaForm}},
		{"GET", link, "", []string{"Purpose", "prefetch", "Sec-Purpose", "prefetch;prerender"}},
		{"GET", link + "/decline", "", nil}, {"GET", link + "/unblock", "", nil}, {"GET", link + "/renew", "", nil},
		{"HEAD", link, "", nil}, {"OPTIONS", link, "", nil}, {"OPTIONS", link + "/decline", "", nil},
		{"GET", e.path(d.Decline), "", nil}, {"HEAD", e.path(d.Decline), "", nil},
		{"PUT", link, "", nil}, {"PATCH", link, "", nil}, {"DELETE", link, "", nil}, {"PROPFIND", link, "", nil},
		{"TRACE", link, "", nil}, {"CONFIRM", link, "", nil},
		{"POST", link, "", []string{"Sec-Fetch-Site", "cross-site"}},
		{"POST", link, "", []string{"Sec-Fetch-Site", "same-site", "Origin", publicURL}},
		{"POST", link, "", []string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}},
		{"POST", link, "", []string{"Origin", "https://evil.example"}},
		{"POST", link, "", []string{"Origin", publicURL + ".evil.example"}},
		{"POST", link, "", []string{"Origin", "https://gazette.example"}},
		{"POST", link, "", []string{"Origin", publicURL, "Origin", "https://evil.example"}},
		{"POST", link, "", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"}},
		{"POST", link + "/decline", "", []string{"Origin", "https://evil.example"}},
		{"POST", link + "/unblock", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{"POST", link + "/renew", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{"POST", "/", "token=" + link[3:], []string{"Content-Type", request.MediaForm}},
		{"POST", link + "/confirm", "", nil}, {"POST", "/c", "", nil}, {"POST", link + "/", "", nil},
	}
	for range 50 {
		for _, p := range probes {
			if a := e.send(p.method, p.path, p.body, p.headers...); p.method == "POST" && a.status < 400 {
				t.Fatalf("%s %s %v: %d", p.method, p.path, p.headers, a.status)
			}
		}
	}
	if got := e.state("ada@b.example"); got != consent.Pending || len(e.emails()) != 0 {
		t.Fatalf("after the scanners the state is %s", got)
	}
	// what our page sends under no-referrer
	a := e.send("POST", link, "", "Origin", "null", "Sec-Fetch-Site", "same-origin")
	if a.status != 200 || e.state("ada@b.example") != consent.Confirmed || a.page(t).Find("form").Length() != 0 {
		t.Errorf("the person's own confirmation: %d, %s", a.status, e.state("ada@b.example"))
	}
}

func TestTheButtonWorksForEveryBrowserAndProgram(t *testing.T) {
	for name, headers := range map[string][]string{
		"a program":            nil,
		"an old browser":       {"Origin", "null"},
		"an exact origin":      {"Origin", publicURL},
		"typed by hand":        {"Sec-Fetch-Site", "none"},
		"a browser":            {"Sec-Fetch-Site", "same-origin", "Origin", "null"},
		"a program asks JSON":  {"Accept", request.MediaJSON},
		"and with a problem":   {"Accept", "application/problem+json, application/json"},
		"a body nobody needs":  {"Content-Type", request.MediaMultipart + "; boundary=x"},
		"a page before a JSON": {"Accept", "text/html, application/json;q=0.9"},
	} {
		e := newEnv(t)
		e.signUp("ada@b.example")
		link := e.path(e.email().Confirm)
		first, again := e.send("POST", link, "", headers...), e.send("POST", link, "", headers...)
		if first.status != 200 || comparable(first) != comparable(again) ||
			e.state("ada@b.example") != consent.Confirmed {
			t.Errorf("%s: %d %s", name, first.status, first.body)
		}
		if wantsJSON := strings.HasSuffix(name, "JSON") && !strings.HasPrefix(name, "a page"); wantsJSON &&
			first.body != `{"state":"confirmed"}`+"\n" {
			t.Errorf("%s: %s", name, first.body)
		}
		if a := e.send("GET", link, ""); a.status != 200 || a.page(t).Find("form").Length() != 0 ||
			a.page(t).Find(".steps").Length() != 1 {
			t.Errorf("%s: the link afterwards: %d %s", name, a.status, a.body)
		}
		if a := e.send("GET", link, "", "Accept", request.MediaJSON); a.body != `{"state":"confirmed"}`+"\n" {
			t.Errorf("%s: the link afterwards for a program: %s", name, a.body)
		}
	}
}

func TestTheSameBrowserConfirmsByItself(t *testing.T) {
	e := newEnv(t)
	ours := []string{"Content-Type", request.MediaForm, "Accept", "text/html", "Origin", publicURL}
	a := e.send("POST", signupPath, e.hosted("gazette", "email=ada%40b.example&consent=on"), ours...)
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	must(t, err)
	if cookie.Name != "__Host-optin" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 48*3600 || len(cookie.Value) != 22 {
		t.Errorf("the cookie: %s", a.header.Get("Set-Cookie"))
	}
	token := e.path(e.email().Confirm)
	const other = "AAAAAAAAAAAAAAAAAAAAAA"
	for name, row := range map[string]struct {
		cookies []string
		same    bool
	}{
		"the browser":      {[]string{"Cookie", "__Host-optin=" + cookie.Value}, true},
		"among others":     {[]string{"Cookie", "a=b; __Host-optin=" + cookie.Value + "; c=d"}, true},
		"no cookie":        {nil, false},
		"an empty cookie":  {[]string{"Cookie", "__Host-optin="}, false},
		"another browser":  {[]string{"Cookie", "__Host-optin=" + other}, false},
		"another name":     {[]string{"Cookie", "optin=" + cookie.Value}, false},
		"the stored hash":  {[]string{"Cookie", "__Host-optin=" + confirm.BrowserHash(cookie.Value)}, false},
		"a shorter cookie": {[]string{"Cookie", "__Host-optin=" + cookie.Value[:21]}, false},
	} {
		p := e.send("GET", token, "", row.cookies...)
		scripts, csp := p.page(t).Find("script").Length(), p.header.Get("Content-Security-Policy")
		if (scripts == 1) != row.same || strings.Contains(csp, "script-src 'self'") != row.same || scripts > 1 {
			t.Errorf("%s: %d scripts, %s", name, scripts, csp)
		}
	}
	if e.state("ada@b.example") != consent.Pending {
		t.Error("looking has confirmed")
	}
	if kept := e.send("POST", signupPath, e.hosted("gazette", "email=bob%40b.example&consent=on"),
		append(ours, "Cookie", "__Host-optin="+cookie.Value)...); !strings.Contains(kept.header.Get("Set-Cookie"),
		cookie.Value) {
		t.Errorf("a known browser is given another cookie: %s", kept.header.Get("Set-Cookie"))
	}
	for _, odd := range []string{"AAAA", other + "AAAA", "not base64!", ""} {
		a := e.send("POST", signupPath, e.hosted("gazette", "email=ada%40b.example&consent=on"),
			append(ours, "Cookie", "__Host-optin="+odd)...)
		if c, err := http.ParseSetCookie(a.header.Get("Set-Cookie")); err != nil || c.Value == odd ||
			len(c.Value) != 22 {
			t.Errorf("a browser with the cookie %q is given %q", odd, a.header.Get("Set-Cookie"))
		}
	}
	for _, foreign := range [][]string{{"Content-Type", request.MediaForm, "Origin", "https://gazette.example"},
		{"Content-Type", request.MediaForm}} {
		a := e.send("POST", signupPath, "email=eve%40b.example&consent=on",
			append(foreign, "Cookie", "__Host-optin="+cookie.Value)...)
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("a cookie for a form that is not ours: %v", a.header)
		}
	}
	for _, d := range e.emails() {
		p := e.send("GET", e.path(d.Confirm), "", "Cookie", "__Host-optin="+cookie.Value)
		if same := p.page(t).Find("script").Length() == 1; same != (d.To.String() == "bob@b.example") {
			t.Errorf("the page of %s presses by itself: %t", d.To, same)
		}
	}
}
