package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/confirm/statement"
	"github.com/optin/optin/internal/web/request"
)

// statementSum is the hash of what the one address at the gazette was shown.
func (e *env) statementSum() string {
	e.Helper()
	return e.subscription().Requests[0].Statements[0].SHA256
}

// reconfigure restarts the web on the same store, with other rules.
func (e *env) reconfigure(change func(sites []confirm.Site)) {
	e.Helper()
	o, sites := e.web.Options, rules()
	change(sites)
	e.service = serviceWith(e, o, sites)
	o.Service = e.service
	o.Webhooks = endpointsOf(e.T, o, e.store)
	var err error
	e.web, err = newApp(o)
	must(e, err)
	e.http = httptest.NewUnstartedServer(nil)
	e.http.Config = HTTPServer("", e.web.echo)
	e.http.Start()
	e.Cleanup(e.http.Close)
}

func TestAStatementIsItsHash(t *testing.T) {
	e := newEnv(t)
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"locale":"fr"}`,
		"Content-Type", request.MediaJSON)
	sum := e.statementSum()
	for name, headers := range map[string][]string{
		"a program": nil, "another": {"Accept", "*/*"}, "a third": {"Accept", "application/json, text/html;q=0.9"},
	} {
		a := e.send("GET", "/texts/"+sum, "", headers...)
		is := sha256.Sum256([]byte(a.body))
		if a.status != 200 || hex.EncodeToString(is[:]) != sum || a.media() != request.MediaJSON ||
			a.header.Get("Cache-Control") != cacheForever || a.header.Get("ETag") != `"`+sum+`"` ||
			!strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept") {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
		doc, err := statement.Parse([]byte(a.body))
		must(t, err)
		want := statement.Document{
			Version: 1, Site: "gazette", SiteName: "La Gazette", Language: "fr", Text: "Recevoir letter",
			Purpose:    statement.Purpose{ID: "letter", Revision: 1},
			Controller: statement.Controller{Name: "La Gazette SAS", Contact: "privacy@gazette.example", Country: "FR"},
			Recipients: []string{}, Rights: statement.Rights(), Authority: statement.AuthorityOf("FR"),
			Notice: &statement.Notice{URL: "https://gazette.example/privacy"},
		}
		if diff := cmp.Diff(want, doc); diff != "" {
			t.Error(diff)
		}
	}
	if a := e.send("GET", "/texts/"+sum, "", "If-None-Match", `"`+sum+`"`); a.status != 304 || a.body != "" {
		t.Errorf("asked again: %d", a.status)
	}
	if a := e.send("GET", "/texts/"+sum, "", "Range", "bytes=2-5"); a.status != 200 || !strings.HasPrefix(a.body, "{") {
		t.Errorf("a part: %d %q", a.status, a.body)
	}
	if a := e.send("HEAD", "/texts/"+sum, ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
}

func TestAStatementIsAPageInItsLanguage(t *testing.T) {
	e := newEnv(t)
	e.send("POST", signupPath, `{"email":"ada@b.example","consent":true,"locale":"fr"}`,
		"Content-Type", request.MediaJSON)
	path := "/texts/" + e.statementSum()
	a := e.send("GET", path, "", "Accept", "text/html", "Accept-Language", "en")
	page := a.page(t)
	if a.status != 200 || page.Find("html").AttrOr("lang", "") != "fr" || a.header.Get("Content-Language") != "fr" ||
		page.Find(".purposes li").Text() != "Recevoir letter" || page.Find("header.site").Length() != 1 ||
		!strings.Contains(page.Find(".facts").Text(), "La Gazette SAS") || page.Find("form, script").Length() != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if strings.Contains(a.body, "ada") || a.header.Get("Cache-Control") != cacheValidated {
		t.Errorf("%v %s", a.header, a.body)
	}
	again := e.send("GET", path, "", "Accept", "text/html", "If-None-Match", a.header.Get("ETag"))
	if again.status != 304 {
		t.Errorf("asked again: %d", again.status)
	}
}

func TestWhatWasPutToSomebodyStaysWhenTheConfigurationChanges(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	sum, before := e.statementSum(), ""
	before = e.send("GET", "/texts/"+sum, "").body
	e.reconfigure(func(sites []confirm.Site) {
		sites[0].Name, sites[0].Controller.Name = "Le Journal", "Le Journal SA"
		sites[0].Purposes[0].Text = map[string]string{"en": "Other words", "fr": "D’autres mots"}
		sites[0].Purposes[0].Revision = 2
	})
	if after := e.send("GET", "/texts/"+sum, "").body; after != before {
		t.Errorf("%s, before: %s", after, before)
	}
	page := e.send("GET", "/texts/"+sum, "", "Accept", "text/html").page(t)
	if text := page.Text(); !strings.Contains(text, "La Gazette SAS") || !strings.Contains(text, "Receive letter") ||
		strings.Contains(text, "Journal") || strings.Contains(text, "words beside") {
		t.Errorf("the page shows %s", text)
	}
	var st consent.Status
	e.send("GET", e.subscriptionPath("ada@b.example"), "", asSite(readKey)...).read(t, 200, &st)
	if p := st.Purposes[0]; p.State != consent.Expired || p.Reason != consent.ReasonSuperseded || p.TextSHA256 != sum ||
		p.Text != "Receive letter" {
		t.Errorf("%+v", p)
	}
}

func TestAConsentThatARevisionEndedIsTakenBackFromItsPage(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	done := e.send("POST", e.path(e.email().Confirm), "")
	link := e.path(done.page(t).Find(`a[href*="/u/"]`).AttrOr("href", ""))
	e.reconfigure(func(sites []confirm.Site) { sites[0].Purposes[0].Revision = 2 })
	page := e.send("GET", link, "").page(t)
	if n := page.Find(`form[action="` + link + `"] button`).Length(); n != 1 {
		t.Fatalf("%d buttons: %s", n, page.Text())
	}
	if a := e.send("POST", link, ""); a.status != 200 || a.page(t).Find(".purposes li").Length() != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := e.state("ada@b.example"); got != consent.Withdrawn {
		t.Errorf("it is %s", got)
	}
	if n := e.send("GET", link, "").page(t).Find(`form[action="` + link + `"] button`).Length(); n != 0 {
		t.Errorf("%d buttons are left", n)
	}
}

func TestOnlyStatementsAreShownUnderTheirHash(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	other := []byte(`{"kept":"under its hash, too"}`)
	is := sha256.Sum256(other)
	must(t, e.store.PutText(t.Context(), hex.EncodeToString(is[:]), other))
	sum := e.statementSum()
	for name, hash := range map[string]string{
		"another text": hex.EncodeToString(is[:]), "nothing": strings.Repeat("0", 64), "capitals": strings.ToUpper(sum),
		"too short": sum[1:], "too long": sum + "0", "no hash": "letter",
	} {
		a := e.send("GET", "/texts/"+hash, "")
		code, _ := a.problem(t)
		if a.status != 404 || code != "not_found" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if a := e.send("GET", "/texts/"+hash, "", "Accept", "text/html"); a.status != 404 ||
			a.page(t).Find("h1").Length() != 1 {
			t.Errorf("%s, for people: %d", name, a.status)
		}
	}
}

func TestPagesThatAskLeadToTheWholeStatement(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	link, sum := e.path(e.email().Confirm), e.statementSum()
	asks := e.send("GET", link, "").page(t)
	unsubscribe := e.path(e.send("POST", link, "").page(t).Find(`a[href*="/u/"]`).AttrOr("href", ""))
	for name, found := range map[string]string{
		"confirm":     asks.Find("a.in-full").AttrOr("href", ""),
		"unsubscribe": e.send("GET", unsubscribe, "").page(t).Find("a.in-full").AttrOr("href", ""),
	} {
		if found != "/texts/"+sum {
			t.Errorf("the page to %s leads to %q", name, found)
		}
	}
}
