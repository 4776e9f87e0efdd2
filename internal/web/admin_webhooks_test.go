package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// listedEvents are the rows of a page of failed events.
func listedEvents(page *goquery.Document) (rows []string) {
	page.Find("table tbody tr").Each(func(_ int, row *goquery.Selection) {
		cells := row.Find("th[scope=row], td").Map(func(_ int, c *goquery.Selection) string { return reads(c) })
		rows = append(rows, strings.Join(cells, " | "))
	})
	return rows
}

// click sends the form of a button as a browser would, without what could be ticked.
func (e *env) click(button *goquery.Selection, cookie string) answer {
	e.Helper()
	form := button.Closest("form")
	body := []string{button.AttrOr("name", "") + "=" + button.AttrOr("value", "")}
	form.Find("input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		body = append(body, in.AttrOr("name", "")+"="+in.AttrOr("value", ""))
	})
	return e.act(form.AttrOr("action", ""), strings.Join(body, "&"), cookie, "Sec-Fetch-Site", "same-origin", "Origin",
		publicURL)
}

// submit sends a form of a page as a browser would.
func (e *env) submit(form *goquery.Selection, cookie string) answer {
	e.Helper()
	var body []string
	form.Find("input").Each(func(_ int, in *goquery.Selection) {
		body = append(body, in.AttrOr("name", "")+"="+in.AttrOr("value", ""))
	})
	return e.act(form.AttrOr("action", ""), strings.Join(body, "&"), cookie, "Sec-Fetch-Site", "same-origin", "Origin",
		publicURL)
}

// follow is the page to which an answer sends.
func (e *env) follow(a answer, cookie string) *goquery.Document {
	e.Helper()
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/admin") {
		e.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	return e.send("GET", a.header.Get("Location"), "", "Cookie", cookie).page(e)
}

func TestAnOperatorSeesAndRetriesWhatFailed(t *testing.T) {
	e := newAdminEnv(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, e.failEvent(fmt.Sprintf("ada%d@b.example", i)))
		e.clock.pass(time.Hour)
	}
	cookie := e.logIn()
	page := e.send("GET", hooksPath, "", "Cookie", cookie).page(t)
	row := "Select %[2]s | subscription.confirmed | %[1]d hours ago | hooks.gazette.example | %[2]s | Try again"
	want := []string{fmt.Sprintf(row, 3, ids[0]), fmt.Sprintf(row, 2, ids[1]),
		strings.Replace(fmt.Sprintf(row, 1, ids[2]), "hours", "hour", 1)}
	if diff := cmp.Diff(want, listedEvents(page)); diff != "" {
		t.Error(diff)
	}
	if page.Find("caption").Length() != 1 || page.Find("th[scope=col]").Length() != 6 ||
		page.Find("time").First().AttrOr("datetime", "") != "2026-11-21T18:00:00Z" {
		t.Error("the table does not say what it is")
	}
	if strings.Contains(page.Text(), "ada") || strings.Contains(page.Text(), "b.example") {
		t.Error("it names somebody")
	}
	if diff := cmp.Diff("3", figures(e.look(), "gazette")["Failed webhooks"]); diff != "" {
		t.Error(diff)
	}

	second := page.Find("[name=one]").Eq(1)
	told := e.follow(e.click(second, cookie), cookie)
	if got := reads(told.Find("[role=status]")); !strings.HasPrefix(got, "1 event will be tried again. It is due now") {
		t.Error(got)
	}
	due, err := e.store.Lease(t.Context(), hookQueue, 9, time.Minute)
	if err != nil || len(due) != 1 || due[0].ID != ids[1] {
		t.Errorf("due are %v, %v", due, err)
	}
	if got := reads(e.follow(e.click(second, cookie), cookie).Find("[role=status]")); !strings.HasPrefix(got,
		"Nothing will be tried again.") {
		t.Errorf("again: %s", got)
	}

	told = e.follow(e.click(page.Find("[name=all]"), cookie), cookie)
	if got := reads(told.Find("[role=status]")); !strings.HasPrefix(got,
		"2 events will be tried again. They are due now") {
		t.Error(got)
	}
	if len(e.failedIDs()) != 0 || told.Find("table").Length() != 0 ||
		!strings.Contains(reads(told.Find("main")), "No event has failed") {
		t.Errorf("left: %v; %s", e.failedIDs(), reads(told.Find("main")))
	}
	if due, err := e.store.Lease(t.Context(), hookQueue, 9, time.Minute); err != nil || len(due) != 2 {
		t.Errorf("due are %v, %v", due, err)
	}
}

func TestFailedEventsAreListedFiftyAtATime(t *testing.T) {
	e := newAdminEnv(t)
	for i := range admin.EventsRead + 1 {
		e.failEvent(fmt.Sprintf("ada%d@b.example", i))
	}
	cookie := e.logIn()
	if got := figures(e.look(), "gazette")["Failed webhooks"]; got != "more than 50" {
		t.Errorf("counted: %s", got)
	}
	first := e.send("GET", hooksPath, "", "Cookie", cookie).page(t)
	next := first.Find(".pages a")
	if len(listedEvents(first)) != admin.EventsRead || next.Length() != 1 || reads(next) != "Next events" {
		t.Fatalf("%d, %s", len(listedEvents(first)), reads(next))
	}
	rest := e.send("GET", next.AttrOr("href", ""), "", "Cookie", cookie).page(t)
	if ids := e.failedIDs(); len(listedEvents(rest)) != 1 ||
		!strings.Contains(listedEvents(rest)[0], ids[admin.EventsRead]) ||
		reads(rest.Find(".pages a")) != "First events" {
		t.Errorf("%v, %s", listedEvents(rest), reads(rest.Find(".pages")))
	}
}

func TestAnEmptyListSaysWhatThatMeans(t *testing.T) {
	e := newAdminEnv(t)
	cookie := e.logIn()
	for site, words := range map[string]string{"gazette": "every event was delivered, or is still being tried",
		"club": "This site has no endpoint"} {
		page := e.send("GET", "/admin/sites/"+site+"/webhooks", "", "Cookie", cookie).page(t)
		if !strings.Contains(reads(page.Find("main")), words) || page.Find("table, main form").Length() != 0 {
			t.Errorf("%s: %s", site, reads(page.Find("main")))
		}
	}
}

func TestAnEventThatDoesNotOpenIsListedAndRetried(t *testing.T) {
	e := newAdminEnv(t)
	id := e.failEvent("ada@b.example")
	key := store.Key{Site: "gazette", ID: "0123456789012345678901"}
	must(t, e.store.Update(t.Context(), key, func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{State: "pending", Data: []byte("x")},
			Enqueue: []store.Job{{ID: "strange", Queue: hookQueue, Body: []byte("<b>sealed elsewhere</b>")}}}, nil
	}))
	due, err := e.store.Lease(t.Context(), hookQueue, 9, time.Minute)
	must(t, err)
	must(t, e.store.End(t.Context(), due[0], store.Fail()))
	cookie := e.logIn()
	page := e.send("GET", hooksPath, "", "Cookie", cookie).page(t)
	if rows := listedEvents(page); len(rows) != 2 ||
		rows[1] != "Select strange | unreadable: its secret is no longer configured | unknown | "+
			"hooks.gazette.example | strange | Try again" {
		t.Errorf("%q", rows)
	}
	e.follow(e.click(page.Find("[name=one]").Eq(1), cookie), cookie)
	if diff := cmp.Diff([]string{id}, e.failedIDs()); diff != "" {
		t.Error(diff)
	}
}

func TestARetryThatIsNotOneOfOurButtonsDoesNothing(t *testing.T) {
	e := newAdminEnv(t)
	id := e.failEvent("ada@b.example")
	cookie := e.logIn()
	for name, row := range map[string]struct {
		path, body, media string
		status            int
	}{
		"both":            {hooksPath, "all=false&id=" + id, request.MediaForm, 400},
		"not all":         {hooksPath, "all=false", request.MediaForm, 400},
		"two of one":      {hooksPath, "one=" + id + "&one=x", request.MediaForm, 400},
		"a line end":      {hooksPath, "id=" + id + "%0d%0aLocation:x", request.MediaForm, 400},
		"JSON":            {hooksPath, `{"all":true}`, request.MediaJSON, 415},
		"no such site":    {"/admin/sites/none/webhooks", "all=true", request.MediaForm, 404},
		"too much":        {hooksPath, "all=true&x=" + strings.Repeat("x", MaxBody), request.MediaForm, 413},
		"another's event": {"/admin/sites/club/webhooks", "id=" + id, request.MediaForm, 303},
		"all of another":  {"/admin/sites/club/webhooks", "all=true", request.MediaForm, 303},
		"no such event":   {hooksPath, "id=%3Cscript%3Ealert(1)%3C/script%3E", request.MediaForm, 303},
	} {
		a := e.send("POST", row.path, row.body, "Content-Type", row.media, "Cookie", cookie)
		if a.status != row.status {
			t.Errorf("%s: %d %.200s", name, a.status, a.body)
		}
		if row.status == http.StatusSeeOther {
			if got := reads(e.follow(a, cookie).Find("[role=status]")); !strings.HasPrefix(got,
				"Nothing will be tried again.") {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	if diff := cmp.Diff([]string{id}, e.failedIDs()); diff != "" {
		t.Error(diff)
	}
}

func TestSelectedEventsAreRetriedAndThatIsInTheAuditLog(t *testing.T) {
	e := newAdminEnv(t)
	ids := []string{e.failEvent("ada@b.example"), e.failEvent("bob@b.example"), e.failEvent("eve@b.example")}
	cookie := e.logIn()
	told := e.follow(e.act(hooksPath, "id="+ids[0]+"&id="+ids[2], cookie), cookie)
	if got := reads(told.Find("[role=status]")); !strings.HasPrefix(got, "2 events will be tried again.") {
		t.Error(got)
	}
	if diff := cmp.Diff(ids[1:2], e.failedIDs()); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{hooksPath, hooksPath + "?all=true"} { // nothing was selected
		if got := e.follow(e.act(path, "a=b", cookie), cookie); got.Find("[role=status]").Length() != 0 {
			t.Errorf("%q: %s", path, reads(got.Find("[role=status]")))
		}
	}
	if acted := e.acted(); acted[0] != "operator retry  2 events" {
		t.Errorf("%q", acted)
	}
}

func TestAnAddressOfTheListIsReadStrictly(t *testing.T) {
	e := newAdminEnv(t)
	e.failEvent("ada@b.example")
	cookie := e.logIn()
	for query, status := range map[string]int{
		"?after=x": 400, "?after=0123456789abcdef.": 400, "?after=../x": 400, "?state=x": 400, "?after=a&after=b": 400,
		"?after=%ff": 400, "?%zz": 400, "?after=%3Cscript%3E": 400,
		"?after=0123456789abcdef.gone": 200, "": 200, "?retried=3": 200, "?retried=-1": 200, "?retried=251": 200,
		"?retried=%3Cb%3E": 200, "?retried=1e1": 200,
	} {
		a := e.send("GET", hooksPath+query, "", "Cookie", cookie)
		page := a.page(t)
		if a.status != status || page.Find("h1").Length() != 1 || page.Find("nav a[href='/admin']").Length() != 1 {
			t.Errorf("%s: %d %.300s", query, a.status, a.body)
		}
		if told := page.Find("[role=status]").Length() == 1; told != (query == "?retried=3") {
			t.Errorf("%s: told %t", query, told)
		}
	}
	if a := e.send("GET", "/admin/sites/none/webhooks", "", "Cookie", cookie); a.status != 404 ||
		reads(a.page(t).Find("h1")) != "There is no such site" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestARetryInTheDashboardSwitchesTheEndpointOn(t *testing.T) {
	e := newAdminEnv(t)
	e.failEvent("ada@b.example")
	_, err := e.web.Webhooks.Disable(t.Context(), hookQueue)
	must(t, err)
	if off, err := e.web.Webhooks.Disabled(t.Context(), hookQueue); err != nil || !off {
		t.Fatal(off, err)
	}
	e.act(hooksPath, "all=true", e.logIn())
	if off, err := e.web.Webhooks.Disabled(t.Context(), hookQueue); err != nil || off {
		t.Error(off, err)
	}
}
