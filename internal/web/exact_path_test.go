package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// paths is one path for every route's pattern.
func (e *env) paths() map[string]string {
	e.Helper()
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	return map[string]string{
		"/v1/sites/{site}/subscriptions": signupPath, "/v1/sites/{site}/lookup": "/v1/sites/gazette/lookup",
		"/s/{site}":      "/s/gazette",
		"/s/{site}/sent": "/s/gazette/sent", "/c/{token}": link, "/c/{token}/decline": link + "/decline",
		"/c/{token}/unblock":                          link + "/unblock",
		"/v1/sites/{site}/subscriptions/{id}":         e.subscriptionPath("ada@b.example"),
		"/v1/sites/{site}/subscriptions/{id}/events":  e.subscriptionPath("ada@b.example") + "/events",
		"/v1/sites/{site}/subscriptions/{id}/receipt": e.subscriptionPath("ada@b.example") + "/receipt",
		"/v1/sites/{site}/subscriptions/{id}/dossier": e.subscriptionPath("ada@b.example") + "/dossier",
		"/v1/receipts/{id}":                           "/v1/receipts/r-none",
		"/.well-known/jwks.json":                      "/.well-known/jwks.json",
		"/log/checkpoint":                             "/log/checkpoint", "/log/tile/{tile}": "/log/tile/0/000.p/1",
		"/u/{token}/receipt": "/u/" + link[3:] + "/receipt",
		"/u/{token}/copy":    "/u/" + link[3:] + "/copy",
		"/u/{token}/erase":   "/u/" + link[3:] + "/erase",
		"/r/{token}":         "/r/" + link[3:],
		"/v1/sites/{site}/subscriptions/{id}/resend":   e.subscriptionPath("ada@b.example") + "/resend",
		"/v1/sites/{site}/subscriptions/{id}/withdraw": e.subscriptionPath("ada@b.example") + "/withdraw",
		"/v1/sites/{site}/stats":                       "/v1/sites/gazette/stats",
		"/v1/sites/{site}/export":                      "/v1/sites/gazette/export",
		"/v1/sites/{site}/webhooks/failed":             "/v1/sites/gazette/webhooks/failed",
		"/v1/sites/{site}/webhooks/retry":              "/v1/sites/gazette/webhooks/retry",
		"/v1/sites/{site}/objections":                  "/v1/sites/gazette/objections",
		"/v1/sites/{site}/objections/unblock":          "/v1/sites/gazette/objections/unblock",
		"/c/{token}/renew":                             link + "/renew", "/u/{token}": "/u/" + link[3:],
		"/assets/{name}": "/assets/optin.css",
		embedPath:        embedPath, versioned(embedPath): versioned(embedPath),
		elementPath: elementPath, versioned(elementPath): versioned(elementPath),
		"/healthz": "/healthz", "/readyz": "/readyz",
		"/openapi.yaml": "/openapi.yaml", "/docs": "/docs", "/v1/sites/{site}/challenge": "/v1/sites/gazette/challenge",
		"/v1/sites/{site}/words": "/v1/sites/gazette/words",
		"/v1/bounces":            "/v1/bounces", "/texts/{sha256}": "/texts/" + e.statementSum(),
		challengePath: challengePath, "/": "/",
	}
}

func TestNoOtherSpellingOfAPathReachesAHandler(t *testing.T) {
	e := newEnv(t)
	p := e.paths()
	link, token := p["/c/{token}"], p["/c/{token}"][3:]
	for _, path := range []string{
		"//", "/c", "/c/", "/C/" + token, "//c/" + token, "/./c/" + token, "/x/../c/" + token,
		"/c/%2e%2e/healthz", "/u/", "/s/", "/s/gazette//", "/s/Gazette",
		"/s/gazette/x", "/s/gazette%2fsent", "/s//sent", "/assets/", "/assets", "/assets/../healthz",
		"/assets/..%2fhealthz", "/assets/%2e%2e/x", "/assets/none.css", "/assets/optin.css/x",
		"/v1/sites//subscriptions", "/v1/sites/gazette/subscriptions/", "/v1/sites/gazette/Subscriptions",
		"/v1/sites/gazette/subscriptions%2f", "/v1/sites/gazette;x/subscriptions", "/v1", "/none/", "/HEALTHZ",
		"/readyz%20", "/index.html", "/favicon.ico", "/admin", "/metrics", "/debug/pprof/", "/.env", "/:token",
		"/c/:token/*", "/u/" + token + "/x", "/u/x/y/z",
	} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			want := 404
			if method == "POST" && (path == "/s/Gazette" || path == "/assets/none.css") {
				want = 405 // nothing is posted there, whatever its name
			}
			if status := e.raw(method, path, ""); status != want {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
	}
	// A slash at the end of a page's path is taken off, and posts nothing.
	for path, page := range map[string]string{
		"/s/gazette/": "/s/gazette", "/s/gazette/?lang=fr": "/s/gazette?lang=fr", "/docs/": "/docs",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if a := e.send(method, path, ""); a.status != 303 || a.header.Get("Location") != page {
				t.Errorf("%s %s: %d to %q", method, path, a.status, a.header.Get("Location"))
			}
		}
		if status := e.raw("POST", path, ""); status != 404 {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	// A damaged link may be looked at (TestADamagedLinkLeadsToItsPage), and no button of it pressed.
	for _, path := range []string{
		"/c//" + token, link + "/", link + "//decline", link + "/decline/", link + "/Decline", "/c/x/../" + token,
		"/c%2f" + token, "/c/" + token + "%2fdecline", link + ";x=1", link + "/decline;x", "/c/" + token + "%00",
		"/c/" + token + "%0a", link + "/x", link + "/decline/x", "/%63/" + token,
	} {
		for method, want := range map[string]int{"GET": 303, "HEAD": 303, "POST": 404} {
			if status := e.raw(method, path, ""); status != want {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
	}
	if e.state("ada@b.example") != consent.Pending {
		t.Error("something was changed")
	}
	for _, path := range p { // the plain spelling does
		if status := e.raw("OPTIONS", path, ""); status != 204 {
			t.Errorf("OPTIONS %s: %d", path, status)
		}
		if status := e.raw("TRACE", path, ""); status != 405 {
			t.Errorf("TRACE %s: %d", path, status)
		}
	}
	for _, path := range []string{"/u/x/y", "/assets/optin.css/x"} {
		if a := e.send("PUT", path, ""); a.status != 404 || a.header.Get("Allow") != "" {
			t.Errorf("PUT %s: %d, Allow %q", path, a.status, a.header.Get("Allow"))
		}
		if a := e.send("OPTIONS", path, ""); a.status != 404 {
			t.Errorf("OPTIONS %s: %d", path, a.status)
		}
	}
	if a := e.send("PUT", signupPath, ""); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Errorf("PUT: %d, Allow %q", a.status, a.header.Get("Allow"))
	}
}

func TestAPathHasOneSpelling(t *testing.T) {
	for target, want := range map[string]bool{
		"/": true, "/c/a.b-c_d~e": true, "/healthz": true, "": false, "*": false, "/%63/x": false, "/c/%41": false,
		"/c/a%2fb": false, "/c/a b": false, "/c/é": false,
		"//c": false, "/c/": false, "/c/./x": false, "/c/..": false, "/c;x": false, "/c/a:b": false, "/c\\x": false,
	} {
		u := &url.URL{Path: target}
		if parsed, err := url.Parse(target); err == nil {
			u = parsed
		}
		if got := plainPath(&http.Request{URL: u}); got != want {
			t.Errorf("%q: %t", target, got)
		}
	}
}

// raw sends a request whose target no client tidies up, and returns the status.
func (e *env) raw(method, target, rest string) int {
	e.Helper()
	c, err := net.Dial("tcp", e.http.Listener.Addr().String())
	must(e, err)
	defer c.Close()
	must(e, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n%s\r\n", method, target, rest)
	must(e, err)
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	must(e, err)
	_ = res.Body.Close()
	return res.StatusCode
}

func TestAnAbsoluteTargetIsThatOfOurOwnHost(t *testing.T) {
	e := newEnv(t)
	p := e.paths()
	if status := e.raw("POST", "http://evil.example"+p["/c/{token}"], "Content-Length: 0\r\n"); status != 200 {
		t.Errorf("status %d", status)
	}
	if status := e.raw("POST", "https://user:x@evil.example/c/x", "Content-Length: 0\r\n"); status != 404 {
		t.Errorf("status %d", status)
	}
}
