package web

import (
	"context"
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
	if a := e.send("GET", "/readyz", ""); a.status != 200 && !strings.HasPrefix(a.body, "unsafe: store: ") {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	must(t, e.store.Close())
	e.clock.pass(readyFor)
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

// unsafeStore is a real store that says it is unsafe.
type unsafeStore struct{ Store }

func (unsafeStore) Ready(context.Context) error {
	return &store.UnsafeError{Setting: "synchronous", Have: "OFF", Want: "FULL", Fix: "PRAGMA synchronous=FULL"}
}

// counted is a real store that counts how often it is asked.
type counted struct {
	Store
	asked *int
}

func (c counted) Ready(ctx context.Context) error { *c.asked++; return c.Store.Ready(ctx) }

func TestTheStoreIsAskedOnceForAllWhoAskInASecond(t *testing.T) {
	asked := 0
	e := newEnv(t, func(o *Options) { o.Store = counted{o.Store, &asked} })
	for range 50 {
		e.send("GET", "/readyz", "")
	}
	e.clock.pass(readyFor)
	e.send("GET", "/readyz", "")
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

func TestAnUnsafeStoreNamesItsSettingAndTheFix(t *testing.T) {
	e := newEnv(t, func(o *Options) { o.Store = unsafeStore{o.Store} })
	a := e.send("GET", "/readyz", "")
	if a.status != 503 || a.media() != "text/plain" ||
		a.body != "unsafe: store: synchronous is OFF, must be FULL: PRAGMA synchronous=FULL\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
	var h status
	j := e.send("GET", "/readyz", "", "Accept", request.MediaJSON)
	must(t, json.Unmarshal([]byte(j.body), &h))
	if want := (status{"unsafe", "synchronous", "OFF", "FULL", "PRAGMA synchronous=FULL"}); h != want ||
		j.status != 503 {
		t.Errorf("%+v", h)
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
