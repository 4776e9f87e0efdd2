package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/web/admin"
)

// listed are the people on a page of who is pending.
func listed(page *goquery.Document) (who []string) {
	page.Find("tbody .who").Each(func(_ int, a *goquery.Selection) { who = append(who, reads(a)) })
	return who
}

// view is a page of the dashboard.
func (e *env) view(path, cookie string) *goquery.Document {
	e.Helper()
	a := e.send("GET", path, "", "Cookie", cookie)
	if a.status != http.StatusOK {
		e.Fatalf("%s: %d %.300s", path, a.status, a.body)
	}
	return a.page(e)
}

// acted returns the acts in the audit log, newest first, each with its subscription and reason.
func (e *env) acted() (all []string) {
	e.Helper()
	for entry, err := range e.web.Audit.All(e.Context(), audit.Query{}) {
		must(e, err)
		all = append(
			all,
			strings.TrimSpace(fmt.Sprintf("%s %s %s %s", entry.By, entry.Act, entry.Subscription, entry.Reason)),
		)
	}
	return all
}

func TestWhoIsPendingIsListedMaskedAndFilteredByTheAddress(t *testing.T) {
	e := newAdminEnv(t)
	for i, email := range []string{"ada@b.example", "bob@c.example", "eve@b.example"} {
		e.signUp(email)
		e.email()
		if i == 0 {
			e.clock.pass(2 * time.Hour)
		}
	}
	cookie := e.logIn()
	for query, want := range map[string][]string{
		"": {"e…@b.example", "b…@c.example", "a…@b.example"}, "?domain=b.example": {"e…@b.example", "a…@b.example"},
		"?domain=B.Example&age=1h": {"a…@b.example"}, "?site=club": nil,
		"?answer=taken&purpose=letter&age=1h": {"a…@b.example"},
		"?answer=mailbox":                     nil,
		"?age=&site=&purpose=":                {"e…@b.example", "b…@c.example", "a…@b.example"},
	} {
		page := e.view(admin.PendingPath+query, cookie)
		got := listed(page)
		if strings.Count(query, "age=1h") == 0 && len(got) > 1 { // two of one moment are in the order of their ids
			want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		if len(want) == 0 && page.Find(".empty").Length() != 1 {
			t.Errorf("%s: nothing says that there is nobody", query)
		}
		if strings.Contains(page.Text(), "ada@") || strings.Contains(page.Text(), "bob@") {
			t.Errorf("%s: it names somebody", query)
		}
	}
	chosen := e.view(admin.PendingPath+"?domain=b.example&age=1h", cookie)
	if got := chosen.Find("option[selected][value='1h']").
		Length(); got != 1 ||
		chosen.Find("#by-domain").AttrOr("value", "") != "b.example" {
		t.Error("the form does not say what was asked")
	}
	for _, wrong := range []string{
		"?site=x", "?age=1", "?answer=no", "?before=x", "?purpose=%00", "?x=1", "?site=club&site=gazette",
	} {
		if a := e.send(
			"GET",
			admin.PendingPath+wrong,
			"",
			"Cookie",
			cookie,
		); a.status != http.StatusBadRequest &&
			a.status != 422 {
			t.Errorf("%s: %d", wrong, a.status)
		}
	}
}

func TestWhoIsPendingComesPageByPage(t *testing.T) {
	e := newAdminEnv(t)
	for i := range admin.PendingShown + 1 {
		e.signUp(fmt.Sprintf("ada%d@b.example", i))
		e.clock.pass(time.Second)
	}
	cookie := e.logIn()
	first := e.view(admin.PendingPath+"?domain=b.example", cookie)
	next := first.Find(".pages a").AttrOr("href", "")
	if n := len(listed(first)); n != admin.PendingShown || !strings.Contains(next, "domain=b.example") {
		t.Fatalf("%d, then %q", n, next)
	}
	rest := e.view(next, cookie)
	if n := len(listed(rest)); n != 1 || reads(rest.Find(".pages a")) != "Newest" {
		t.Errorf("%d, then %q", n, reads(rest.Find(".pages")))
	}
}

// resend presses the button of a page for all people on it, or for those of a row, and confirms it.
func (e *env) resend(page *goquery.Document, cookie string, one bool) *goquery.Document {
	e.Helper()
	body := url.Values{"act": {"resend"}, "back": {page.Find("[name=back]").AttrOr("value", "")}}
	page.Find("[name=id]").Each(func(_ int, box *goquery.Selection) { body.Add("id", box.AttrOr("value", "")) })
	if one {
		body.Set("one", page.Find("[name=one]").First().AttrOr("value", ""))
	}
	asked := e.act(admin.ActPath, body.Encode(), cookie)
	form := asked.page(e).Find("main form")
	if asked.status != http.StatusOK || form.Length() != 1 {
		e.Fatalf("it is not asked once more: %d %s", asked.status, reads(asked.page(e).Find("main")))
	}
	return e.follow(e.submit(form, cookie), cookie)
}

func TestEmailsAreSentAgainToTheSelectedOnceThatIsSure(t *testing.T) {
	e := newAdminEnv(t)
	for _, email := range []string{"ada@b.example", "eve@b.example"} {
		e.signUp(email)
		e.email()
	}
	e.clock.pass(11 * time.Minute)
	e.signUp("bob@b.example")
	e.email()
	cookie := e.logIn()
	page := e.view(admin.PendingPath, cookie)
	done := e.resend(page, cookie, false)
	if got := reads(done.Find("[role=status]")); !strings.HasPrefix(got, "2 emails will leave again.") ||
		!strings.Contains(got, "1 person got none: they had as many emails as the limits allow for now.") {
		t.Error(got)
	}
	if n := len(e.emails()); n != 2 {
		t.Errorf("%d emails are due", n)
	}
	if got := e.acted(); len(got) != 3 || !strings.HasPrefix(got[0], "operator resend ") {
		t.Errorf("the audit log has %q", got)
	}
	e.clock.pass(11 * time.Minute)
	done = e.resend(e.view(admin.PendingPath+"?domain=b.example", cookie), cookie, true)
	if got := reads(done.Find("[role=status]")); !strings.HasPrefix(got, "1 email will leave again.") ||
		done.Find("#by-domain").AttrOr("value", "") != "b.example" {
		t.Error(got)
	}
	if n := len(e.emails()); n != 1 {
		t.Errorf("%d emails are due", n)
	}
}

func TestAnActThatIsNotOneOfOurButtonsDoesNothing(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@b.example")
	e.email()
	e.clock.pass(11 * time.Minute)
	name := "gazette/" + e.id("ada@b.example")
	cookie := e.logIn()
	for what, row := range map[string]struct {
		body   string
		status int
	}{
		"nobody is selected":  {"act=resend", http.StatusSeeOther},
		"no such act":         {"act=confirm&one=" + name + "&sure=true", http.StatusBadRequest},
		"no act":              {"one=" + name + "&sure=true", http.StatusBadRequest},
		"no such site":        {"act=resend&one=none/x&sure=true", http.StatusBadRequest},
		"the audit log's own": {"act=resend&one=-audit/x&sure=true", http.StatusBadRequest},
		"two acts":            {"act=resend&act=erase&one=" + name + "&sure=true", http.StatusBadRequest},
		"too many":            {"act=resend&sure=true" + strings.Repeat("&id="+name, 41), http.StatusBadRequest},
		"not asked":           {"act=erase&one=" + name, http.StatusOK},
		"no reason":           {"act=erase&sure=true&one=" + name, http.StatusOK},
		"a long reason":       {"act=erase&sure=true&one=" + name + "&reason=" + strings.Repeat("x", 801), 400},
	} {
		if a := e.act(admin.ActPath, row.body, cookie); a.status != row.status {
			t.Errorf("%s: %d %.300s", what, a.status, a.body)
		}
	}
	for _, back := range []string{
		"https://evil.example/", "//evil.example", "/admin/../x\\", "javascript:alert(1)", "/s/gazette",
		"/administrator",
	} {
		a := e.act(admin.ActPath, "act=resend&back="+url.QueryEscape(back), cookie)
		if to := a.header.Get("Location"); to != admin.PendingPath {
			t.Errorf("%s leads to %s", back, to)
		}
	}
	if n := len(e.emails()); n != 0 {
		t.Errorf("%d emails are due", n)
	}
	if got := e.acted(); len(got) != 0 {
		t.Errorf("the audit log has %q", got)
	}
}
