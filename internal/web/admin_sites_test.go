package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/admin"
)

// every is what a route of the dashboard may be asked for with.
func every(id string) []string {
	return []string{
		"", "?site=gazette", "?subscription=" + id, "?lang=en", "?lang=en&name=confirm", "?of=month", "?span=364d",
		"?site=gazette&span=7d", "?by=purpose&value=letter", "?by=provider&value=other&site=gazette", "?table=purpose",
		"?table=text&site=gazette", "?purpose=letter", "?answer=undeliverable", "?answer=refused", "?answer=waiting",
	}
}

func TestAnOperatorOfAnotherSiteSeesNothingOfThisOneByAnyRoute(t *testing.T) {
	e := newOperatorsEnv(t, func(o *Options) {
		o.Admin.Recent = time.Hour // what was read for one operator is not shown to the other
		o.Admin.Relays = func() []admin.RelayStatus {
			return []admin.RelayStatus{{Address: "mx:25", Refused: 1, Words: "no DKIM of the paper"}}
		}
	})
	event := e.failEvent("eve@secret.example")
	e.signUp("ada@secret.example")
	message := e.email()
	for i := range 3 { // emails to a domain are stuck, which is unusual
		e.clock.pass(time.Minute)
		e.signUp("p" + strings.Repeat("x", i) + "@secret.example")
		e.refuse("452 4.2.2 mailbox of the gazette full")
	}
	id := e.id("ada@secret.example")
	theirs, others := e.enterAs("rules", operatorPassword).cookie(), e.enterAs("club", operatorPassword).cookie()
	e.view("/admin/sites/gazette/people/"+e.id("eve@secret.example"), theirs)
	e.act(admin.ActPath, "act=resend&one=gazette/"+id+"&sure=true&reason=secret-reason", theirs)
	e.act(admin.ActPath, "all=try&match=domain%3Dsecret.example&sure=true&reason=secret-reason", theirs)
	secrets := []string{
		id, "secret", "gazette", "Gazette", event, message.ID, e.id("eve@secret.example"), "Receive letter",
		"mailbox of", "of the paper",
	}
	seen := map[string]bool{}
	walk := func(cookie string, look func(path, query string, a answer)) {
		for _, rt := range e.routes() {
			if !strings.HasPrefix(rt.pattern, admin.Path) || rt.method != http.MethodGet {
				continue
			}
			path := strings.NewReplacer("{site}", "gazette", "{id}", id, "{email}", message.ID).Replace(rt.pattern)
			for _, query := range every(id) {
				look(path, query, e.send("GET", path+query, "", "Cookie", cookie))
			}
		}
	}
	walk(theirs, func(path, query string, a answer) {
		for _, secret := range secrets {
			seen[secret] = seen[secret] || a.status == http.StatusOK && strings.Contains(a.body, secret)
		}
	})
	for _, secret := range secrets {
		if !seen[secret] {
			t.Errorf("nobody sees %q, so it does not matter who does not", secret)
		}
	}
	walk(others, func(path, query string, a answer) {
		for _, secret := range secrets {
			said := strings.Count(a.body, secret)
			if strings.Contains(query, "subscription="+secret) {
				said -= strings.Count(a.body, `value="`+secret+`"`) // the field has what was asked for
			}
			if said > 0 {
				t.Errorf("%s%s, %d: has %q: %.3000s", path, query, a.status, secret, a.body)
			}
		}
		if strings.Contains(path, "/sites/") && a.status != http.StatusNotFound &&
			(query == "" || a.status != http.StatusBadRequest) {
			t.Errorf("%s%s: %d", path, query, a.status)
		}
	})
}

func TestAnOperatorOfAnotherSiteDoesNothingToThisOne(t *testing.T) {
	e := newOperatorsEnv(t)
	event := e.failEvent("eve@secret.example")
	e.clock.pass(time.Hour)
	e.signUp("ada@secret.example")
	e.refuse("452 4.2.2 mailbox full")
	id := e.id("ada@secret.example")
	cookie := e.enterAs("club", operatorPassword).cookie()
	before := e.acted()
	for _, row := range []struct {
		path, body string
		status     int
	}{
		{admin.PeoplePath, "who=ada%40secret.example", 200}, {admin.PeoplePath, "who=" + id, 200},
		{admin.ActPath, "act=erase&one=gazette%2F" + id + "&sure=true&reason=x", 400},
		{admin.ActPath, "selected=erase&id=gazette%2F" + id + "&sure=true&reason=x", 400},
		{admin.ActPath, "all=erase&match=site%3Dgazette&sure=true&reason=x", 400},
		{admin.ActPath, "all=erase&match=within%3Dgazette&sure=true&reason=x", 400},
		{hooksPath, "all=true", 404}, {hooksPath, "one=" + event, 404},
		{admin.TestPath, "site=gazette&type=webhook.test&queue=" + string(hookQueue), 400},
	} {
		a := e.act(row.path, row.body, cookie)
		if a.status != row.status || strings.Contains(a.body, id) || strings.Contains(a.body, "a…@") {
			t.Errorf("%s %s: %d %.500s", row.path, row.body, a.status, a.body)
		}
	}
	acts := slices.DeleteFunc(e.acted(), func(one string) bool { return one == "operator find" })
	if len(acts) != len(before) || len(e.failedIDs()) != 1 {
		t.Errorf("something was done: %v", acts)
	}
}

// What is done to all that match is done to none of a site that an operator does not see, and shown to none of these.
func TestAnActOnAllThatMatchKeepsToTheSitesOfItsOperator(t *testing.T) {
	e := newOperatorsEnv(t)
	e.signUp("ada@b.example")
	a := e.send("POST", "/v1/sites/club/subscriptions", `{"email":"bob@b.example","consent":true,"purposes":["news"]}`,
		"Content-Type", "application/json")
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	e.clock.pass(time.Second)
	club, all := e.enterAs("club", operatorPassword).cookie(), e.enterAs("rules", operatorPassword).cookie()
	erase := url.Values{"all": {"erase"}, "match": {"domain=b.example"}, "sure": {"true"}, "reason": {"x"}}.Encode()

	asked := e.act(admin.ActPath, "all=erase&match=domain%3Db.example", club).page(t)
	if got := reads(asked.Find("h1")); got != "Erase everything that is known of 1 person?" {
		t.Error(got)
	}
	e.act(admin.ActPath, erase, club)
	stop := e.runBulk(bulkOf(e.web.Options))
	e.bulkSays(admin.PendingPath, club, "done for 1.")
	e.bulkSays(admin.PendingPath, club, "all that match sites club, domain b.example")
	e.bulkSays(admin.PendingPath, all, "It has ended")
	stop()
	if got := e.id("ada@b.example"); got == "" {
		t.Error("she is erased")
	}
	if keys, err := e.service.Operator.Find(t.Context(), "bob@b.example"); err != nil || len(keys) != 0 {
		t.Errorf("he is not: %v, %v", keys, err)
	}

	e.act(admin.ActPath, erase, all) // nothing runs it
	if got := reads(e.view(admin.PendingPath, club).Find("#bulk")); got != "" {
		t.Errorf("an act on other sites is shown: %s", got)
	}
	if a := e.act(admin.StopPath, "", club); a.status != http.StatusForbidden && a.status != http.StatusBadRequest {
		t.Errorf("and stopped: %d", a.status)
	}
	if a := e.act(admin.StopPath, "back=/admin/pending", club); a.status != http.StatusForbidden {
		t.Errorf("and stopped: %d", a.status)
	}
	e.bulkSays(admin.PendingPath, all, "It goes on in the background")
}
