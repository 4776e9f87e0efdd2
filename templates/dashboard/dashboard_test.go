package dashboard

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

// page is a page as an operator sees it who may do everything.
func page(t *testing.T, p Page) *goquery.Document {
	t.Helper()
	return pageFor(t, Viewer{Name: "ada", Acts: true, Rules: true}, p)
}

func pageFor(t *testing.T, v Viewer, p Page) *goquery.Document {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, v, p); err != nil {
		t.Fatal(err)
	}
	d, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// asked is the moment at which all in these pages happened.
var asked = time.Date(2026, 11, 21, 18, 2, 11, 0, time.UTC)

func TestEveryPageOfTheDashboardIsWellMade(t *testing.T) {
	now := asked
	seen := map[string]bool{}
	for i, p := range []Page{
		Login{}, Login{WrongPassword: true}, Login{Wait: time.Minute}, Login{SessionEnded: true},
		Login{LoggedOut: true},
		Overview{}, Overview{Store: Store{Unreachable: true},
			Relays: []Relay{
				{"a:25", now, 2, "421"}, {"b:25", time.Time{}, 1, ""}, {"c:25", time.Time{}, 0, ""}}, Days: 7,
			Sites: []Site{{ID: "a"},
				{ID: "b", ConfirmedPercent: -1, MedianBucket: "new", FailedEvents: BoundedCount{50, true},
					Unreadable: []string{"x", "y"}}}, Now: now},
		Webhooks{ID: "a"}, Webhooks{ID: "a", HasEndpoints: true}, Webhooks{ID: "a", Continued: true},
		Webhooks{ID: "a", Next: "/admin?x", Events: []FailedEvent{{}, {ID: "x", Type: "t", At: now}},
			Requeued: &BoundedCount{250, true}, Now: now},
		Endpoints{}, Endpoints{Types: []string{"webhook.test"}, Tested: &Tested{Words: "x"},
			Endpoints: []Endpoint{{},
				{Failed: 1, FailedPath: "/admin/x", Failing: now, Off: now, Answered: now, Words: "x"}}},
		Pending{}, Pending{Filtered: true}, Pending{Continued: true},
		Pending{Next: "/admin?x", Read: 9},
		Pending{Rows: []PendingRow{{}, {Address: "a…@b.example", Deadline: now, Words: "250 ok"}}, Now: now,
			Done: &Resent{Resent: 2, Not: []NotResent{{"declined", 1}}}},
		Pending{Busy: true, Bulk: &Bulk{Total: 3, Not: []NotResent{{"declined", 1}}}},
		Emails{}, Emails{Filtered: true}, Emails{Undeliverable: true, Filtered: true},
		Emails{Next: "/admin?x", Bulk: &Bulk{Ended: now, Failed: true}},
		Emails{Rows: []PendingRow{{}}, Words: []Group{{}}, Domains: []Group{{}},
			Relays: []Group{{Words: "x"}}, Queues: []Fact{{"a", "b"}}, Done: &Resent{Act: "try"}},
		Ask{Title: "Send it again?"}, Ask{Title: "Erase them?", Possible: true, NeedsReason: true,
			ReasonMissing: true, People: []Asked{{}, {Address: "a…@b.example", Note: "no"}}},
		Ask{Title: "Erase all?", Possible: true, All: "erase", Matching: BoundedCount{5, true}, Filter: "x"},
		People{}, People{Asked: true, Done: "Done."},
		People{Asked: true, Found: []Found{{}, {Address: "a…@b.example"}}},
		Person{}, Person{Address: "a…@b.example", Steps: []Step{{Facts: []Fact{{"a", "b"}}}},
			Stages: []Stage{{"a", "done", true}}, Purposes: []Purpose{{ID: "letter"}},
			Acts: []Act{{Note: "no"}, {Act: "erase", Danger: true}}, HasReceipt: true, Why: []string{"So."}},
		Email{}, Email{Address: "a…@b.example", Subject: "Please confirm", Frame: "/admin/x"},
		Audit{}, Audit{Entries: []Entry{{}, {By: "key", Path: "/admin/x"}}, Next: "/admin?x"},
		Trends{}, Trends{
			Of: "form footer", Lines: LineChart("lines", "Lines", "So many.", []int64{1, 0}, []int64{0, 1}), Most: 1,
			Steps: []TrendStep{{"21 Nov", 1, 0, "0 %"}},
			Week:  HeatChart("weekdays", "Week", "So many.", [7][24]int64{{1}}), WeekHours: []TrendHour{{}},
			Parts: []TrendParts{{Name: "form", Title: "By form", Says: []string{"So."}, Rows: []TrendPart{
				{Label: "a", Path: "/admin/trends?x", Text: "/texts/x", Detail: "b"}, {Label: "other"},
			}}},
		},
		Texts{ID: "a", Lang: "ar", Dir: "rtl", Unreviewed: true,
			Languages:  []Language{{"ar", "العربية"}, {"en", "English"}},
			Statements: []Statement{{"letter", "text", "simply", "0a", now}, {Purpose: "news", SHA256: "0b"}},
			Emails: []Sample{{"x", "Subject", "Text", "0c", now}, {"y", "Subject", "Text", "0d", time.Time{}},
				{Name: "z"}}},
		Texts{ID: "a", Languages: []Language{{"en", "English"}}},
		Failure{Status: 400}, Failure{Status: 403}, Failure{Status: 404}, Failure{Status: 500},
		Failure{Status: 503},
	} {
		seen[p.name()] = true
		for who, v := range map[string]Viewer{
			"nobody": {}, "sees": {Name: "bob"}, "acts": {Name: "eve", Acts: true, Proxied: true},
			"rules": {Name: "ada", Acts: true, Rules: true},
		} {
			wellMade(t, fmt.Sprintf("%d, %s for who %s", i, p.name(), who), v, p)
		}
	}
	files, err := filepath.Glob("*.templ")
	if err != nil {
		t.Fatal(err)
	}
	views := 0 // files that say the title of one
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		views += strings.Count(string(text), ") title() string {")
	}
	if len(seen) != views || views < 12 {
		t.Errorf("only %v were checked, of %d views", seen, views)
	}
}

// wellMade checks a page as somebody sees it.
func wellMade(t *testing.T, what string, v Viewer, p Page) {
	t.Helper()
	d, loggedIn := pageFor(t, v, p), v.Name != ""
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
		if form.AttrOr("method", "") != "post" && !reads || !strings.HasPrefix(form.AttrOr("action", ""), "/admin") {
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
	for name, p := range map[string]Page{
		"overview": Overview{
			Store:  Store{Fault: evil, Fix: evil},
			Relays: []Relay{{evil, asked, 2, evil}},
			Sites:  []Site{{ID: evil, Name: evil, MedianBucket: evil, Unreadable: []string{evil}}},
		},
		"pending": Pending{
			Domain: evil, Self: evil, Next: "javascript:alert(3)",
			Choices: []Choice{{evil, evil, []Option{{evil, evil, true}}}},
			Rows: []PendingRow{{Name: evil, Path: "javascript:alert(3)", Address: evil, Site: evil, Words: evil,
				Delivery: evil, Next: evil}},
		},
		"audit": Audit{Entries: []Entry{{By: evil, Name: evil, Act: evil, Site: evil, Subscription: evil,
			Path: "javascript:alert(3)", Reason: evil}}},
		"trends": Trends{
			Of: evil, Says: evil, Steps: []TrendStep{{Label: evil, Rate: evil}}, CSV: "javascript:alert(3)",
			Lines: LineChart("lines", evil, evil, []int64{1}, []int64{0}), From: evil, To: evil,
			Parts: []TrendParts{{Name: evil, Title: evil, Says: []string{evil}, Rows: []TrendPart{
				{Label: evil, Path: "javascript:alert(3)", Text: "javascript:alert(3)", Detail: evil},
			}}},
		},
		"webhooks": Webhooks{
			ID: evil, Name: evil, Next: "javascript:alert(3)",
			Events: []FailedEvent{{evil, evil, evil, asked}},
		},
		"texts": Texts{
			ID: evil, Name: evil, Lang: evil, Dir: evil, Languages: []Language{{evil, evil}, {"en", evil}},
			Statements: []Statement{{evil, evil, evil, evil, asked}},
		},
	} {
		d := page(t, p)
		if d.Find("img, body script, [onerror], body [src]").Length() > 0 ||
			d.Find(`[href^="javascript:"]`).Length() > 0 {
			t.Errorf("%s: a value became markup", name)
		}
		if !strings.Contains(d.Find("table").Text(), evil) ||
			strings.Contains(d.Find("head title").Text(), "</") != (name == "webhooks" || name == "texts") {
			t.Errorf("%s: %s", name, d.Text())
		}
	}
	texts := page(t, Texts{ID: "a", Lang: evil, Emails: []Sample{{evil, evil, evil, evil, time.Time{}}}})
	frame := texts.Find("iframe")
	if texts.Find("img, body script, [onerror]").Length() > 0 || texts.Find("pre").Text() != evil ||
		!strings.HasPrefix(frame.AttrOr("src", ""), "/admin/sites/a/email?lang=%3Cimg") ||
		len(frame.Nodes[0].Attr) != 5 {
		t.Errorf("texts: %v", frame.Nodes)
	}
	in := page(t, Webhooks{ID: "a", Events: []FailedEvent{{ID: evil}}}).Find("button[name=one]")
	if in.AttrOr("value", "") != evil || len(in.Nodes[0].Attr) != 4 {
		t.Errorf("%v", in.Nodes[0].Attr)
	}
}

func TestTheDashboardWritesTimesInWords(t *testing.T) {
	now := asked
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
	d := page(t, Person{
		SiteName: evil,
		ID:       evil,
		Name:     evil,
		Path:     "javascript:alert(3)",
		Address:  evil,
		State:    evil,
		Light:    evil,
		Why:      []string{evil},
		Words:    evil,
		Stages:   []Stage{{evil, evil, true}},
		Steps: []Step{
			{Title: evil, Light: evil, Words: evil, Facts: []Fact{{evil, evil}}, EmailPath: "javascript:x"},
		},
		Purposes: []Purpose{{ID: evil, State: evil, Text: evil}},
		Acts:     []Act{{evil, evil, "", true}},
	})
	if d.Find("img, body script, [onerror], body [src]").Length() > 0 || d.Find(`[href^="javascript:"]`).Length() > 0 {
		t.Error("a value became markup")
	}
	if n := strings.Count(d.Find("main").Text(), evil); n < 10 {
		t.Errorf("only %d of them are shown", n)
	}
}
