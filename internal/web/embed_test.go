package web

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
)

func TestTheScriptsForWebsitesMayBeReadByAnyPageAndCached(t *testing.T) {
	e := newEnv(t)
	for _, path := range []string{embedPath, elementPath} {
		short, long := e.send("GET", path, "", "Origin", "https://anybody.example"),
			e.send("GET", versioned(path), "")
		for name, a := range map[string]answer{path: short, versioned(path): long} {
			if a.status != 200 || a.media() != "text/javascript" || len(a.body) >= 10_000 ||
				a.header.Get("Access-Control-Allow-Origin") != "*" ||
				a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
				a.header.Get("Set-Cookie") != "" || a.header.Get("ETag") == "" {
				t.Errorf("%s: %d, %d bytes, %v", name, a.status, len(a.body), a.header)
			}
		}
		if short.body != long.body || short.header.Get("Cache-Control") != "public, max-age=300" ||
			long.header.Get("Cache-Control") != cacheForever {
			t.Errorf("%s: %v, %v", path, short.header, long.header)
		}
		again := e.send("GET", path, "", "If-None-Match", short.header.Get("ETag"))
		if again.status != 304 || again.body != "" {
			t.Errorf("%s, asked again: %d", path, again.status)
		}
	}
	for _, path := range []string{"/embed.00000000.js", "/embed..js", "/embed.js/x", "/form.js", "/assets/form.js",
		strings.ToUpper(versioned(embedPath)), "/embed",
		strings.Replace(versioned(embedPath), "embed", "optin-form", 1)} {
		if a := e.send("GET", path, ""); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestTheScriptThatDoesTheWorkMayBeReadByAnyPageAndIsAskedForAgain(t *testing.T) {
	e := newEnv(t)
	a := e.send("GET", "/challenge.js", "", "Origin", "https://anybody.example")
	if a.status != 200 || a.media() != "text/javascript" || a.header.Get("Access-Control-Allow-Origin") != "*" ||
		a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || a.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if again := e.send("GET", "/challenge.js", "", "If-None-Match", a.header.Get("ETag")); again.status != 304 {
		t.Errorf("asked again: %d", again.status)
	}
	if own := e.send("GET", "/assets/challenge.js", ""); own.body != a.body {
		t.Error("our own page has another one")
	}
	sum := sha512.Sum384([]byte(a.body)) // by which embed.js knows it
	if script := e.send("GET", "/embed.js", "").body; !strings.Contains(script,
		"sha384-"+base64.StdEncoding.EncodeToString(sum[:])) {
		t.Error("embed.js wants another one")
	}
}

func TestOnlyTheScriptIsEverybodys(t *testing.T) {
	e := newEnv(t)
	for _, path := range []string{"/assets/optin.css", "/s/gazette", "/healthz"} {
		if a := e.send("GET", path, "", "Origin",
			"https://anybody.example"); a.header.Get("Access-Control-Allow-Origin") != "" ||
			a.header.Get("Cross-Origin-Resource-Policy") != "" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}
