package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/store"
)

// tableRows are the rows of a table of a page, by its caption or the heading before it.
func tableRows(page *goquery.Document, heading string) (rows []string) {
	page.Find("main h2").Each(func(_ int, h *goquery.Selection) {
		if reads(h) != heading {
			return
		}
		h.NextFiltered("table, form").Find("tbody tr").Each(func(_ int, row *goquery.Selection) {
			cells := row.Find("th[scope=row], td").Map(func(_ int, c *goquery.Selection) string { return reads(c) })
			rows = append(rows, strings.TrimSpace(strings.Join(cells, " | ")))
		})
	})
	return rows
}

func oneByOne(page *goquery.Document) []string { return tableRows(page, "One by one") }

func TestEmailsThatWaitAreShownByDomainRelayAndWords(t *testing.T) {
	e := newAdminEnv(t)
	for i, domain := range []string{"full.test", "full.test", "slow.test"} {
		e.signUp(fmt.Sprintf("person%d@%s", i, domain))
		e.refuse(fmt.Sprintf("452 4.2.2 <person%d@%s> mailbox full, see id 3f8a%d9c1b", i, domain, i))
		e.clock.pass(time.Minute)
	}
	e.signUp("ada@fresh.test")
	cookie := e.logIn()
	page := e.view(admin.EmailsPath, cookie)
	said := "452 4.2.2 … mailbox full, see id …"
	if diff := cmp.Diff([]string{said + " | 3 | 1 minute ago | The mailbox is full or busy, or does not know us yet"},
		tableRows(page, "In the words of the refusals")); diff != "" {
		t.Error(diff)
	}
	domains := tableRows(page, "By domain of the recipients")
	if len(domains) != 3 || !strings.HasPrefix(domains[0], "full.test | 2 | 3 minutes ago | The mailbox is full") ||
		!strings.Contains(domains[1]+domains[2], "fresh.test | 1 | just now | Not tried yet | now") {
		t.Errorf("%q", domains)
	}
	if relays := tableRows(page, "By relay that answered last"); len(relays) != 1 ||
		!strings.HasPrefix(relays[0], "mx:25 | 3 |") {
		t.Errorf("%q", relays)
	}
	if got := reads(page.Find(".numbers")); got !=
		"On the way, or for later1To be tried again3Due for the longestnone is late" {
		t.Error(got)
	}
	if strings.Contains(page.Text(), "person0@full.test") && strings.Count(page.Text(), "person0@full.test") > 1 {
		t.Error("the words that many share name somebody")
	}
	words := page.Find("a.words").AttrOr("href", "")
	for path, n := range map[string]int{
		words: 3, "/admin/emails?domain=full.test": 2, "/admin/emails?relay=mx:25": 3,
		"/admin/emails?answer=untried": 1,
		"/admin/emails?relay=other:25": 0, "/admin/emails?site=club": 0, "/admin/emails?age=6h": 0,
		"/admin/emails?answer=undeliverable": 0, "/admin/emails": 4,
	} {
		if got := len(oneByOne(e.view(path, cookie))); got != n {
			t.Errorf("%s: %d, want %d", path, got, n)
		}
	}
	empty := e.view("/admin/emails?site=club", cookie).Find(".empty")
	if got := reads(empty); !strings.HasPrefix(got, "No email of this") {
		t.Error(got)
	}
	for _, wrong := range []string{"?answer=taken", "?site=x", "?before=x", "?x=1"} {
		if a := e.send("GET", admin.EmailsPath+wrong, "", "Cookie", cookie); a.status != 400 && a.status != 422 {
			t.Errorf("%s: %d", wrong, a.status)
		}
	}
}

func TestWhatCannotBeDeliveredIsShownWithTheWordsOfThat(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("none@b.example")
	for _, queue := range confirm.EmailQueues() {
		jobs, err := e.store.Lease(t.Context(), queue, 9, time.Minute)
		must(t, err)
		for _, job := range jobs {
			must(t, e.service.Relay.Undeliverable(t.Context(), job, "550 5.1.1 <none@b.example> no such user"))
		}
	}
	page := e.view("/admin/emails?answer=undeliverable", e.logIn())
	if got := tableRows(page, "In the words of the refusals"); len(got) != 1 ||
		got[0] != "550 5.1.1 … no such user | 1 | just now | The address takes no email" {
		t.Errorf("%q", got)
	}
	if page.Find("main form[action='/admin/act']").Find("button").Length() != 0 {
		t.Error("it can be tried again")
	}
}

func TestALargePageOfEmailsGoesOnWhereItEnded(t *testing.T) {
	e := newAdminEnv(t)
	for i := range admin.PendingShown + 2 {
		e.signUp(fmt.Sprintf("ada%d@b.example", i))
		e.clock.pass(time.Second)
	}
	cookie := e.logIn()
	first := e.view(admin.EmailsPath, cookie)
	rest := e.view(first.Find(".pages a").AttrOr("href", ""), cookie)
	if len(oneByOne(first)) != admin.PendingShown || len(oneByOne(rest)) != 2 {
		t.Errorf("%d, then %d", len(oneByOne(first)), len(oneByOne(rest)))
	}
}

// press presses a button of a page, and says that it is sure.
func (e *env) press(button *goquery.Selection, cookie string, reason string) *goquery.Document {
	e.Helper()
	body := url.Values{button.AttrOr("name", ""): {button.AttrOr("value", "")}}
	button.Closest("form").Find("input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		body.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	asked := e.act(admin.ActPath, body.Encode(), cookie).page(e)
	form := asked.Find("main form")
	if form.Length() != 1 {
		e.Fatalf("it is not asked once more: %s", reads(asked.Find("main")))
	}
	sure := url.Values{"reason": {reason}}
	form.Find("input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		sure.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	return e.follow(e.act(admin.ActPath, sure.Encode(), cookie), cookie)
}

// due returns how many emails are due to be tried again.
func (e *env) due() int {
	e.Helper()
	jobs, err := e.store.Lease(e.Context(), confirm.QueueEmailRetry, 1000, time.Minute)
	must(e, err)
	for _, job := range jobs {
		must(e, e.store.End(e.Context(), job, store.Retry(e.clock.now().Add(time.Hour))))
	}
	return len(jobs)
}

func TestAnEmailThatWaitsIsTriedNow(t *testing.T) {
	e := newAdminEnv(t)
	for i := range 3 {
		e.signUp(fmt.Sprintf("person%d@full.test", i))
		e.refuse("452 4.2.2 mailbox full")
		e.clock.pass(time.Minute)
	}
	cookie := e.logIn()
	told := e.press(e.view(admin.EmailsPath, cookie).Find("[name=one]").First(), cookie, "")
	if got := reads(told.Find("[role=status]")); !strings.HasPrefix(got, "1 email due now.") || e.due() != 1 {
		t.Error(got)
	}
	if acted := e.acted(); !strings.HasPrefix(acted[0], "operator try ") {
		t.Errorf("%q", acted)
	}
}

// runBulk has a process carry out acts on all that match until the test, or the call of stop, ends.
func (e *env) runBulk(b *admin.Bulk) (stop func()) {
	ctx, cancel := context.WithCancel(e.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	stop = func() { cancel(); <-done }
	e.Cleanup(stop)
	return stop
}

// bulkSays waits until what a list says of an act on all that match has some words.
func (e *env) bulkSays(path, cookie, words string) {
	e.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := reads(e.view(path, cookie).Find("#bulk"))
		if strings.Contains(got, words) {
			return
		}
		if time.Now().After(end) {
			e.Fatalf("it does not say %q but %q", words, got)
		}
	}
}

func TestAnActOnAllThatMatchGoesOnInTheBackground(t *testing.T) {
	e := newAdminEnv(t)
	for i := range 60 {
		e.signUp(fmt.Sprintf("person%d@%s", i, []string{"full.test", "other.test"}[i%2]))
		e.refuse("452 4.2.2 mailbox full")
		e.clock.pass(time.Second)
	}
	cookie := e.logIn()
	path := "/admin/emails?domain=full.test"
	begun := e.press(e.view(path, cookie).Find("[name=all]").Last(), cookie, "")
	if got := reads(begun.Find("#bulk")); !strings.Contains(
		got, "Tried the email now: all that match domain full.test, an email waits") {
		t.Error(got)
	}
	// Nobody runs it yet: the process that took the button has ended. Another one goes on with it.
	busy := e.press(e.view(admin.PendingPath, cookie).Find("[name=all][value=resend]"), cookie, "")
	if got := reads(busy.Find("#bulk [role=alert]")); !strings.HasPrefix(got, "Nothing was started") {
		t.Error(got)
	}
	e.signUp("late@full.test") // who signs up meanwhile is not meant
	e.refuse("452 4.2.2 mailbox full")
	other := bulkOf(e.web.Options)
	e.runBulk(other)
	e.bulkSays(path, cookie, "It has ended")
	if n := e.due(); n != 30 {
		t.Errorf("%d are due, want 30", n)
	}
	all := strings.Join(e.acted(), "\n")
	if n := strings.Count(all, "operator try "); n != 31 ||
		!strings.Contains(all, "all that match (domain full.test, an email waits)") {
		t.Errorf("%d entries: %.300s", n, all)
	}
	e.bulkSays(admin.PendingPath, cookie, "done for 30.")
}

// awayAtTheEnd is a store that is away for the first few times that the state of an act is kept.
type awayAtTheEnd struct {
	store.Store
	times atomic.Int32
}

func (s *awayAtTheEnd) CompareAndSwap(ctx context.Context, name string, old, now []byte, d time.Duration) error {
	if s.times.Add(-1) >= 0 {
		return store.ErrUnavailable
	}
	return s.Store.CompareAndSwap(ctx, name, old, now, d)
}

// An act that has ended does not begin again at those who signed up since.
func TestAnActThatHasEndedIsOnlyKept(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@full.test")
	e.clock.pass(time.Second)
	cookie := e.logIn()
	e.press(e.view(admin.PendingPath, cookie).Find("[name=all][value=erase]"), cookie, "an attack")
	e.clock.pass(time.Second)
	e.signUp("late@full.test")
	o := e.web.Options
	away := &awayAtTheEnd{Store: o.Store.(store.Store)}
	away.times.Store(3)
	o.Store = away
	e.runBulk(bulkOf(o))
	e.bulkSays(admin.PendingPath, cookie, "It has ended")
	found, err := e.service.Operator.Pending(t.Context(), confirm.PendingQuery{Limit: 10})
	if err != nil || len(found.All) != 1 || found.All[0].Address.String() != "late@full.test" {
		t.Errorf("%d are left, %v", len(found.All), err)
	}
}

func TestAnActOnAllThatMatchIsStoppedFromAnyProcess(t *testing.T) {
	e := newAdminEnv(t)
	const n = 150
	for i := range n {
		e.signUp(fmt.Sprintf("person%d@full.test", i))
	}
	e.clock.pass(time.Second)
	cookie := e.logIn()
	page := e.press(e.view(admin.PendingPath, cookie).Find("[name=all][value=erase]"), cookie, "an attack")
	slow := bulkOf(e.web.Options)
	slow.Pause = 100 * time.Millisecond
	e.runBulk(slow)
	e.bulkSays(admin.PendingPath, cookie, "done for 25.")
	stop := page.Find("#bulk form")
	other := e.replica(func(*Options) {})
	other.follow(other.submit(stop, cookie), cookie)
	e.bulkSays(admin.PendingPath, cookie, "It was stopped")
	left := 0
	found, err := e.service.Operator.Pending(t.Context(), confirm.PendingQuery{Limit: 1000})
	must(t, err)
	if left = len(found.All); left == 0 || left >= n-20 {
		t.Errorf("%d of %d are left", left, n)
	}
	if all := strings.Join(e.acted(), "\n"); !strings.Contains(all, "operator stop") ||
		strings.Count(all, "operator erase ") != n-left+1 || !strings.Contains(all, ": an attack") {
		t.Errorf("%.300s", all)
	}
}

func TestOfTwoProcessesOneCarriesOutAnActOnAllThatMatch(t *testing.T) {
	e := newAdminEnv(t)
	for i := range 120 {
		e.signUp(fmt.Sprintf("person%d@full.test", i))
	}
	e.clock.pass(time.Second)
	cookie := e.logIn()
	e.press(e.view(admin.PendingPath, cookie).Find("[name=all][value=erase]"), cookie, "an attack")
	stop := e.runBulk(bulkOf(e.web.Options))
	e.runBulk(bulkOf(e.web.Options))
	e.bulkSays(admin.PendingPath, cookie, "done for ")
	stop() // one of them ends
	e.bulkSays(admin.PendingPath, cookie, "It has ended")
	found, err := e.service.Operator.Pending(t.Context(), confirm.PendingQuery{Limit: 1000})
	if err != nil || len(found.All) != 0 {
		t.Errorf("%d are left, %v", len(found.All), err)
	}
}

func TestAnActOnAllThatIsNotOneOfOurButtonsDoesNothing(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("ada@b.example")
	cookie := e.logIn()
	for _, body := range []string{
		"all=withdraw&sure=true&reason=x", "all=x", "all=erase&match=%25zz", "all=erase&all=try", "all=",
		// What is not understood must not mean everybody:
		"all=erase&match=sit%3Dclub&sure=true&reason=x", "all=erase&match=age%3D3d&sure=true&reason=x",
		"all=erase&match=site%3Dclub%26site%3Dgazette&sure=true&reason=x",
	} {
		if a := e.act(admin.ActPath, body, cookie); a.status != 400 {
			t.Errorf("%s: %d", body, a.status)
		}
	}
	// Without a reason it is not done.
	if a := e.act(admin.ActPath, "all=erase&sure=true&match=", cookie); a.status != 200 ||
		!strings.Contains(a.body, "Write why") {
		t.Errorf("%d", a.status)
	}
}
