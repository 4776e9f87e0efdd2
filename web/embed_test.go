package web

import (
	"strings"
	"testing"
)

func TestTheScriptForWebsitesMayBeReadByAnyPageAndKept(t *testing.T) {
	w := newWorld(t)
	short, long := w.send("GET", "/embed.js", "", "Origin", "https://anybody.example"), w.send("GET", embedVersioned(), "")
	for name, a := range map[string]answer{"short": short, "versioned": long} {
		if a.status != 200 || a.media() != "text/javascript" || len(a.body) >= 8000 || a.header.Get("Access-Control-Allow-Origin") != "*" ||
			a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || a.header.Get("Set-Cookie") != "" || a.header.Get("ETag") == "" {
			t.Errorf("%s: %d, %d bytes, %v", name, a.status, len(a.body), a.header)
		}
	}
	if short.body != long.body || short.header.Get("Cache-Control") != "public, max-age=300" || long.header.Get("Cache-Control") != cacheForEver {
		t.Errorf("kept for %q and %q", short.header.Get("Cache-Control"), long.header.Get("Cache-Control"))
	}
	if a := w.send("GET", "/embed.js", "", "If-None-Match", short.header.Get("ETag")); a.status != 304 || a.body != "" {
		t.Errorf("asked again: %d", a.status)
	}
	for _, path := range []string{"/embed.00000000.js", "/embed..js", "/embed.js/x", strings.ToUpper(embedVersioned()), "/embed"} {
		if a := w.send("GET", path, ""); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestOnlyTheScriptIsEverybodys(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/assets/optin.css", "/s/gazette", "/healthz"} {
		if a := w.send("GET", path, "", "Origin", "https://anybody.example"); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Cross-Origin-Resource-Policy") != "" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}
