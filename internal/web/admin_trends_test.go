package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
)

// trends opens the trends by a query.
func (e *env) trends(query string) *goquery.Document {
	e.Helper()
	a := e.send("GET", admin.TrendsPath+"?"+query, "", "Cookie", e.logIn())
	if a.status != http.StatusOK || len(a.body) > 60_000 {
		e.Fatalf("%s: %d, %d bytes", query, a.status, len(a.body))
	}
	return a.page(e)
}

// signUpBy signs somebody up by a form in a language, and perhaps confirms.
func (e *env) signUpBy(email, form, locale string, confirmed bool) {
	e.Helper()
	body := fmt.Sprintf(`{"email":%q,"consent":true,"form":%q,"locale":%q}`, email, form, locale)
	if a := e.send("POST", signupPath, body, "Content-Type", request.MediaJSON); a.status != http.StatusAccepted {
		e.Fatalf("%d %s", a.status, a.body)
	}
	m := e.email()
	if confirmed {
		e.send("POST", e.path(m.Confirm), "")
	}
}

// rows are those of a table, cell by cell.
func rows(s *goquery.Selection) (all []string) {
	s.Find("tbody tr").Each(func(_ int, tr *goquery.Selection) {
		var cells []string
		tr.Find("th, td").Each(func(_ int, cell *goquery.Selection) {
			if text := reads(cell); text != "" {
				cells = append(cells, text)
			}
		})
		all = append(all, strings.Join(cells, " | "))
	})
	return all
}

func TestTrendsShowWhatWasCountedByDayAndDimension(t *testing.T) {
	e := newAdminEnv(t)
	if page := e.trends(""); page.Find(".empty").Length() != 1 || page.Find("svg.chart").Length() != 0 {
		t.Errorf("with nothing counted it reads %s", reads(page.Find("main")))
	}
	for i := range 6 {
		e.signUpBy(fmt.Sprintf("ada%d@gmail.com", i), "footer", "fr", i < 3)
	}
	e.clock.pass(24 * time.Hour)
	for i := range 4 {
		e.signUpBy(fmt.Sprintf("bob%d@lovelace.example", i), "elsewhere", "en", i < 3)
	}
	page := e.trends("site=gazette&span=7d")
	want := "In the last 7 days there were 10 signups and 6 confirmations (60 %)."
	if says := reads(page.Find(".lead")); says != want {
		t.Errorf("it says %q, want %q", says, want)
	}
	steps := rows(page.Find("#over-time ~ details table"))
	last := []string{"21 Nov 2026 | 6 | 3 | 50 %", "22 Nov 2026 | 4 | 3 | 75 %"}
	if diff := cmp.Diff(last, steps[len(steps)-2:]); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string][]string{
		"purpose":  {"letter | 10signups | 6confirmed | 60 %"},
		"form":     {"footer | 6signups | 3confirmed | 50 %", "other | 4signups | 3confirmed | 75 %"},
		"language": {"fr | 6signups | 3confirmed | 50 %", "en | 4signups | 3confirmed | 75 %"},
		"provider": {"gmail.com | 6signups | 3confirmed | 50 %", "other | 4signups | 3confirmed | 75 %"},
		"text": {
			"“Recevoir letter” letter, fr What was shown | 6signups | 3confirmed | 50 %",
			"“Receive letter” letter, en What was shown | 4signups | 3confirmed | 75 %",
		},
	} {
		if diff := cmp.Diff(want, rows(page.Find("#by-"+name+"-title ~ table"))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if title := page.Find("svg.line title").Text(); title == "" || page.Find("svg.line desc").Text() == "" {
		t.Error("the lines have no title or description")
	}
	if strings.Contains(page.Text(), "lovelace") {
		t.Error("it names a domain that could be one person's")
	}
	week := reads(page.Find("#week ~ p").First())
	if !strings.HasPrefix(week, "Of 10 signups, most came on Saturdays between 18 and 19 h (6). Hours of UTC.") {
		t.Errorf("of the week it says %q", week)
	}
}

// Weekdays and hours are of the days that the page is about, and not of as many hours before now.
func TestWeekdaysAreOfTheSameDaysAsAllElse(t *testing.T) {
	e := newAdminEnv(t)
	e.signUpBy("ada@gmail.com", "footer", "fr", true) // at six in the evening
	e.clock.pass((6*24 + 16) * time.Hour)
	e.signUpBy("bob@gmail.com", "footer", "fr", true)
	page := e.trends("site=gazette&span=7d")
	if says := reads(page.Find(".lead")); !strings.HasPrefix(says, "In the last 7 days there was 1 signup") {
		t.Errorf("it says %q", says)
	}
	if week := reads(page.Find("#week ~ p").First()); !strings.HasPrefix(week, "Of 1 signup,") {
		t.Errorf("of the week it says %q", week)
	}
}

func TestTrendsOfOneFormAndOfHoursAreInTheAddress(t *testing.T) {
	e := newAdminEnv(t)
	for i := range 3 {
		e.signUpBy(fmt.Sprintf("ada%d@gmail.com", i), []string{"footer", "x", "footer"}[i], "en", false)
		e.clock.pass(time.Hour)
	}
	all := e.trends("span=2d")
	hours := rows(all.Find("#over-time ~ details table"))
	if want := []string{"21 Nov, 20 h | 1 | 0 | 0 %", "21 Nov, 21 h | 0 | 0"}; !cmp.Equal(hours[len(hours)-2:], want) {
		t.Errorf("the last hours are %q, want %q", hours[len(hours)-2:], want)
	}
	link, _ := all.Find("#by-form-title ~ table a").First().Attr("href")
	one := e.trends(strings.TrimPrefix(link, admin.TrendsPath+"?"))
	of, lead := reads(one.Find("#over-time")), reads(one.Find(".lead"))
	if of != "Signups and confirmations of the form footer" ||
		!strings.HasPrefix(lead, "In the last 2 days there were 2 signups") {
		t.Errorf("%s: %q, %q", link, of, lead)
	}
	for query, want := range map[string]string{
		"span=2d&table=time":     "2026-11-21T19:00:00Z,1,0",
		"span=7d&table=form":     "footer,2,0,0",
		"span=7d&table=week":     "Saturday,18,1,0",
		"span=7d":                "2026-11-21T00:00:00Z,3,0",
		"span=7d&table=provider": "other,3,0,0", // of fewer than five
	} {
		a := e.send("GET", admin.TrendsCSVPath+"?"+query, "", "Cookie", e.logIn())
		_, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		if err != nil || !strings.Contains(a.body, want+"\n") {
			t.Errorf("%s: %v, want %s in\n%s", query, err, want, a.body)
		}
	}
	for _, query := range []string{"span=1y", "by=form", "value=x", "by=name&value=x", "site=none", "x=1"} {
		if a := e.send("GET", admin.TrendsPath+"?"+query, "", "Cookie", e.logIn()); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}
