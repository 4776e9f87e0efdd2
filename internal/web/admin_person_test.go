package web

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/store"
)

// found is the page to which a search leads.
func (e *env) found(who, cookie string) answer {
	e.Helper()
	a := e.act(admin.PeoplePath, url.Values{"who": {who}}.Encode(), cookie)
	if a.status == http.StatusSeeOther {
		a = e.send("GET", a.header.Get("Location"), "", "Cookie", cookie)
	}
	if a.status != http.StatusOK {
		e.Fatalf("%d %.300s", a.status, a.body)
	}
	return a
}

func TestAPersonIsFoundAndWhatHappenedIsSaidInPlainWords(t *testing.T) {
	e := newOperatorsEnv(t)
	e.signUp("ada@b.example")
	message := e.email()
	cookie, id := e.enterAs("sees", operatorPassword).cookie(), e.id("ada@b.example")
	for _, who := range []string{
		"ada@b.example", " ADA@b.example ", id, message.ID, "<" + message.ID + "@gazette.example>",
	} {
		if got := reads(e.found(who, cookie).page(t).Find("h1")); got != "a…@b.example" {
			t.Errorf("%s: %s", who, got)
		}
	}
	if got := reads(
		e.found("bob@b.example", cookie).page(t).Find("[role=status]"),
	); !strings.HasPrefix(
		got,
		"Nobody is known",
	) {
		t.Error(got)
	}
	e.send("POST", e.path(message.Confirm), "")
	e.clock.pass(time.Minute)
	page := e.found(id, cookie).page(t)
	var titles []string
	for i := range page.Find(".timeline b").Length() {
		titles = append(titles, reads(page.Find(".timeline b").Eq(i)))
	}
	want := []string{"Signed up", "An email became due", "A relay took the email", "Confirmed"}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Error(diff)
	}
	if got := reads(
		page.Find(".timeline li").Last(),
	); !strings.Contains(
		got,
		"the button behind the link in the email",
	) {
		t.Error(got)
	}
	if got := reads(page.Find(".verdict")); got != "Confirmed" {
		t.Error(got)
	}
	if text := page.Text(); strings.Contains(text, "ada@") || strings.Contains(text, "/c/") ||
		strings.Contains(text, "/u/") {
		t.Error("the page has the address, or a link that works")
	}
}

func TestEveryLookAtAPersonIsInTheAuditLogOnce(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@b.example")
	id := e.id("ada@b.example")
	cookie := e.logIn()
	path := "/admin/sites/gazette/people/" + id
	for range 3 { // the page is kept fresh
		e.view(path, cookie)
	}
	e.send("GET", path+"/dossier", "", "Cookie", cookie)
	e.clock.pass(time.Second)
	e.view(path, e.logIn()) // somebody else
	if diff := cmp.Diff(
		[]string{"operator look " + id, "operator download " + id, "operator look " + id},
		e.acted(),
	); diff != "" {
		t.Error(diff)
	}
}

func TestTheProofOfAPersonIsDownloaded(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@b.example")
	message := e.email()
	e.send("POST", e.path(message.Confirm), "")
	cookie, path := e.logIn(), "/admin/sites/gazette/people/"+e.id("ada@b.example")
	a := e.send("GET", path+"/dossier", "", "Cookie", cookie)
	z, err := zip.NewReader(bytes.NewReader([]byte(a.body)), int64(len(a.body)))
	if err != nil || len(z.File) < 3 || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d %v %v", a.status, a.header, err)
	}
	if a := e.send("GET", path+"/emails/nothing", "", "Cookie", cookie); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}

func TestAPersonIsErasedForAReasonThatIsKept(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@b.example")
	e.email()
	cookie, id := e.logIn(), e.id("ada@b.example")
	body := url.Values{
		"act": {"erase"}, "one": {"gazette/" + id}, "sure": {"true"}, "reason": {"she asked by phone"},
		"back": {"/admin/sites/gazette/people/" + id},
	}
	page := e.follow(e.act(admin.ActPath, body.Encode(), cookie), cookie)
	if got := reads(page.Find("[role=status]")); got != "Their data was erased." {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"operator erase " + id + " she asked by phone"}, e.acted()); diff != "" {
		t.Error(diff)
	}
	if a := e.send("GET", "/admin/sites/gazette/people/"+id, "", "Cookie", cookie); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
	log := e.view(admin.AuditPath+"?act=erase", cookie)
	if got := reads(
		log.Find("tbody tr"),
	); !strings.Contains(got, "Erased") ||
		!strings.Contains(got, "she asked by phone") {
		t.Error(got)
	}
	csv := e.send("GET", admin.AuditCSVPath, "", "Cookie", cookie)
	if !strings.Contains(csv.body, ",erase,gazette,"+id+",she asked by phone\n") {
		t.Error(csv.body)
	}
}

func TestConsentIsTakenBackForAPersonWithTheReasonAsEvidence(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	cookie, id := e.logIn(), e.id("ada@b.example")
	path := "/admin/sites/gazette/people/" + id
	body := url.Values{
		"act":    {"withdraw"},
		"one":    {"gazette/" + id},
		"sure":   {"true"},
		"reason": {"by post"},
		"back":   {path},
	}
	page := e.follow(e.act(admin.ActPath, body.Encode(), cookie), cookie)
	if got := reads(page.Find(".verdict")); got != "Withdrawn" {
		t.Error(got)
	}
	if got := reads(
		page.Find(".timeline li").Last(),
	); !strings.Contains(got, "Withdrew") || !strings.Contains(got, "by post") ||
		!strings.Contains(got, "operator") ||
		strings.Contains(got, "Browser") {
		t.Error(got)
	}
}

// What a website passes on of an address is noted by the id that the address has or would have, and only if it is done.
func TestTheObjectionsOfAKeyAreInTheAuditLogWithTheirSubscription(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	id := e.id("ada@b.example")
	post := func(path, body string, want int) {
		t.Helper()
		a := e.send("POST", "/v1/sites/gazette/objections"+path, body,
			append(asSite(gazetteKey), "Content-Type", "application/json")...)
		if a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	post("", `{"email":"ada@b.example"}`, 200)
	post("/unblock", `{"email":"ada@b.example"}`, 422)
	post("/unblock", `{"email":"Ada@b.example","reason":"by phone"}`, 200)
	want := []string{"key unblock " + id + " by phone", "key object " + id}
	if diff := cmp.Diff(want, e.acted()); diff != "" {
		t.Error(diff)
	}
	post("", `{"email":"nobody@b.example"}`, 200)
	if id, ok := strings.CutPrefix(e.acted()[0], "key object "); !ok || !store.IsID(id) {
		t.Error(e.acted()[0])
	}
}

func TestAKeysActsAreInTheAuditLogToo(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	id := e.id("ada@b.example")
	base := "/v1/sites/gazette/subscriptions/" + id
	e.send("GET", base+"/events", "", asSite(gazetteKey)...)
	e.send("GET", base+"/events", "", "Authorization", "Bearer wrong")
	e.send("POST", base+"/resend", "", asSite(gazetteKey)...)
	e.send("DELETE", base, "", asSite(gazetteKey)...)
	want := []string{"key erase " + id, "key resend " + id, "key look " + id}
	if diff := cmp.Diff(want, e.acted()); diff != "" {
		t.Error(diff)
	}
}
