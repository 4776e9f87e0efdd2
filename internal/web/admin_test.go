package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
)

func TestWithoutAPasswordThereIsNoDashboard(t *testing.T) {
	e := newAdminEnv(t, func(o *Options) { o.Admin.Password = []byte(" \r\n") })
	for _, path := range append(adminLooks(), "/admin/logout") {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			if a := e.send(method, path, "password=", "Content-Type",
				request.MediaForm); a.status != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
		}
	}
}

func TestEveryRouteOfTheDashboardIsTriedByTheseTests(t *testing.T) {
	e := newAdminEnv(t)
	acts := adminActs()
	for _, rt := range e.routes() {
		if !strings.HasPrefix(rt.pattern, admin.Path) {
			continue
		}
		path := strings.NewReplacer("{site}", "gazette", "{id}", nobodyID, "{email}", "x").Replace(rt.pattern)
		_, act := acts[path]
		if tried := act && rt.method == http.MethodPost ||
			strings.Contains(" "+strings.Join(adminLooks(), " ")+" ", " "+path+" "); !tried {
			t.Errorf("%s %s is not", rt.method, rt.pattern)
		}
		a := e.send(rt.method, path, "", "Sec-Fetch-Site", "cross-site") // which also asks for no media type
		person, guarded := a.media() == "text/html" || a.status == http.StatusSeeOther, a.status == http.StatusForbidden
		if !person || guarded != (rt.method == http.MethodPost) {
			t.Errorf("%s %s: person %t, guarded %t", rt.method, rt.pattern, person, guarded)
		}
	}
}

func TestWithoutASessionNothingIsSeenOrDone(t *testing.T) {
	e := newAdminEnv(t)
	e.failEvent("ada@b.example")
	for _, path := range adminLooks() {
		for _, accept := range []string{"text/html", request.MediaJSON, ""} {
			for _, method := range []string{"GET", "HEAD"} {
				a := e.send(method, path, "", "Accept", accept)
				if path == admin.LoginPath {
					if a.status != http.StatusOK {
						t.Errorf("%s %s: %d", method, path, a.status)
					}
					continue
				}
				if a.status != http.StatusSeeOther || a.header.Get("Location") != admin.LoginPath || a.body != "" ||
					a.header.Get("Set-Cookie") != "" {
					t.Errorf("%s %s: %d %v %s", method, path, a.status, a.header, a.body)
				}
			}
		}
	}
	for path, body := range adminActs() {
		if path == admin.LoginPath {
			continue
		}
		a := e.act(path, body, "x=y")
		if a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" ||
			a.page(t).Find("form input[type=password]").Length() != 1 ||
			!strings.Contains(reads(a.page(t).Find("[role=alert]")), "nothing was done") {
			t.Errorf("POST %s: %d %.300s", path, a.status, a.body)
		}
	}
	if a := e.send("GET", "/admin/sites/none/webhooks", ""); a.status != http.StatusSeeOther {
		t.Errorf("of a site that is none: %d", a.status)
	}
	if n := len(e.failedIDs()); n != 1 {
		t.Errorf("%d events have failed, want one", n)
	}
}

func TestNoOtherSpellingReachesTheDashboardEvenWithASession(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	e.failEvent("ada@b.example")
	for _, path := range append(adminPages(), "/admin/logout") {
		rest := path[len("/admin"):]
		for _, spelt := range []string{
			"/" + path, path + "/.", path + "//", "/." + path, "/x/.." + path, "/ADMIN" + rest,
			"/Admin" + rest, "/%61dmin" + rest, "/admin%2f" + strings.TrimPrefix(rest, "/"),
			path + "%2f", path + "%00", path + "%20", path + ";x", path + ";x=1", path + "/..;/", path + "\\",
			path + ".html", "/admin//" + rest, "/admin/." + rest + "/", "/api/.." + path, path + "/x/..",
			"/c/.." + path, path + "%3f", path + "%23", "/admin%5c" + strings.TrimPrefix(rest, "/"),
			"/admin" + strings.ToUpper(rest) + "x", path + "%252f",
		} {
			for _, method := range []string{"GET", "HEAD", "POST"} {
				if status := e.raw(method, spelt,
					"Cookie: "+cookie+"\r\nContent-Type: "+request.MediaForm+"\r\n"); status != http.StatusNotFound {
					t.Errorf("%s %s: %d", method, spelt, status)
				}
			}
		}
	}
	if !e.open(cookie) || len(e.failedIDs()) != 1 {
		t.Error("something was done")
	}
}

func TestAPostFromAnotherSiteChangesNothing(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	id := e.failEvent("ada@b.example")
	for name, headers := range map[string][]string{
		"another site":            {"Sec-Fetch-Site", "cross-site"},
		"a sibling host":          {"Sec-Fetch-Site", "same-site"},
		"two values":              {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"},
		"an old browser":          {"Origin", "https://evil.example"},
		"a sibling, old browser":  {"Origin", "https://www.confirm.example"},
		"a sandbox, old browser":  {"Origin", "null"},
		"ours by http":            {"Origin", "http://confirm.example"},
		"two origins":             {"Origin", publicURL, "Origin", "https://evil.example"},
		"a site that may sign up": {"Origin", "https://gazette.example"},
	} {
		for path, body := range adminActs() {
			a := e.act(path, body, cookie, headers...)
			if a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" || a.header.Get("Location") != "" ||
				a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: POST %s: %d %v", name, path, a.status, a.header)
			}
		}
	}
	for _, override := range [][]string{{"X-HTTP-Method-Override", "POST"}, {"X-Method-Override", "POST"}} {
		e.send("GET", hooksPath, "all=true", append(override, "Cookie", cookie, "Content-Type", request.MediaForm)...)
	}
	e.send("GET", "/admin/sites/gazette/webhooks?all=true&id="+id+"&_method=POST", "", "Cookie", cookie)
	if !e.open(cookie) {
		t.Error("the session has ended")
	}
	if diff := cmp.Diff([]string{id}, e.failedIDs()); diff != "" {
		t.Error(diff)
	}
	for name, headers := range map[string][]string{
		"our page":              {"Sec-Fetch-Site", "same-origin", "Origin", publicURL},
		"our page, no referrer": {"Sec-Fetch-Site", "same-origin", "Origin", "null"},
		"our page, old browser": {"Origin", publicURL}, "a program": nil,
	} {
		if a := e.act("/admin/logout", "", e.logIn(), headers...); a.status != http.StatusSeeOther {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestThePagesOfTheDashboardAreCachedByNobodyAndRunOnlyTheirOwnScript(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	for _, path := range append(adminPages(), "/admin/sites/none/webhooks") {
		if path == admin.AuditPath {
			path += "?act=erase" // the log of what was looked at grows with each look
		}
		get, head := e.send("GET", path, "", "Cookie", cookie), e.send("HEAD", path, "", "Cookie", cookie)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; " +
				"base-uri 'none'; frame-ancestors 'none'; script-src 'self'; frame-src 'self'; connect-src 'self'",
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Opener-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow",
			"Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8", "Content-Language": "en",
			"Access-Control-Allow-Origin": "",
		} {
			if got := get.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		page := get.page(t)
		if page.Find("script:not([src^='/assets/admin.js?v=']), style, [style], meta[http-equiv], iframe, base").
			Length() >
			0 ||
			page.Find("script").Text() != "" ||
			page.Find("h1, main, title").Length() != 3 {
			t.Errorf("%s: %s", path, get.body)
		}
		get.body = ""
		if diff := cmp.Diff(comparable(get), comparable(head)); diff != "" {
			t.Errorf("HEAD %s differs: %s", path, diff)
		}
	}
}
