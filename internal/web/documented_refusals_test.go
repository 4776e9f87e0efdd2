package web

import (
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/api"
	"github.com/optin/optin/internal/web/request"
)

func TestARefusalThatIsDescribedForACallIsAnsweredByIt(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	link, one := e.path(e.email().Confirm), e.subscriptionPath("ada@b.example")
	e.send("POST", link+"/decline", "")
	taken := e.taken("bob@b.example")
	const site = "/v1/sites/gazette"
	json, accept := []string{"Content-Type", request.MediaJSON}, []string{"Accept", request.MediaJSON}
	untyped := asSite(gazetteKey)
	foreign := []string{"Sec-Fetch-Site", "cross-site", "Accept", request.MediaJSON}
	keyed := func(more ...string) []string { return asSite(gazetteKey, append(more, json...)...) }
	for name, row := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               string
	}{
		"a foreign decline":      {"POST", link + "/decline", "", foreign, 403, "cross_site"},
		"a foreign unblock":      {"POST", link + "/unblock", "", foreign, 403, "cross_site"},
		"a foreign renewal":      {"POST", link + "/renew", "", foreign, 403, "cross_site"},
		"no such page":           {"GET", "/s/nowhere", "", accept, 404, "site_unknown"},
		"nowhere to be sent":     {"GET", "/s/nowhere/sent", "", accept, 404, "site_unknown"},
		"nobody to ask":          {"OPTIONS", "/v1/sites/nowhere/subscriptions", "", nil, 404, "site_unknown"},
		"an export of something": {"GET", site + "/export?since=1", "", keyed(), 400, "query_invalid"},
		"a dossier of a kind":    {"GET", one + "/dossier?kind=1", "", keyed(), 400, "query_invalid"},
		"a dossier of nobody": {"GET", signupPath + "/AAAAAAAAAAAAAAAAAAAAAA/dossier", "", keyed(), 404,
			"subscription_unknown"},
		"a receipt of a kind":  {"GET", one + "/receipt?kind=1", "", keyed(), 400, "query_invalid"},
		"a receipt never made": {"GET", one + "/receipt", "", keyed(), 404, "subscription_unknown"},
		"a receipt of another site's": {"GET", one + "/receipt", "", asSite(clubKey, json...), 403,
			"api_key_of_another_site"},
		"a receipt by who only writes": {"GET", one + "/receipt", "", asSite(writeKey, json...), 403, "api_key_scope"},
		"a status of a kind":           {"GET", "/v1/receipts/r-none?x=1", "", json, 400, "query_invalid"},
		"no receipt of ours":           {"GET", "/v1/receipts/r-none", "", json, 404, "not_found"},
		"a receipt of no link":         {"GET", "/u/none/receipt", "", accept, 404, "link_unknown"},
		"events of a kind":             {"GET", one + "/events?kind=1", "", keyed(), 400, "query_invalid"},
		"events of nobody": {"GET", signupPath + "/AAAAAAAAAAAAAAAAAAAAAA/events", "", keyed(), 404,
			"subscription_unknown"},
		"statistics of something": {"GET", site + "/stats?since=1", "", keyed(), 400, "query_invalid"},
		"a lookup of too much": {"POST", site + "/lookup", strings.Repeat(" ", api.MaxLookupBody+1), keyed(), 413,
			"too_large"},
		"a lookup of half a body": {"POST", site + "/lookup", "{", keyed(), 400, "unreadable"},
		"a resend by a wrong key": {"POST", one + "/resend", "", asSite(gazetteKey, "Idempotency-Key", `"`), 400,
			"idempotency_key_invalid"},
		"a withdrawal by such a key": {"POST", one + "/withdraw", `{}`, keyed("Idempotency-Key", `"`), 400,
			"idempotency_key_invalid"},
		"a retry by such a key": {"POST", site + "/webhooks/retry", `{}`, keyed("Idempotency-Key", `"`), 400,
			"idempotency_key_invalid"},
		"an objection by such a key": {"POST", site + "/objections", `{}`, keyed("Idempotency-Key", `"`), 400,
			"idempotency_key_invalid"},
		"an unblocking by such a key": {"POST", site + "/objections/unblock", `{}`, keyed("Idempotency-Key", `"`),
			400, "idempotency_key_invalid"},
		"a purpose that is a number": {"POST", one + "/withdraw", `{"purposes":[1]}`, keyed(), 422, "field_invalid"},
		"purposes twice": {"POST", one + "/withdraw", `{"purposes":["letter"],"purposes":["letter"]}`,
			keyed(), 422, "field_repeated"},
		"a signup of no type":       {"POST", signupPath, "email=a", nil, 415, "media_type_missing"},
		"a lookup of no type":       {"POST", site + "/lookup", "{}", untyped, 415, "media_type_missing"},
		"a withdrawal of no type":   {"POST", one + "/withdraw", `{"at":"x"}`, untyped, 415, "media_type_missing"},
		"an objection of no type":   {"POST", site + "/objections", "{}", untyped, 415, "media_type_missing"},
		"an unblocking of no type":  {"POST", site + "/objections/unblock", "{}", untyped, 415, "media_type_missing"},
		"a retry of no type":        {"POST", site + "/webhooks/retry", "{}", untyped, 415, "media_type_missing"},
		"a report of no type":       {"POST", bouncesPath, "{}", asSite(ownerKey), 415, "media_type_missing"},
		"a confirmation of no type": {"POST", link, "purposes=letter", accept, 415, "media_type_missing"},
		"a purpose in two spellings": {"POST", taken, "purposes=letter&Purposes=letter",
			[]string{"Content-Type", request.MediaForm, "Accept", request.MediaJSON}, 422, "field_repeated"},
	} {
		a := e.send(row.method, row.path, row.body, row.headers...)
		top, fields := a.problem(t)
		if a.status != row.status || top != row.code && (len(fields) == 0 || fields[0] != row.code) {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, row.status, row.code)
		}
	}
}

// A store that was begun after a loss says so of the links of the one before.
func TestALinkOfALostStoreSaysSoOnEachOfItsCalls(t *testing.T) {
	lost := newEnv(t)
	lost.signUp("ada@b.example")
	link := lost.path(lost.email().Confirm)
	e := newEnv(t, func(o *Options) {
		o.Service = serviceWith(t, *o, rules(), func(of *confirm.Options) {
			of.LostBefore = func() time.Time { return o.Now().Add(time.Hour) }
		})
	})
	for _, call := range []struct{ method, path string }{{"GET", link}, {"POST", link}, {"POST", link + "/renew"}} {
		a := e.send(call.method, call.path, "", "Accept", request.MediaJSON)
		if code := codeOf(t, a.body); a.status != 410 || code != "link_lost" {
			t.Errorf("%s %s: %d %s", call.method, call.path, a.status, a.body)
		}
	}
	page := e.send("GET", link, "", "Accept", "text/html").page(t)
	if text := page.Find("main").Text(); !strings.Contains(text, "again") {
		t.Errorf("the page does not say what to do: %s", text)
	}
}

func TestARenewalOfWhatIsOverIsRefused(t *testing.T) {
	e := newEnv(t)
	renewed := func(link string) (int, string) {
		a := e.send("POST", link+"/renew", "", "Accept", request.MediaJSON)
		return a.status, codeOf(t, a.body)
	}
	e.signUp("ada@b.example")
	link := e.path(e.email().Confirm)
	u, _ := e.send("POST", link, "").page(t).Find(`a[href*="/u/"]`).Attr("href")
	e.send("POST", e.path(u), "")
	if status, code := renewed(link); status != 409 || code != "withdrawn" {
		t.Errorf("taken back: %d %s", status, code)
	}
	e.signUp("bob@b.example")
	link = e.path(e.email().Confirm)
	e.clock.pass(365 * 24 * time.Hour)
	if status, code := renewed(link); status != 410 || code != "link_expired" {
		t.Errorf("of long ago: %d %s", status, code)
	}
}

// taken is the way to take back what an address has confirmed.
func (e *env) taken(email string) string {
	e.Helper()
	e.signUp(email)
	u, _ := e.send("POST", e.path(e.email().Confirm), "").page(e).Find(`a[href*="/u/"]`).Attr("href")
	return e.path(u)
}

func TestAPartOfAScriptMayBeAskedFor(t *testing.T) {
	e := newEnv(t)
	for _, path := range []string{embedPath, versioned(embedPath), elementPath, versioned(elementPath),
		challengePath, "/assets/optin.css"} {
		whole := e.send("GET", path, "")
		if a := e.send("GET", path, "", "Range", "bytes=2-5"); a.status != 206 || a.body != whole.body[2:6] {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
		if a := e.send("GET", path, "", "Range", "bytes=999999-"); a.status != 416 {
			t.Errorf("%s: %d beyond its end", path, a.status)
		}
		if a := e.send("GET", path, "", "If-None-Match", whole.header.Get("ETag")); a.status != 304 {
			t.Errorf("%s: %d though it is known", path, a.status)
		}
	}
	// as docs/embed.md says
	if etag := e.send("GET", "/embed.js", "").header.Get("ETag"); e.send("GET", "/embed."+etag[1:9]+".js",
		"").status != 200 {
		t.Errorf("no version of %s", etag)
	}
}

// TestEveryPostOfAServerIsBoundToItsIdempotencyKey is for the calls that change something: another body is refused, and
// so is who asks while it runs.
func TestEveryPostOfAServerIsBoundToItsIdempotencyKey(t *testing.T) {
	for call, body := range map[string]string{"/resend": "", "/withdraw": `{"purposes":["letter"]}`,
		"/webhooks/retry": `{"all":true}`, "/objections": `{"email":"bob@b.example"}`,
		"/objections/unblock": `{"email":"bob@b.example","reason":"asked"}`} {
		lost := &lossy{} // the first response is not stored, so that it seems to run
		e := newEnv(t, func(o *Options) { lost.Store = o.Store; o.Store = lost })
		e.signUp("ada@b.example")
		path := e.subscriptionPath("ada@b.example") + call
		if strings.Contains(call[1:], "/") || call == "/objections" {
			path = "/v1/sites/gazette" + call
		}
		do := func(body string) answer {
			return e.send("POST", path, body,
				asSite(gazetteKey, "Idempotency-Key", "k", "Content-Type", request.MediaJSON)...)
		}
		if a := do(body); a.status >= 300 {
			t.Fatalf("%s: %d %s", call, a.status, a.body)
		}
		if a := do(body); a.status != 409 || codeOf(t, a.body) != "idempotency_key_running" {
			t.Errorf("%s: %d %s", call, a.status, a.body)
		}
		if a := do(" " + body); a.status != 422 || codeOf(t, a.body) != "idempotency_key_reused" {
			t.Errorf("%s with another body: %d %s", call, a.status, a.body)
		}
		e.clock.pass(2 * time.Minute)
		if a := do(body); a.status >= 300 || a.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%s when it is taken for dead: %d %s", call, a.status, a.body)
		}
	}
}
