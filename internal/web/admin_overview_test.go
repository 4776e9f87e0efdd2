package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

// figures are what the overview says of a site, by the words beside them.
func figures(page *goquery.Document, site string) map[string]string {
	all := map[string]string{}
	page.Find("table.figures").Each(func(_ int, table *goquery.Selection) {
		if reads(table.Find("caption code")) != site {
			return
		}
		table.Find("tr").Each(func(_ int, row *goquery.Selection) { all[reads(row.Find("th[scope=row]"))] = reads(row.Find("td")) })
	})
	return all
}

// look is the overview as an operator sees it.
func (w *world) look() *goquery.Document {
	w.Helper()
	a := w.send("GET", adminPath, "", "Cookie", w.logIn())
	if a.status != http.StatusOK {
		w.Fatalf("%d %s", a.status, a.body)
	}
	return a.page(w)
}

func TestTheOverviewCountsWhatBecameOfSignups(t *testing.T) {
	w := adminWorld(t)
	none := map[string]string{"Pending now": "0", "Signups": "0", "Emails sent": "0", "Confirmed": "0", "Median time to confirm": "–", "Declined": "0", "Expired": "0", "Undeliverable": "0", "Failed webhooks": "0"}
	if diff := cmp.Diff(none, figures(w.look(), "gazette")); diff != "" {
		t.Errorf("before anything: %s", diff)
	}
	w.signUp("long@b.example")
	w.send("POST", w.path(w.letter().Confirm), "")
	w.clock.pass(7 * 24 * time.Hour)
	for email, after := range map[string]time.Duration{"ada@b.example": 30 * time.Second, "bob@b.example": 2 * time.Minute, "eve@b.example": 3 * time.Hour} {
		w.signUp(email)
		d := w.letter()
		w.clock.pass(after)
		w.send("POST", w.path(d.Confirm), "")
	}
	w.signUp("kim@b.example")
	w.send("POST", w.path(w.letter().Confirm)+"/decline", "")
	w.signUp("joe@b.example")
	w.letter()
	page := w.look()
	want := map[string]string{"Pending now": "1", "Signups": "5", "Emails sent": "0", "Confirmed": "3 (60 %)", "Median time to confirm": "1 to 10 minutes", "Declined": "1", "Expired": "0", "Undeliverable": "0", "Failed webhooks": "0"}
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

func TestAMedianIsInTheBucketOfTheMiddlePress(t *testing.T) {
	for _, row := range []struct {
		within map[string]int64
		want   string
	}{
		{nil, ""}, {map[string]int64{"1m": 0}, ""}, {map[string]int64{"1m": 1}, "1m"}, {map[string]int64{"later": 1}, "later"},
		{map[string]int64{"1m": 1, "later": 1}, "1m"}, {map[string]int64{"1m": 1, "24h": 2}, "24h"}, {map[string]int64{"1m": 2, "10m": 1, "1h": 2}, "10m"},
	} {
		if got := middle(row.within); got != row.want {
			t.Errorf("%v: %q, want %q", row.within, got, row.want)
		}
	}
}

func TestTheShareIsSaidOnlyWhereThereIsOne(t *testing.T) {
	w := adminWorld(t)
	var links []string
	for _, email := range []string{"ada@b.example", "bob@b.example"} {
		w.signUp(email)
		links = append(links, w.path(w.letter().Confirm))
	}
	w.clock.pass(24 * time.Hour)
	for _, link := range links {
		w.send("POST", link, "")
	}
	w.clock.pass(6 * 24 * time.Hour) // the signups are out of sight, their presses are not
	for want := range 2 {
		if got := figures(w.look(), "gazette"); got["Signups"] != strconv.Itoa(want) || got["Confirmed"] != "2" {
			t.Errorf("%v", got)
		}
		w.signUp("eve@b.example")
	}
}

func TestThereAreMorePendingThanAreCounted(t *testing.T) {
	w := adminWorld(t)
	for i := range pendingLooked + 1 {
		w.signUp(strings.Repeat("a", 1+i%60) + string(rune('a'+i/60)) + "@b.example")
		if got := figures(w.look(), "gazette")["Pending now"]; i == pendingLooked-1 && got != "100" || i == pendingLooked && got != "more than 100" {
			t.Errorf("%d: %s", i+1, got)
		}
	}
}

func TestTheStoreIsShownAsReadyzSaysIt(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*Options)
		words  []string
	}{
		"unfit": {func(o *Options) { o.Store = unfit{o.Store} }, []string{"Unsafe.", "synchronous is OFF", "must be FULL", "PRAGMA synchronous=FULL"}},
		"away":  {func(o *Options) { o.Store = absent{o.Store} }, []string{"Unreachable.", "until the store can be reached"}},
		"fit":   {func(o *Options) { o.Store = fit{o.Store} }, []string{"Ready."}},
	} {
		got := reads(adminWorld(t, row.change).look().Find("section[aria-labelledby=store]"))
		for _, words := range row.words {
			if !strings.Contains(got, words) {
				t.Errorf("%s: %q is missing in: %s", name, words, got)
			}
		}
	}
}

func TestARelayIsShownFromItsAlarmToItsEnd(t *testing.T) {
	at := time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)
	relays := NewRelays(func() time.Time { return at }, "b.example:587", "a.example:465")
	w := adminWorld(t, func(o *Options) { o.Admin.Relays = relays.Status })
	shown := func() string { return reads(w.look().Find("section[aria-labelledby=relays] tbody")) }
	if got, want := shown(), "a.example:465Takes emails b.example:587Takes emails"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	relays.Alarm("b.example:587", true)
	at = at.Add(time.Hour)
	relays.Alarm("b.example:587", true)
	if got := shown(); !strings.Contains(got, "b.example:587Paused for some or all senders since 21 November 2026, 17:00 UTC") || strings.Count(got, "Paused") != 1 {
		t.Error(got)
	}
	relays.Alarm("b.example:587", false)
	if got := shown(); strings.Contains(got, "Paused") || strings.Count(got, "Takes emails") != 2 {
		t.Error(got)
	}
	if n := adminWorld(t).look().Find("section[aria-labelledby=relays]").Length(); n != 0 {
		t.Error("relays are shown where nothing is known of them")
	}
	var all sync.WaitGroup // for the race detector
	for range 4 {
		all.Go(func() { relays.Alarm("a.example:465", true); relays.Status() })
	}
	all.Wait()
}

const evil = `<img src=x onerror=alert(1)>"'{{.}}</th><script>alert(2)</script>` + "\u202e"

func TestWhatStoresRelaysAndNamesSayIsInert(t *testing.T) {
	w := adminWorld(t, func(o *Options) {
		g := o.Sites["gazette"]
		g.Show.Name = evil
		o.Sites["gazette"] = g
		o.Store = evilStore{o.Store}
		o.Admin.Endpoints = map[store.QueueName]string{hookLane: evil}
		o.Admin.Relays = func() []RelayStatus { return []RelayStatus{{evil, time.Now()}} }
	})
	w.park("ada@b.example")
	overview := w.look()
	hooks := w.send("GET", hooksPath, "", "Cookie", w.logIn()).page(t)
	for name, page := range map[string]*goquery.Document{"overview": overview, "webhooks": hooks} {
		if page.Find("img, script, [onerror], [src]").Length() > 0 {
			t.Errorf("%s: it comes alive", name)
		}
	}
	for what, got := range map[string]string{
		"the site's name": overview.Find("caption bdi").Last().Text(), "the relay": overview.Find("section[aria-labelledby=relays] th bdi").Text(), "the cure": overview.Find("pre").Text(),
		"the site's name above its webhooks": hooks.Find("h1 bdi").Text(), "the endpoint": hooks.Find("td bdi").Text(),
	} {
		if got != evil {
			t.Errorf("%s reads %q", what, got)
		}
	}
}

// Real stores, but for what they say of themselves.
type (
	fit       struct{ store.Store }
	absent    struct{ store.Store }
	evilStore struct{ store.Store }
)

func (fit) Ready(context.Context) error    { return nil }
func (absent) Ready(context.Context) error { return store.ErrUnavailable }
func (evilStore) Ready(context.Context) error {
	return &store.UnsafeError{Setting: evil, Have: evil, Want: evil, Fix: evil}
}
