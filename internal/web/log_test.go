package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/optin/optin/internal/web/request"
)

func TestTheLogNamesRoutesAndNobody(t *testing.T) {
	var mu sync.Mutex
	seen, refused := map[string]int{}, map[string]int{}
	e := newEnv(t, func(o *Options) {
		o.Observe = func(o Observed) {
			mu.Lock()
			defer mu.Unlock()
			seen[o.Method+" "+o.Route] = o.Status
		}
		o.Refused = func(site, code string) {
			mu.Lock()
			defer mu.Unlock()
			refused[site+" "+code]++
		}
	})
	a := e.send("POST", signupPath, e.hosted("gazette", "email=lovelace%40secret.example&consent=on"), "Content-Type",
		request.MediaForm, "Origin", publicURL, "X-Forwarded-For", "203.0.113.77")
	d := e.email()
	link := e.path(d.Confirm)
	e.send("GET", link+"?x=lovelace@secret.example", "")
	e.send("POST", link, "", "Cookie", a.header.Get("Set-Cookie"))
	e.send("GET", link[:90]+"%20", "")
	if damaged := e.send("GET", link+"%20", ""); damaged.status != 303 {
		t.Errorf("a damaged link: %d", damaged.status)
	}
	e.send("BREW", link, "")
	e.send("POST", "/v1/sites/gazette/lookup", `{"email":"lovelace@secret.example"}`, "Authorization",
		"Bearer "+gazetteKey, "Content-Type", request.MediaJSON)
	must(t, e.store.Close())
	e.send("POST", link, "")
	text := e.log.String()
	for _, secret := range []string{link[3:], link[10:40], "secret.example", "lovelace", "203.0.113", "127.0.0.1",
		gazetteKey, "__Host", "/c/ey", "BREW"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q:\n%s", secret, text)
		}
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 9 {
		t.Errorf("%d lines for 9 requests:\n%s", len(lines), text)
	}
	var first struct {
		Msg, Method, Route, Site, Request string
		Status                            int
		Ms                                *float64
	}
	must(t, json.Unmarshal([]byte(lines[1]), &first))
	if first.Route != "/v1/sites/{site}/subscriptions" || first.Site != "gazette" || first.Status != 303 ||
		first.Request != a.header.Get("X-Request-Id") || first.Ms == nil {
		t.Errorf("%s", lines[1])
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["POST /c/{token}"] != 503 || seen["GET unmatched"] != 404 || seen["OTHER /c/{token}"] != 405 ||
		len(seen) != 7 {
		t.Errorf("observed %v", seen)
	}
	if refused[" unavailable"] != 1 || refused[" method_not_allowed"] != 1 || refused["gazette link_unknown"] > 0 {
		t.Errorf("refused were %v", refused)
	}
}

func TestAPanicIsAPageAndOneLine(t *testing.T) {
	e := newEnv(t, func(o *Options) {
		o.Undeliverable = func(context.Context,
			string) bool {
			panic("broken on purpose")
		}
	})
	body := `{"email":"a@b.example","consent":true}`
	a := e.send("POST", signupPath, body, "Content-Type", request.MediaJSON)
	if top, _ := a.problem(t); a.status != 500 || top != "internal_error" || strings.Contains(a.body, "purpose") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.send("POST", signupPath, body, "Content-Type", request.MediaJSON, "Accept",
		"text/html"); a.status != 500 || a.page(t).Find("h1").Length() != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if text := e.log.String(); strings.Count(text, "broken on purpose") != 2 || strings.Count(text, "\n") != 2 ||
		!strings.Contains(text, "log_test.go") {
		t.Errorf("the log: %s", text)
	}
	e.untouched()
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	e := newEnv(t)
	paths := e.paths()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, rt := range e.routes() {
				req, err := http.NewRequestWithContext(t.Context(), rt.method, e.http.URL+paths[rt.pattern], nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := e.http.Client().Transport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				if _ = res.Body.Close(); res.StatusCode >= 500 {
					t.Errorf("%s %s: %d", rt.method, rt.pattern, res.StatusCode)
				}
			}
		})
	}
	all.Wait()
}
