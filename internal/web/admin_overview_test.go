package web

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/store"
)

// figures are what the overview says of a site, by the words beside them.
func figures(page *goquery.Document, site string) map[string]string {
	all := map[string]string{}
	page.Find("table.figures").Each(func(_ int, table *goquery.Selection) {
		if reads(table.Find("caption code")) != site {
			return
		}
		table.Find("tr").Each(func(_ int, row *goquery.Selection) {
			all[reads(row.Find("th[scope=row]"))] = reads(row.Find("td"))
		})
	})
	return all
}

// look is the overview as an operator sees it.
func (e *env) look() *goquery.Document {
	e.Helper()
	a := e.send("GET", admin.Path, "", "Cookie", e.logIn())
	if a.status != http.StatusOK {
		e.Fatalf("%d %s", a.status, a.body)
	}
	return a.page(e)
}

func TestTheOverviewCountsWhatBecameOfSignups(t *testing.T) {
	e := newAdminEnv(t)
	none := map[string]string{"Pending now": "0", "Signups": "0", "Emails sent": "0", "Confirmed": "0",
		"Median time to confirm": "–", "Declined": "0", "Expired": "0", "Undeliverable": "0", "Failed webhooks": "0"}
	if diff := cmp.Diff(none, figures(e.look(), "gazette")); diff != "" {
		t.Errorf("before anything: %s", diff)
	}
	e.signUp("long@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	e.clock.pass(7 * 24 * time.Hour)
	for email, after := range map[string]time.Duration{"ada@b.example": 30 * time.Second,
		"bob@b.example": 2 * time.Minute, "eve@b.example": 3 * time.Hour} {
		e.signUp(email)
		d := e.email()
		e.clock.pass(after)
		e.send("POST", e.path(d.Confirm), "")
	}
	e.signUp("kim@b.example")
	e.send("POST", e.path(e.email().Confirm)+"/decline", "")
	e.signUp("joe@b.example")
	e.email()
	page := e.look()
	want := map[string]string{"Pending now": "1", "Signups": "5", "Emails sent": "5", "Confirmed": "3 (60 %)",
		"Median time to confirm": "1 to 10 minutes", "Declined": "1", "Expired": "0", "Undeliverable": "0",
		"Failed webhooks": "0"}
	if diff := cmp.Diff(want, figures(page, "gazette")); diff != "" {
		t.Error(diff)
	}
	none["Failed webhooks"] = "no endpoint"
	if diff := cmp.Diff(none, figures(page, "club")); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(page.Text(), "b.example") {
		t.Error("it names somebody")
	}
}

func TestThePercentageConfirmedIsShownOnlyWhereThereIsOne(t *testing.T) {
	e := newAdminEnv(t)
	var links []string
	for _, email := range []string{"ada@b.example", "bob@b.example"} {
		e.signUp(email)
		links = append(links, e.path(e.email().Confirm))
	}
	e.clock.pass(24 * time.Hour)
	for _, link := range links {
		e.send("POST", link, "")
	}
	e.clock.pass(6 * 24 * time.Hour) // the signups are out of sight, their confirmations are not
	for want := range 2 {
		if got := figures(e.look(), "gazette"); got["Signups"] != strconv.Itoa(want) || got["Confirmed"] != "2" {
			t.Errorf("%v", got)
		}
		e.signUp("eve@b.example")
	}
}

func TestThereAreMorePendingThanAreCounted(t *testing.T) {
	e := newAdminEnv(t)
	for i := range admin.PendingRead + 1 {
		e.signUp(strings.Repeat("a", 1+i%60) + string(rune('a'+i/60)) + "@b.example")
		if got := figures(e.look(), "gazette")["Pending now"]; i == admin.PendingRead-1 && got != "100" ||
			i == admin.PendingRead && got != "more than 100" {
			t.Errorf("%d: %s", i+1, got)
		}
	}
}

func TestTheStoreIsShownAsReadyzSaysIt(t *testing.T) {
	for name, row := range map[string]struct {
		says  error
		words []string
	}{
		"unsafe": {unsafeSetting(),
			[]string{"Unsafe.", "synchronous is OFF", "must be FULL", "PRAGMA synchronous=FULL"}},
		"full": {
			&store.UnsafeError{Setting: "maxmemory", Want: "more", Words: "OOM command not allowed", Fix: "raise it"},
			[]string{"Unsafe.", "maxmemory must be more (the store says: OOM command not allowed)", "raise it"},
		},
		"away": {store.ErrUnavailable,
			[]string{"Unreachable.", "until the store can be reached"}},
		"ready": {nil, []string{"Ready."}},
	} {
		e := newAdminEnv(t)
		e.say(row.says)
		got := reads(e.look().Find("section[aria-labelledby=store]"))
		for _, words := range row.words {
			if !strings.Contains(got, words) {
				t.Errorf("%s: %q is missing in: %s", name, words, got)
			}
		}
	}
}

func TestARelayIsShownFromItsAlarmToItsEnd(t *testing.T) {
	at := time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)
	relays := admin.NewRelays(func() time.Time { return at }, "b.example:587", "a.example:465")
	e := newAdminEnv(t, func(o *Options) { o.Admin.Relays = relays.Status })
	shown := func() string { return reads(e.look().Find("section[aria-labelledby=relays] tbody")) }
	if got, want := shown(), "a.example:465Takes emails b.example:587Takes emails"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	relays.Alarm("b.example:587", true, "421 too busy")
	at = at.Add(time.Hour)
	relays.Alarm("b.example:587", true, "421 too busy")
	if got := shown(); !strings.Contains(got,
		"b.example:587Paused for some or all senders since 21 November 2026, 17:00 UTC") ||
		strings.Count(got, "Paused") != 1 {
		t.Error(got)
	}
	relays.Alarm("b.example:587", false, "")
	if got := shown(); strings.Contains(got, "Paused") || strings.Count(got, "Takes emails") != 2 {
		t.Error(got)
	}
	if n := newAdminEnv(t).look().Find("section[aria-labelledby=relays]").Length(); n != 0 {
		t.Error("relays are shown where nothing is known of them")
	}
	var all sync.WaitGroup // for the race detector
	for range 4 {
		all.Go(func() { relays.Alarm("a.example:465", true, "421"); relays.Status() })
	}
	all.Wait()
}

const evil = `<img src=x onerror=alert(1)>"'{{.}}</th><script>alert(2)</script>` + "\u202e"

func TestWhatStoresRelaysAndNamesSayIsInert(t *testing.T) {
	e := newAdminEnv(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Show.Name = evil
		o.Sites["gazette"] = g
		o.Admin.Endpoints = map[store.QueueName]string{hookQueue: evil}
		o.Admin.Relays = func() []admin.RelayStatus {
			return []admin.RelayStatus{{Address: evil,
				PausedSince: time.Now()}}
		}
	})
	e.failEvent("ada@b.example")
	e.say(&store.UnsafeError{Setting: evil, Have: evil, Want: evil, Words: evil, Fix: evil})
	overview := e.look()
	hooks := e.send("GET", hooksPath, "", "Cookie", e.logIn()).page(t)
	for name, page := range map[string]*goquery.Document{"overview": overview, "webhooks": hooks} {
		if page.Find("img, body script, [onerror], body [src]").Length() > 0 {
			t.Errorf("%s: it comes alive", name)
		}
	}
	for what, got := range map[string]string{
		"the site's name":                    overview.Find("caption bdi").Last().Text(),
		"the relay":                          overview.Find("section[aria-labelledby=relays] th bdi").Text(),
		"the cure":                           overview.Find("pre").Text(),
		"the site's name above its webhooks": hooks.Find("h1 bdi").Text(), "the endpoint": hooks.Find("td bdi").Text(),
	} {
		if got != evil {
			t.Errorf("%s reads %q", what, got)
		}
	}
}
