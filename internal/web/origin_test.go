package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

func TestOnlyTheSitesOriginsMayReadTheAnswer(t *testing.T) {
	e := newEnv(t)
	asks := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}
	for origin, may := range map[string]bool{
		"https://gazette.example": true, "https://evil.example": false, "null": false, "https://club.example": false,
	} {
		pre := e.send("OPTIONS", signupPath, "", append(asks, "Origin", origin)...)
		got := pre.header.Get("Access-Control-Allow-Origin")
		if pre.status != 204 || (got == origin) != may || !may && got != "" ||
			(pre.header.Get("Access-Control-Max-Age") != "") != may {
			t.Errorf("preflight from %s: %d %v", origin, pre.status, pre.header)
		}
		if may && pre.header.Get("Access-Control-Allow-Headers") != "Content-Type, Idempotency-Key" {
			t.Errorf("preflight allows %q", pre.header.Get("Access-Control-Allow-Headers"))
		}
		for _, body := range []string{`{"email":"a@b.example","consent":true}`, `{}`, "",
			strings.Repeat(" ", MaxBody+1)} {
			a := e.send("POST", signupPath, body, "Content-Type", request.MediaJSON, "Origin", origin)
			refused := a.status == 403 || a.status == 413
			// "null" can be any page, so it may send a form, and not read the answer.
			if got := a.header.Get("Access-Control-Allow-Origin"); (got == origin) != may || !may &&
				(got != "" || !refused && origin != "null") {
				t.Errorf("%d bytes from %s: %d, allowed %q", len(body), origin, a.status, got)
			}
			if !slices.Contains(a.header.Values("Vary"), "Origin") ||
				a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("from %s: %v", origin, a.header)
			}
		}
	}
	for _, path := range []string{"/v1/sites/gazette/lookup", "/s/gazette", "/c/x", "/readyz"} {
		if a := e.send("OPTIONS", path, "", append(asks, "Origin", "https://gazette.example")...); a.status != 204 ||
			a.header.Get("Allow") == "" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("preflight for %s: %d %v", path, a.status, a.header)
		}
	}
}

func TestNoHeaderPoisonsALinkOrAPage(t *testing.T) {
	e := newEnv(t)
	evil := []string{
		"Host", "evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example;proto=javascript",
		"X-Forwarded-Proto", "javascript",
		"X-Original-URL", "/evil.example", "X-Rewrite-URL", "/evil.example", "Referer", "https://evil.example/<script>",
		"User-Agent", "evil.example",
	}
	a := e.send("POST", signupPath, `{"email":"ada@b.example","consent":true}`,
		append(evil, "Content-Type", request.MediaJSON)...)
	answers := []answer{a}
	d := e.email()
	for _, link := range []string{d.Confirm, d.Decline} {
		answers = append(answers, e.send("GET", e.path(link), "", evil...))
	}
	answers = append(answers, e.send("POST", e.path(d.Confirm), "", evil...), e.send("GET", "/s/gazette", "", evil...),
		e.send("GET", "/nowhere", "", evil...))
	for i, a := range answers {
		if strings.Contains(comparable(a), "evil") || a.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("answer %d: %s", i, comparable(a))
		}
	}
}
