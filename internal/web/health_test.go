package web

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates"
)

func TestAStoreThatIsUnreachableIsReportedAtOnce(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 100, Per: time.Minute}}
		o.Sites["gazette"] = g
	})
	paths := e.paths()
	if a := e.send("GET", "/readyz", ""); a.status != 200 {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	must(t, e.store.Close())
	e.say(store.ErrUnavailable)
	one := paths["/v1/sites/{site}/subscriptions/{id}"]
	key := []string{"Authorization", "Bearer " + gazetteKey}
	for _, c := range []struct{ method, path, body, media string }{
		{"POST", signupPath, `{"email":"a@b.example","consent":true}`, request.MediaJSON},
		{"POST", "/v1/sites/club/subscriptions", `{"email":"a@b.example","consent":true,"purposes":"news"}`,
			request.MediaJSON},
		{"POST", signupPath, "email=a@b.example&consent=on", request.MediaForm},
		{"POST", "/v1/sites/gazette/lookup", `{"email":"a@b.example"}`, request.MediaJSON},
		{"GET", paths["/c/{token}"], "", ""}, {"POST", paths["/c/{token}"], "", ""},
		{"POST", paths["/c/{token}/decline"], "", ""}, {"POST", paths["/c/{token}/unblock"], "", ""},
		{"POST", paths["/c/{token}/renew"], "", ""}, {"GET", "/readyz", "", ""},
		{"GET", signupPath, "", ""}, {"GET", one, "", ""}, {"DELETE", one, "", ""}, {"POST", one + "/resend", "", ""},
		{"POST", one + "/withdraw", "", ""},
		{"GET", "/v1/sites/gazette/stats", "", ""}, {"GET", "/v1/sites/gazette/export", "", ""},
		{"GET", "/v1/sites/gazette/export?format=csv", "", ""},
	} {
		headers := []string{"Accept", request.MediaJSON}
		if !strings.Contains(c.path, "club") {
			headers = append(headers, key...)
		}
		if c.media != "" {
			headers = append(headers, "Content-Type", c.media)
		}
		start := time.Now()
		a := e.send(c.method, c.path, c.body, headers...)
		if a.status != 503 || a.header.Get("Retry-After") != "5" || time.Since(start) > time.Second ||
			!strings.Contains(a.body, "unavailable") {
			t.Errorf("%s %.40s: %d %v %s in %v", c.method, c.path, a.status, a.header, a.body, time.Since(start))
		}
	}
	if a := e.send("POST", paths["/c/{token}"], "", "Accept", "text/html"); a.status != 503 ||
		a.page(t).Find("h1").Length() != 1 || a.header.Get("Retry-After") == "" {
		t.Errorf("for a person: %d %s", a.status, a.body)
	}
	if a := e.send("GET", "/healthz", ""); a.status != 200 || a.body != "ok\n" {
		t.Errorf("the process itself: %d %s", a.status, a.body)
	}
}

func unsafeSetting() error {
	return &store.UnsafeError{Setting: "synchronous", Have: "OFF", Want: "FULL", Fix: "PRAGMA synchronous=FULL"}
}

func TestAnUnsafeStoreNamesItsSettingAndTheFix(t *testing.T) {
	e := newEnv(t)
	e.say(unsafeSetting())
	a := e.send("GET", "/readyz", "")
	if a.status != 503 || a.media() != "text/plain" ||
		a.body != "unsafe: store: synchronous is OFF, must be FULL: PRAGMA synchronous=FULL\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
	var h status
	j := e.send("GET", "/readyz", "", "Accept", request.MediaJSON)
	must(t, json.Unmarshal([]byte(j.body), &h))
	if want := (status{"unsafe", "synchronous", "OFF", "FULL", "", "PRAGMA synchronous=FULL", nil}); h != want ||
		j.status != 503 {
		t.Errorf("%+v", h)
	}
}

// A store that is not ready loses or evicts what it acknowledges: what must be kept is refused before anything else is
// looked at, and what takes a consent back is tried.
func TestWhileTheStoreIsNotReadyOnlyWhatTakesConsentBackIsTaken(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Limits.SignupsPerIP = []store.Limit{{N: 2, Per: time.Hour}}
		o.Sites["gazette"] = g
	})
	paths := e.paths()
	one := paths["/v1/sites/{site}/subscriptions/{id}"]
	key := []string{"Authorization", "Bearer " + gazetteKey}
	body := `{"email":"kept@b.example","consent":true}`
	club, unsubscribe := "/v1/sites/club/subscriptions", e.taken("grace@b.example")
	answered := e.send("POST", club, `{"email":"kept@b.example","consent":true,"purposes":"news"}`, "Content-Type",
		request.MediaJSON, "Idempotency-Key", "answered-before")
	if answered.status != 202 {
		t.Fatalf("%d %s", answered.status, answered.body)
	}
	e.say(unsafeSetting())
	for _, c := range []struct {
		method, path, body string
		refused            bool
		headers            []string
	}{
		{"POST", signupPath, body, true, nil}, // the client's limit is used up
		{"POST", signupPath, body, true, key},
		{"POST", signupPath, `{"email":"no"}`, true, nil},
		{"POST", club, `{"email":"kept@b.example","consent":true,"purposes":"news"}`, true,
			[]string{"Idempotency-Key", "answered-before"}},
		{"POST", paths["/c/{token}"], "", true, nil},
		{"POST", paths["/c/{token}/renew"], "", true, nil},
		{"POST", paths["/c/{token}/unblock"], "", true, nil},
		{"POST", one + "/resend", "", true, key},
		{"GET", paths["/c/{token}"], "", false, nil},
		{"GET", one, "", false, key},
		{"POST", paths["/c/{token}/decline"], "", false, nil},
		{"POST", one + "/withdraw", "", false, key},
		{"POST", unsubscribe, "", false, nil},
		{"DELETE", one, "", false, key},
	} {
		headers := append([]string{"Accept", request.MediaJSON}, c.headers...)
		if c.body != "" {
			headers = append(headers, "Content-Type", request.MediaJSON)
		}
		a := e.send(c.method, c.path, c.body, headers...)
		refused := a.status == 503 && a.header.Get("Retry-After") == "5"
		if refused != c.refused || !refused && a.status > 299 {
			t.Errorf("%s %.40s: %d %s, refused should be %t", c.method, c.path, a.status, a.body, c.refused)
		}
	}
	page := e.send("POST", paths["/c/{token}"], "", "Accept", "text/html")
	if page.status != 503 || page.page(t).Find("h1").Length() != 1 {
		t.Errorf("for a person: %d %s", page.status, page.body)
	}
	e.say(nil)
	if a := e.send("POST", club, `{"email":"kept@b.example","consent":true,"purposes":"news"}`, "Content-Type",
		request.MediaJSON, "Idempotency-Key", "answered-before"); a.status != 202 {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

func TestAnAssetIsCachedForeverByItsVersion(t *testing.T) {
	e := newEnv(t)
	page := e.send("GET", "/s/gazette", "").page(t)
	href := page.Find("link[rel=stylesheet]").AttrOr("href", "")
	a := e.send("GET", href, "")
	content, media, etag, _ := templates.Asset("optin.css")
	if a.status != 200 || a.body != string(content) || a.header.Get("Content-Type") != media ||
		!strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d %v", href, a.status, a.header)
	}
	for _, other := range []string{"/assets/optin.css", "/assets/optin.css?v=0"} {
		if a := e.send("GET", other, ""); a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %s", other, a.header.Get("Cache-Control"))
		}
	}
	if a := e.send("GET", href, "", "If-None-Match", etag); a.status != 304 {
		t.Errorf("unchanged: %d", a.status)
	}
}

func TestAProcessThatIsAboutToStopIsNotReady(t *testing.T) {
	stopping := make(chan struct{})
	e := newEnv(t, func(o *Options) { o.Stopping = stopping })
	before := e.send("GET", "/readyz", "")
	close(stopping)
	text, json := e.send("GET", "/readyz", ""), e.send("GET", "/readyz", "", "Accept", request.MediaJSON)
	if strings.HasPrefix(before.body, "stopping") || text.status != 503 || text.body != "stopping\n" ||
		json.status != 503 || json.body != `{"status":"stopping"}`+"\n" {
		t.Errorf("before: %d %s; then: %d %s, %d %s", before.status, before.body, text.status, text.body, json.status,
			json.body)
	}
	if a := e.send("POST", signupPath, `{"email":"a@b.example","consent":true}`, "Content-Type",
		request.MediaJSON); a.status != 202 {
		t.Errorf("a signup meanwhile: %d %s", a.status, a.body)
	}
}
