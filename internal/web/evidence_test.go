package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// subscription is what the store keeps of the one address at the gazette, opened.
func (e *env) subscription() (s consent.Subscription) {
	e.Helper()
	p, err := e.store.List(e.Context(), store.Query{Site: "gazette"})
	must(e, err)
	if len(p.Records) != 1 {
		e.Fatalf("%d records, want one", len(p.Records))
	}
	s, err = e.service.Website.Subscription(e.Context(), "gazette", p.Records[0].Key.ID)
	must(e, err)
	return s
}

func TestEveryActionRecordsItsEvidence(t *testing.T) {
	e := newEnv(t)
	seen := []string{"X-Forwarded-For", "1.1.1.1, 203.0.113.7", "User-Agent", "Browser/1"}
	signup := e.send("POST", signupPath,
		e.hosted("gazette", "email=ada%40b.example&consent=on&"+
			"source="+url.QueryEscape("https://gazette.example/sport")),
		append(seen, "Content-Type", request.MediaForm, "Origin", publicURL)...)
	cookie, err := http.ParseSetCookie(signup.header.Get("Set-Cookie"))
	must(t, err)
	link := e.path(e.email().Confirm)
	form, made := e.send("GET", link, "").fieldsOf(t, "#confirm"), e.clock.now()
	e.clock.pass(time.Minute)
	done := e.send("POST", link, form.Encode(), append(seen, "Content-Type", request.MediaForm, "Origin", publicURL,
		"Cookie", cookie.Name+"="+cookie.Value)...)
	back := e.path(done.page(t).Find(`a[href*="/u/"]`).AttrOr("href", ""))
	e.send("POST", back, "List-Unsubscribe=One-Click", append(seen, "Content-Type", request.MediaForm)...)

	s := e.subscription()
	everywhere := consent.Evidence{At: e.clock.now(), IP: "203.0.113.7", UserAgent: "Browser/1"}
	signedUp, confirmation, ended := everywhere, everywhere, everywhere
	signedUp.At, confirmation.PageMade = made, made
	signedUp.How, signedUp.Origin, signedUp.Source = consent.ByHostedForm, publicURL, "https://gazette.example/sport"
	confirmation.How, confirmation.Origin = consent.ByBrowser, publicURL
	ended.How = consent.ByOneClick
	if diff := cmp.Diff([]consent.Evidence{signedUp, confirmation, ended},
		[]consent.Evidence{s.Requests[0].Asked, *s.Requests[0].Closed, *s.Consents[0].Ended}); diff != "" {
		t.Error(diff)
	}
}

func TestHowASignupAndAConfirmationWereExpressedIsRecorded(t *testing.T) {
	for name, row := range map[string]struct {
		media, body, origin string
		how                 consent.Method
	}{
		"a program": {request.MediaJSON, `{"email":"ada@b.example","consent":true}`, "", consent.ByAPI},
		"a script": {request.MediaJSON, `{"email":"ada@b.example","consent":true}`, "https://gazette.example",
			consent.ByAPI},
		"a website form": {request.MediaForm, "email=ada@b.example&consent=on", "https://gazette.example",
			consent.ByForm},
		"an old browser": {request.MediaForm, "email=ada@b.example&consent=on", "", consent.ByForm},
		"our page":       {request.MediaForm, "email=ada@b.example&consent=on", publicURL, consent.ByHostedForm},
	} {
		e := newEnv(t)
		headers := []string{"Content-Type", row.media}
		if row.origin != "" {
			headers = append(headers, "Origin", row.origin)
		}
		if row.origin == publicURL {
			row.body = e.hosted("gazette", row.body)
		}
		e.send("POST", signupPath, row.body, headers...)
		e.send("POST", e.path(e.email().Confirm), "", "Cookie", "__Host-optin=AAAAAAAAAAAAAAAAAAAAAA")
		r := e.subscription().Requests[0]
		if r.Asked.How != row.how || r.Closed == nil || r.Closed.How != consent.ByLink ||
			(r.Browser != "") != (row.how == consent.ByHostedForm) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestWithoutHTTPSTheCookieStillWorksOnLoopback(t *testing.T) {
	e := newEnv(t, func(o *Options) { o.PublicURL = &url.URL{Scheme: "http", Host: "127.0.0.1:8080", Path: "/"} })
	a := e.send("POST", signupPath, e.hosted("gazette", "email=ada%40b.example&consent=on"), "Content-Type",
		request.MediaForm, "Origin", "http://127.0.0.1:8080")
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	must(t, err)
	if c.Name != "optin" || c.Secure || !c.HttpOnly || a.header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%v", a.header)
	}
	p := e.send("GET", e.path(e.email().Confirm), "", "Cookie", "optin="+c.Value)
	if p.page(t).Find("script").Length() != 1 {
		t.Error("the same browser is not known again")
	}
}

func TestABodyThatDoesNotArriveIsNotWaitedFor(t *testing.T) {
	e := newEnv(t)
	hurried := httptest.NewUnstartedServer(nil)
	hurried.Config = HTTPServer("", e.web.echo)
	hurried.Config.ReadTimeout = 50 * time.Millisecond // HTTPServer's own takes seconds
	hurried.Start()
	t.Cleanup(hurried.Close)
	e.http = hurried
	if status := e.raw("POST", signupPath, "Content-Type: application/json\r\nContent-Length: 40\r\n"); status != 408 {
		t.Errorf("status %d", status)
	}
	e.untouched()
}
