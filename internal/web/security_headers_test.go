package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/request"
)

// cacheable are parts of the paths whose responses any cache may keep, because they name nobody.
var cacheable = []string{"/assets/", "/embed.", "/optin-form.", challengePath, "/texts/", "/.well-known/jwks.json"}

func TestEveryAnswerCarriesTheSecurityHeadersAndHeadSaysWhatGetSays(t *testing.T) {
	e := newEnv(t)
	paths := e.paths()
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		"X-Robots-Tag":              "noindex, nofollow",
		"Strict-Transport-Security": "max-age=31536000", "Server": "", "X-Powered-By": "",
	}
	check := func(name string, a answer) {
		for h, v := range want {
			if a.header.Get(h) != v {
				t.Errorf("%s: %s is %q, want %q", name, h, a.header.Get(h), v)
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'") ||
			!strings.HasSuffix(csp, "; base-uri 'none'; frame-ancestors 'none'") ||
			len(a.header.Get("X-Request-Id")) != 32 {
			t.Errorf("%s: %v", name, a.header)
		}
		public := slices.ContainsFunc(cacheable, func(part string) bool { return strings.Contains(name, part) })
		if !public && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached: %s", name, a.header.Get("Cache-Control"))
		}
		policy := "no-referrer"
		if strings.Contains(name, "GET /s/") {
			policy = "same-origin"
		}
		if a.header.Get("Referrer-Policy") != policy {
			t.Errorf("%s: Referrer-Policy %s", name, a.header.Get("Referrer-Policy"))
		}
	}
	for _, path := range paths {
		for _, accept := range []string{"text/html", request.MediaJSON} {
			get := e.send("GET", path, "", "Accept", accept, "X-Request-Id", "mine")
			check("GET "+path, get)
			head := e.send("HEAD", path, "", "Accept", accept)
			if get.status == 405 {
				continue
			}
			get.body = ""
			if diff := cmp.Diff(comparable(get), comparable(head)); diff != "" {
				t.Errorf("HEAD %s differs: %s", path, diff)
			}
		}
		check("POST "+path, e.send("POST", path, "x"))
		check("OPTIONS "+path, e.send("OPTIONS", path, ""))
		check("DELETE "+path, e.send("DELETE", path, ""))
	}
	check("GET /nowhere", e.send("GET", "/nowhere", ""))
	check("GET /", e.send("GET", "/", "", "Accept", "text/html"))
}
