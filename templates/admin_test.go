package templates

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

// adminPage is a page as an operator sees it who may do everything.
func adminPage(t *testing.T, p AdminPage) *goquery.Document {
	t.Helper()
	return adminPageFor(t, AdminViewer{Name: "ada", Acts: true, Rules: true}, p)
}

func adminPageFor(t *testing.T, v AdminViewer, p AdminPage) *goquery.Document {
	t.Helper()
	var b strings.Builder
	if err := RenderAdmin(&b, v, p); err != nil {
		t.Fatal(err)
	}
	return parsed(t, b.String())
}

func TestEveryPageOfTheDashboardIsWellMade(t *testing.T) {
	now := cannedAsked()
	seen := map[string]bool{}
	for i, p := range []AdminPage{
		AdminLogin{}, AdminLogin{WrongPassword: true}, AdminLogin{Wait: time.Minute}, AdminLogin{SessionEnded: true},
		AdminLogin{LoggedOut: true},
		AdminOverview{}, AdminOverview{Store: AdminStore{Unreachable: true},
			Relays: []AdminRelay{
				{"a:25", now, 2, "421"}, {"b:25", time.Time{}, 1, ""}, {"c:25", time.Time{}, 0, ""}}, Days: 7,
			Sites: []AdminSite{{ID: "a"},
				{ID: "b", ConfirmedPercent: -1, MedianBucket: "new", FailedEvents: BoundedCount{50, true},
					Unreadable: []string{"x", "y"}}}, Now: now},
		AdminWebhooks{ID: "a"}, AdminWebhooks{ID: "a", HasEndpoints: true}, AdminWebhooks{ID: "a", Continued: true},
		AdminWebhooks{ID: "a", Next: "/admin?x", Events: []AdminFailedEvent{{}, {ID: "x", Type: "t", At: now}},
			Requeued: &BoundedCount{250, true}, Now: now},
		AdminEndpoints{}, AdminEndpoints{Types: []string{"webhook.test"}, Tested: &AdminTested{Words: "x"},
			Endpoints: []AdminEndpoint{{},
				{Failed: 1, FailedPath: "/admin/x", Failing: now, Off: now, Answered: now, Words: "x"}}},
		AdminPending{}, AdminPending{Filtered: true}, AdminPending{Continued: true},
		AdminPending{Next: "/admin?x", Read: 9},
		AdminPending{Rows: []AdminPendingRow{{}, {Address: "a…@b.example", Deadline: now, Words: "250 ok"}}, Now: now,
			Done: &AdminResent{Resent: 2, Not: []AdminNotResent{{"declined", 1}}}},
		AdminPending{Busy: true, Bulk: &AdminBulk{Total: 3, Not: []AdminNotResent{{"declined", 1}}}},
		AdminEmails{}, AdminEmails{Filtered: true}, AdminEmails{Undeliverable: true, Filtered: true},
		AdminEmails{Next: "/admin?x", Bulk: &AdminBulk{Ended: now, Failed: true}},
		AdminEmails{Rows: []AdminPendingRow{{}}, Words: []AdminGroup{{}}, Domains: []AdminGroup{{}},
			Relays: []AdminGroup{{Words: "x"}}, Queues: []AdminFact{{"a", "b"}}, Done: &AdminResent{Act: "try"}},
		AdminAsk{Title: "Send it again?"}, AdminAsk{Title: "Erase them?", Possible: true, NeedsReason: true,
			ReasonMissing: true, People: []AdminAsked{{}, {Address: "a…@b.example", Note: "no"}}},
		AdminAsk{Title: "Erase all?", Possible: true, All: "erase", Matching: BoundedCount{5, true}, Filter: "x"},
		AdminPeople{}, AdminPeople{Asked: true, Done: "Done."},
		AdminPeople{Asked: true, Found: []AdminFound{{}, {Address: "a…@b.example"}}},
		AdminPerson{}, AdminPerson{Address: "a…@b.example", Steps: []AdminStep{{Facts: []AdminFact{{"a", "b"}}}},
			Stages: []AdminStage{{"a", "done", true}}, Purposes: []AdminPurpose{{ID: "letter"}},
			Acts: []AdminAct{{Note: "no"}, {Act: "erase", Danger: true}}, HasReceipt: true, Why: []string{"So."}},
		AdminEmail{}, AdminEmail{Address: "a…@b.example", Subject: "Please confirm", Frame: "/admin/x"},
		AdminAudit{}, AdminAudit{Entries: []AdminEntry{{}, {By: "key", Path: "/admin/x"}}, Next: "/admin?x"},
		AdminTrends{}, AdminTrends{
			Of: "form footer", Lines: LineChart("lines", "Lines", "So many.", []int64{1, 0}, []int64{0, 1}), Most: 1,
			Steps: []AdminTrendStep{{"21 Nov", 1, 0, "0 %"}},
			Week:  HeatChart("weekdays", "Week", "So many.", [7][24]int64{{1}}), WeekHours: []AdminTrendHour{{}},
			Parts: []AdminTrendParts{{Name: "form", Title: "By form", Says: []string{"So."}, Rows: []AdminTrendPart{
				{Label: "a", Path: "/admin/trends?x", Text: "/texts/x", Detail: "b"}, {Label: "other"},
			}}},
		},
		AdminTexts{ID: "a", Lang: "ar", Dir: "rtl", Unreviewed: true,
			Languages:  []AdminLanguage{{"ar", "العربية"}, {"en", "English"}},
			Statements: []AdminStatement{{"letter", "text", "simply", "0a", now}, {Purpose: "news", SHA256: "0b"}},
			Emails: []AdminSample{{"x", "Subject", "Text", "0c", now}, {"y", "Subject", "Text", "0d", time.Time{}},
				{Name: "z"}}},
		AdminTexts{ID: "a", Languages: []AdminLanguage{{"en", "English"}}},
		AdminFailure{Status: 400}, AdminFailure{Status: 403}, AdminFailure{Status: 404}, AdminFailure{Status: 500},
		AdminFailure{Status: 503},
	} {
		seen[p.admin()] = true
		for who, v := range map[string]AdminViewer{
			"nobody": {}, "sees": {Name: "bob"}, "acts": {Name: "eve", Acts: true, Proxied: true},
			"rules": {Name: "ada", Acts: true, Rules: true},
		} {
			wellMade(t, fmt.Sprintf("%d, %s for who %s", i, p.admin(), who), v, p)
		}
	}
	files, err := filepath.Glob("admin_*.templ")
	if err != nil {
		t.Fatal(err)
	}
	if shared := 2; len(seen) != len(files)-shared { // the layout and the parts
		t.Errorf("only %v were checked, of %v", seen, files)
	}
}

// wellMade checks a page as somebody sees it.
func wellMade(t *testing.T, what string, v AdminViewer, p AdminPage) {
	t.Helper()
	d, loggedIn := adminPageFor(t, v, p), v.Name != ""
	if d.Find("html[lang=en]").Length() != 1 || d.Find("h1").Length() != 1 || d.Find("main").Length() != 1 ||
		!strings.HasSuffix(d.Find("head title").Text(), " · optin") ||
		len(d.Find("head title").Text()) < 12 || d.Find("title").Length() != 1+d.Find("svg > title").Length() {
		t.Errorf("%s: %s", what, d.Text())
	}
	own := d.Find("head script[src^='/assets/admin.js?v=']").Length()
	if d.Find("script").Length() != own || d.Find("script").Text() != "" || own == 1 != loggedIn {
		t.Errorf("%s has another script than its own", what)
	}
	if d.Find("style, [style], img, iframe:not([sandbox=''])").Length() > 0 ||
		d.Find(".bar nav").Length() == 1 != loggedIn {
		t.Errorf("%s has a style or picture, or the wrong navigation", what)
	}
	d.Find("table").Each(func(_ int, table *goquery.Selection) {
		if table.Find("caption").Length() != 1 || table.Find("th:not([scope])").Length() > 0 ||
			table.Find("th").Length() == 0 {
			t.Errorf("%s: a table without caption, headers or scopes", what)
		}
	})
	d.Find("form").Each(func(_ int, form *goquery.Selection) {
		reads := form.HasClass("filters") && form.AttrOr("method", "") == "get"
		if form.AttrOr("method", "") != "post" && !reads || !isPath(form.AttrOr("action", "")) {
			t.Errorf("%s: a form posts to %q", what, form.AttrOr("action", ""))
		}
	})
	d.Find("[aria-describedby], [aria-labelledby]").Each(func(_ int, e *goquery.Selection) {
		ids := e.AttrOr("aria-describedby", "") + " " + e.AttrOr("aria-labelledby", "")
		for _, id := range strings.Fields(ids) {
			if d.Find("#"+id).Length() != 1 {
				t.Errorf("%s: no element has the id %s", what, id)
			}
		}
	})
}

func TestValuesInTheDashboardComeOutInert(t *testing.T) {
	const evil = `<img src=x onerror=alert(1)>"'{{.}}</table><script>alert(2)</script>`
	for name, p := range map[string]AdminPage{
		"overview": AdminOverview{
			Store:  AdminStore{Setting: evil, Have: evil, Want: evil, Fix: evil},
			Relays: []AdminRelay{{evil, cannedAsked(), 2, evil}},
			Sites:  []AdminSite{{ID: evil, Name: evil, MedianBucket: evil, Unreadable: []string{evil}}},
		},
		"pending": AdminPending{
			Domain: evil, Self: evil, Next: "javascript:alert(3)",
			Choices: []AdminChoice{{evil, evil, []AdminOption{{evil, evil, true}}}},
			Rows: []AdminPendingRow{{Name: evil, Path: "javascript:alert(3)", Address: evil, Site: evil, Words: evil,
				Delivery: evil, Next: evil}},
		},
		"audit": AdminAudit{Entries: []AdminEntry{{By: evil, Name: evil, Act: evil, Site: evil, Subscription: evil,
			Path: "javascript:alert(3)", Reason: evil}}},
		"trends": AdminTrends{
			Of: evil, Says: evil, Steps: []AdminTrendStep{{Label: evil, Rate: evil}}, CSV: "javascript:alert(3)",
			Lines: LineChart("lines", evil, evil, []int64{1}, []int64{0}), From: evil, To: evil,
			Parts: []AdminTrendParts{{Name: evil, Title: evil, Says: []string{evil}, Rows: []AdminTrendPart{
				{Label: evil, Path: "javascript:alert(3)", Text: "javascript:alert(3)", Detail: evil},
			}}},
		},
		"webhooks": AdminWebhooks{
			ID: evil, Name: evil, Next: "javascript:alert(3)",
			Events: []AdminFailedEvent{{evil, evil, evil, cannedAsked()}},
		},
		"texts": AdminTexts{
			ID: evil, Name: evil, Lang: evil, Dir: evil, Languages: []AdminLanguage{{evil, evil}, {"en", evil}},
			Statements: []AdminStatement{{evil, evil, evil, evil, cannedAsked()}},
		},
	} {
		d := adminPage(t, p)
		if d.Find("img, body script, [onerror], body [src]").Length() > 0 ||
			d.Find(`[href^="javascript:"]`).Length() > 0 {
			t.Errorf("%s: a value became markup", name)
		}
		if !strings.Contains(d.Find("table").Text(), evil) ||
			strings.Contains(d.Find("head title").Text(), "</") != (name == "webhooks" || name == "texts") {
			t.Errorf("%s: %s", name, d.Text())
		}
	}
	texts := adminPage(t, AdminTexts{ID: "a", Lang: evil, Emails: []AdminSample{{evil, evil, evil, evil, time.Time{}}}})
	frame := texts.Find("iframe")
	if texts.Find("img, body script, [onerror]").Length() > 0 || texts.Find("pre").Text() != evil ||
		!strings.HasPrefix(frame.AttrOr("src", ""), "/admin/sites/a/email?lang=%3Cimg") ||
		len(frame.Nodes[0].Attr) != 5 {
		t.Errorf("texts: %v", frame.Nodes)
	}
	in := adminPage(t, AdminWebhooks{ID: "a", Events: []AdminFailedEvent{{ID: evil}}}).Find("button[name=one]")
	if in.AttrOr("value", "") != evil || len(in.Nodes[0].Attr) != 4 {
		t.Errorf("%v", in.Nodes[0].Attr)
	}
}

func TestTheDashboardWritesTimesInWords(t *testing.T) {
	now := cannedAsked()
	for d, want := range map[time.Duration]string{
		-time.Hour:          "just now",
		59 * time.Second:    "just now",
		time.Minute:         "1 minute ago",
		119 * time.Minute:   "1 hour ago",
		48 * time.Hour:      "48 hours ago",
		72*time.Hour - 1:    "2 days ago",
		10 * 24 * time.Hour: "10 days ago",
	} {
		if got := Ago(now, now.Add(-d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0:                "1 second",
		time.Nanosecond:  "1 second",
		time.Second + 1:  "2 seconds",
		time.Minute:      "60 seconds",
		time.Minute + 1:  "2 minutes",
		10 * time.Minute: "10 minutes",
	} {
		if got := DurationInWords(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	got := []string{BucketInWords(""), BucketInWords("1m"), BucketInWords("later"), BucketInWords("2h"),
		bounded(BoundedCount{7, false}), bounded(BoundedCount{50, true}), moment(now), rfc3339(now)}
	want := []string{"–", "under a minute", "over a day", "2h", "7", "more than 50",
		"21 November 2026, 18:02 UTC", "2026-11-21T18:02:11Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatARelaySaidOfAPersonComesOutInert(t *testing.T) {
	const evil = `<img src=x onerror=alert(1)>"'{{.}}</blockquote><script>alert(2)</script>`
	d := adminPage(t, AdminPerson{
		SiteName: evil,
		ID:       evil,
		Name:     evil,
		Path:     "javascript:alert(3)",
		Address:  evil,
		State:    evil,
		Light:    evil,
		Why:      []string{evil},
		Words:    evil,
		Stages:   []AdminStage{{evil, evil, true}},
		Steps: []AdminStep{
			{Title: evil, Light: evil, Words: evil, Facts: []AdminFact{{evil, evil}}, EmailPath: "javascript:x"},
		},
		Purposes: []AdminPurpose{{ID: evil, State: evil, Text: evil}},
		Acts:     []AdminAct{{evil, evil, "", true}},
	})
	if d.Find("img, body script, [onerror], body [src]").Length() > 0 || d.Find(`[href^="javascript:"]`).Length() > 0 {
		t.Error("a value became markup")
	}
	if n := strings.Count(d.Find("main").Text(), evil); n < 10 {
		t.Errorf("only %d of them are shown", n)
	}
}
