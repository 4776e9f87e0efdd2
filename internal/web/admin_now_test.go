package web

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

// Each thing that may be wrong is named on the first page, with what to do about it.
func TestTheFirstPageNamesWhatIsWrongAndTheRemedy(t *testing.T) {
	now := time.Now()
	for name, row := range map[string]struct {
		relay admin.RelayStatus
		wrong func(e *env)
		words []string
	}{
		"nothing": {words: nil},
		"a store that is unsafe": {
			wrong: func(e *env) { e.say(unsafeSetting()) }, words: []string{"The store is unsafe: synchronous is OFF, must be FULL."},
		},
		"a relay that is down, in its words": {
			relay: admin.RelayStatus{PausedSince: now, Words: "dial: connection refused"},
			words: []string{
				"The relay mx:25 has been paused for", "Nothing listens there: start the relay, or correct smtp.url.",
				"“dial: connection refused”",
			},
		},
		"a DKIM signature that is wrong": {
			relay: admin.RelayStatus{Refused: 1, Words: "550 5.7.26 unauthenticated: DKIM did not pass"},
			words: []string{
				"The relay mx:25 refuses us for 1 domain.", "publish the DNS record that it shows for the key",
				"“550 5.7.26 unauthenticated: DKIM did not pass”",
			},
		},
		"a message that is refused, which says nothing of a connection or a login": {
			relay: admin.RelayStatus{Refused: 1, Words: "554 5.7.1 Message refused: author not authorized"},
			words: []string{
				"The relay mx:25 refuses us for 1 domain.", "It objects to us and not to the people",
				"“554 5.7.1 Message refused: author not authorized”",
			},
		},
		"a login that is wrong": {
			relay: admin.RelayStatus{PausedSince: now, Words: "535 5.7.8 authentication failed"},
			words: []string{
				"The relay mx:25 has been paused for", "check smtp.url, its user and password",
				"“535 5.7.8 authentication failed”",
			},
		},
		"a form that is ticked beforehand": {
			wrong: func(e *env) {
				e.send("POST", signupPath, "email=ada@b.example&consent=on&preticked=true", "Content-Type",
					request.MediaForm)
			},
			words: []string{
				"A form of La Gazette comes with a box that is ticked beforehand: 1 signup refused",
				"leave the box unticked",
			},
		},
		"an endpoint that is down": {
			wrong: func(e *env) { e.endpointFails(time.Hour, "closed for repairs") },
			words: []string{
				"Webhook hooks.gazette.example: Fails for 1 hour.", "“closed for repairs”", "1 event waits",
			},
		},
		"a relay that is paused": {
			relay: admin.RelayStatus{PausedSince: now},
			words: []string{"The relay mx:25 has been paused for", "under “relay paused”"},
		},
		"a relay that refuses us": {
			relay: admin.RelayStatus{Refused: 2},
			words: []string{
				"The relay mx:25 refuses us for 2 domains.", "check SPF, DKIM and its terms with optin check",
			},
		},
		"an endpoint that is gone": {
			wrong: func(e *env) {
				_, err := e.web.Webhooks.Disable(e.Context(), hookQueue)
				must(e, err)
			},
			words: []string{"Webhook hooks.gazette.example: Disabled.", "It answered 410 Gone"},
		},
		"an endpoint that was down": {
			wrong: func(e *env) { e.failEvent("ada@b.example") },
			words: []string{"Webhook hooks.gazette.example: Events failed.", "1 event"},
		},
		"emails that are late": {
			wrong: func(e *env) { e.signUp("ada@b.example"); e.clock.pass(10 * time.Minute) },
			words: []string{"Emails: Late.", "one has been due for 10 minutes"},
		},
		"a domain whose emails are stuck": {
			wrong: func(e *env) {
				for _, email := range []string{"ada@full.example", "bob@full.example", "eve@full.example"} {
					e.signUp(email)
				}
				e.refuse("452 <b>mailbox full</b>")
			},
			words: []string{"Emails to full.example are stuck: 3 people wait.", "“452 <b>mailbox full</b>”"},
		},
	} {
		e := newAdminEnv(t, func(o *Options) {
			row.relay.Address = "mx:25"
			o.Admin.Relays = func() []admin.RelayStatus { return []admin.RelayStatus{row.relay} }
		})
		if row.wrong != nil {
			row.wrong(e)
		}
		page := e.look()
		said := reads(page.Find(".unusual"))
		if row.words == nil {
			lead := reads(page.Find(".lead").First())
			if page.Find(".unusual").Length() != 0 || !strings.HasPrefix(lead, "All is as it should be.") {
				t.Errorf("%s: %s", name, said)
			}
			continue
		}
		for _, words := range row.words {
			if !strings.Contains(said, words) {
				t.Errorf("%s: %q is missing in %q", name, words, said)
			}
		}
		page.Find(".unusual a").Each(func(_ int, a *goquery.Selection) {
			e.view(a.AttrOr("href", ""), e.logIn())
		})
	}
}

// refuse has a relay refuse, for now, all emails that are due.
func (e *env) refuse(reply string) {
	e.Helper()
	for _, queue := range confirm.EmailQueues() {
		jobs, err := e.store.Lease(e.Context(), queue, 100, time.Minute)
		must(e, err)
		for _, job := range jobs {
			must(e, e.service.Relay.Tried(e.Context(), job, consent.Answer{
				Relay: "mx:25", Reason: consent.RefusalMailbox, Reply: reply,
			}))
			must(e, e.store.End(e.Context(), job, store.Move(confirm.QueueEmailRetry, e.clock.now().Add(time.Hour))))
		}
	}
}

func TestTheFlowIsShownForAPeriodBesideTheOneBefore(t *testing.T) {
	e := newAdminEnv(t)
	e.signUp("long@b.example")
	e.email()
	e.clock.pass(8 * 24 * time.Hour)
	for _, email := range []string{"ada@b.example", "eve@b.example"} {
		e.signUp(email)
		e.send("POST", e.path(e.email().Confirm), "")
	}
	e.signUp("bob@b.example")
	e.email()
	cookie := e.logIn()
	for path, want := range map[string]string{
		"/admin": "Signups 3 up 200 %, 1", "/admin?of=day": "Signups 3 none before, 0",
		"/admin?of=hour":  "Signups 3 none before, 0",
		"/admin?of=month": "Signups 4 none before, 0",
	} {
		rows := e.view(path, cookie).Find(".flow tbody tr")
		cells := func(row *goquery.Selection) string {
			all := row.Find("th, td").Map(func(_ int, cell *goquery.Selection) string { return reads(cell) })
			return strings.Join(strings.Fields(strings.Join(all, " ")), " ")
		}
		if got := cells(rows.First()); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if got := cells(rows.Eq(2)); path == "/admin" && !strings.HasPrefix(got, "Confirmed 2 67 % none before") {
			t.Error(got)
		}
	}
	if a := e.send("GET", "/admin?of=year", "", "Cookie", cookie); a.status != 422 {
		t.Errorf("%d", a.status)
	}
}

// However many look at the first page, the store is asked once a second.
func TestManyViewersCostNoMoreThanOne(t *testing.T) {
	e := newAdminEnv(t, func(o *Options) { o.Admin.Recent = time.Minute })
	cookie := e.logIn()
	before := reads(e.view("/admin", cookie).Find(".flow"))
	pending := reads(e.view(admin.PendingPath, cookie).Find("#pending"))
	e.signUp("ada@b.example")
	if after := reads(e.view("/admin", cookie).Find(".flow")); after != before {
		t.Error("the second viewer had the store read again")
	}
	if after := reads(e.view(admin.PendingPath, cookie).Find("#pending")); after != pending {
		t.Error("the second viewer of the list had the store read again")
	}
}
