package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/childtest"
	"github.com/optin/optin/internal/relay"
	"github.com/optin/optin/templates"
	"github.com/optin/optin/templates/dashboard"
)

func TestOperatorsReadFiguresBesideTheService(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		e.withLog()
		_, a := e.spawn(e.listen)
		for _, name := range []string{"ada", "bob"} {
			a.SignUp(name + "@people.test")
			link := confirmLink(a.Email(name + "@people.test"))
			if name == "ada" {
				a.Confirm(link)
			}
		}
		a.logged(1)
		var counted statistics
		e.says(&counted, "stats", "-days", "2")
		last := counted.Days[len(counted.Days)-1]
		if last.Signups != 2 || last.Confirmations != 1 || counted.Purposes[0].ID != "letter" ||
			counted.Providers[0].ID != "other" || counted.Languages[0].Signups != 2 {
			t.Errorf("%+v", counted)
		}
		var now nowShown
		e.says(&now, "top", "-of", "day")
		if now.Flow["signups"].Now+now.Flow["signups"].Before != 2 || now.Pending["gazette"] != 1 ||
			len(now.Queues) == 0 || len(now.Unusual) != 0 {
			t.Errorf("%+v", now)
		}
		for _, row := range [][2]string{
			{"stats", "In 30 days: 2 signups, 1 confirmation."}, {"pending", "b…@people.test"},
			{"top", "All is as it should be."}, {"failed", "No event has failed."}, {"audit", "  export  "},
		} {
			command, want := row[0], row[1]
			if out, errs := e.optin(exitOK, command); !strings.Contains(out, want) || errs != "" {
				t.Errorf("optin %s prints %q and %q, want %q", command, out, errs, want)
			}
		}
		for _, wrong := range [][]string{
			{"stats", "-days", "0"}, {"top", "-of", "year"}, {"top", "-every", "1ms"}, {"pending", "-n", "0"},
			{"pending", "-answer", "no"}, {"pending", "-age", "-1h"}, {"retry"},
			{"retry", "-all", "an-id"}, {"failed", "x"},
		} {
			if code, _ := e.fails(exitUsage, wrong...); code != "usage" {
				t.Error(wrong, code)
			}
		}
	})
}

func TestPendingPeopleAreListedByWhatHoldsTheirEmailUp(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		e.relayAddr = newSMTPServer(t, map[string]func(context.Context) error{"full.test": func(context.Context) error {
			return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "The mailbox is full"}
		}}).addr
		a := e.start()
		for _, who := range []string{"ada@people.test", "bob@full.test", "eve@other.test"} {
			a.SignUp(who)
		}
		var found struct {
			Pending []pendingPerson
			More    bool
		}
		list := func(args ...string) string {
			found.Pending = nil
			e.says(&found, append([]string{"pending"}, args...)...)
			var all []string
			for _, p := range found.Pending {
				all = append(all, p.Email+" "+p.Delivery)
			}
			slices.Sort(all)
			return strings.Join(all, ", ")
		}
		a.eventually("each email was tried", func() bool {
			return list() == "a…@people.test taken, b…@full.test mailbox, e…@other.test taken"
		})
		for want, args := range map[string][]string{
			"b…@full.test mailbox": {"-answer", "refused"},
			"e…@other.test taken":  {"-domain", "Other.Test"},
			"a…@people.test taken": {"-domain", "@people.test", "-site", "gazette", "-n", "1"},
			"":                     {"-age", "1h"},
			"a…@people.test taken, b…@full.test mailbox, e…@other.test taken": {"-purpose", "letter"},
		} {
			if got := list(args...); got != want || found.More {
				t.Errorf("pending %v lists %s, %v, want %s", args, got, found.More, want)
			}
		}
		if list("-n", "1"); len(found.Pending) != 1 || !found.More {
			t.Errorf("%+v", found)
		}
		list("-answer", "mailbox")
		p := found.Pending[0]
		if p.Words != "452 4.2.2 The mailbox is full" || p.NextTry == nil ||
			p.Expires.Sub(p.Asked).Round(time.Second) != 48*time.Hour {
			t.Errorf("%+v", p)
		}
		out, _ := e.optin(exitOK, "pending", "-answer", "mailbox")
		why := regexp.MustCompile(p.ID + ` b…@full\.test \d+s 47h 0 mailbox The mailbox is full or busy, or does not ` +
			`know us yet: “452 4\.2\.2 The mailbox is full”\. The next try is in about \d+s\.`)
		if !why.MatchString(strings.Join(strings.Fields(out), " ")) {
			t.Error(out)
		}
		wideAtMost(t, "pending", out)
		out, _ = e.optin(exitOK, "pending", "-domain", "nowhere.test")
		if !strings.HasPrefix(out, "Nobody is pending") {
			t.Error(out)
		}
	})
}

// wideAtMost checks that text for people fits into a terminal.
func wideAtMost(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
			t.Errorf("%s has a line of %d columns: %s", what, n, line)
		}
	}
}

func TestWhatTopShowsFitsIntoATerminal(t *testing.T) {
	long := strings.Repeat("The relay says why in many words. ", 9)
	now := nowShown{
		Of: "month", Unusual: []unusual{{long, long}}, Lights: []light{{"Webhook", "warn", "Late", long}},
		page: dashboard.Overview{Flow: dashboard.Flow{
			Before: "the 30 days before", Times: dashboard.Times{Median: "1h", P90: "1h"},
			Rows: []dashboard.FlowRow{{
				Label: "Emails taken by a relay", N: 12345678, Before: 12345678, Rate: "under 1 %",
				Change: "999 times as many",
			}},
		}},
	}
	wideAtMost(t, "top", now.text(columns))
	for _, want := range []string{
		"\nHalf confirmed within:", "\n! The relay says", "\n  The relay says", "\nwarn Webhook: Late. The",
	} {
		if !strings.Contains(now.text(columns), want) {
			t.Errorf("%q is not in\n%s", want, now.text(columns))
		}
	}
}

// A light that warns is never below words that say that all is well.
func TestTopSaysWhatIsToBeWatched(t *testing.T) {
	good, warn := light{"Store", "good", "Ready", "It is."}, light{"Emails", "warn", "Some are refused", "Two wait."}
	for want, now := range map[string]nowShown{
		"All is as it should be.":                  {Lights: []light{good}},
		"Nothing is wrong. To be watched: Emails.": {Lights: []light{good, warn}},
		"Nothing is wrong. To be watched: Emails, Service.": {
			Lights: []light{warn, {"Service", "warn", "Does not answer", "It may run elsewhere."}},
		},
		"ONE THING IS NOT AS IT SHOULD BE.": {Lights: []light{warn}, Unusual: []unusual{{"A thing.", "Do."}}},
	} {
		if text := now.text(columns); !strings.Contains(text, "\n"+want+"\n\n") {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// What is broken is named, with what to do, by top alone.
func TestTopNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
	}))
	defer gone.Close()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.writeWithWebhook(gone.URL, hookSecret)
	p, a := e.spawn(e.listen)
	a.SignUp("ada@people.test")
	a.Confirm(confirmLink(a.Email("ada@people.test")))
	says := func(want ...string) {
		t.Helper()
		var out string
		a.eventually(want[0], func() bool {
			out, _ = e.optin(exitOK, "top")
			return strings.Contains(out, want[0])
		})
		for _, words := range want {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), words) {
				t.Errorf("%q is not in\n%s", words, out)
			}
		}
		wideAtMost(t, "top", out)
	}
	says("ONE THING IS NOT AS IT SHOULD BE.", "! Webhook 127.0.0.1:", "Disabled", "retrying them enables it",
		"ok Service: Ready. It answers at "+e.listen)
	p.stop()
	says("2 THINGS ARE NOT AS THEY SHOULD BE.", "! Service: Does not answer.", "start optin serve")
}

func TestTopAsksTheRelaysWhyEmailsWait(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	working := e.relayAddr
	e.relayAddr = childtest.FreeAddr(t)
	a := e.start()
	cfg := e.parse()
	pages, err := templates.New()
	e.must(err)
	c, err := openCore(t.Context(), cfg)
	e.must(err)
	defer c.store.Close()
	view := &topView{forSites: &forSites{core: c, pages: pages, sites: cfg.Sites}}
	look := func() (now nowShown, emails light) {
		t.Helper()
		now, err = view.now(t.Context(), "hour")
		e.must(err)
		return now, now.Lights[slices.IndexFunc(now.Lights, func(l light) bool { return l.Name == "Emails" })]
	}
	if now, _ := look(); len(now.Unusual) > 0 || !view.asked.IsZero() {
		t.Errorf("while none waits: %+v, asked at %v", now.Unusual, view.asked)
	}
	a.SignUp("ada@people.test")
	now, emails := look()
	if len(now.Unusual) != 1 || now.Unusual[0].What != "The relay "+e.relayAddr+" takes no emails from here." ||
		!strings.Contains(now.Unusual[0].Do, "connection refused; check that smtp.url") || emails.Word != "Held up" {
		t.Errorf("%+v", now)
	}
	asked := view.asked
	if now, _ := look(); view.asked != asked || len(now.Unusual) != 1 {
		t.Errorf("it asks again at once: %v, %v, %+v", view.asked, asked, now.Unusual)
	}
	view.asked = time.Time{}
	cfg.SMTP.Relays[0], err = relay.Parse("smtp://" + working + "?tls=off")
	e.must(err)
	if now, emails := look(); len(now.Unusual) != 0 || emails.Light != "good" {
		t.Errorf("a relay that takes emails: %+v", now)
	}
}

func TestAnUnsafeStoreIsNamedWithItsRemedy(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	e := newEnv(t, server.url())
	e.start()
	server.ask("CONFIG SET appendfsync everysec")
	out, _ := e.optin(exitOK, "top")
	text := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"BAD Store: Unsafe", "appendfsync", "is everysec, must be always", "This mends it:"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// A command beside the service makes no store: its name may be wrong.
func TestCommandsMakeNoStore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "optin.db")
	e := newEnv(t, "sqlite://"+file)
	for _, args := range [][]string{
		{"top"}, {"stats"}, {"pending"}, {"failed"}, {"retry", "-all"}, {"audit"}, {"show", "ada@people.test"},
	} {
		_, errs := e.optin(exitFailed, args...)
		if !strings.Contains(errs, file+": there is no such file yet: optin serve makes it") {
			t.Errorf("optin %v says %s", args, errs)
		}
	}
	e.optin(exitOK, "register")
	if left, err := filepath.Glob(filepath.Dir(file) + "/*"); err != nil || len(left) > 0 {
		t.Errorf("there are %v, %v", left, err)
	}
}

func TestAStoreThatIsAwayIsSaidWithWhatToLookAt(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "redis://"+childtest.FreeAddr(t)+"/0")
	for _, command := range []string{"top", "stats", "pending", "failed"} {
		if code, said := e.fails(exitFailed, command); code != "failed" ||
			!strings.Contains(said["detail"].(string), "check that it runs") {
			t.Errorf("optin %s: %v", command, said)
		}
	}
}

func TestARetryIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.start()
	e.optin(exitOK, "retry", "-all", "-by", "ada", "-reason", "it is back")
	code, said := e.fails(exitRefused, "retry", "-aaaaaaaaaaaaaaaaaaaaa-0", "no-such-id")
	if ids, _ := said["unknown"].([]any); code != "unknown" || len(ids) != 2 {
		t.Errorf("%v", said)
	}
	out, _ := e.optin(exitOK, "audit", "-act", "retry")
	first := regexp.MustCompile(`command ada \(\w+\) +retry +it is back`)
	if !first.MatchString(out) || !strings.Contains(out, "2 events") {
		t.Error(out)
	}
}

func TestTheRegisterIsPrintedFromTheConfiguration(t *testing.T) {
	e := newEnv(t, "rediss://redis.example:6379/0")
	e.topYAML = "log: {path: " + t.TempDir() + "}\nretention: {evidence: 24mo, receipt_after_erasure: 5y}\n"
	e.siteYAML = `    webhooks: [{url: "https://hooks.example/optin", secret: ` + hookSecret + `}]
    validity: 36mo
`
	e.edits = []string{
		`en: "Receive the monthly letter"}`, `en: "Receive the monthly letter"}
        text_child: {fr: Une lettre pour toi, en: A letter for you}
        recipients: [Envois SARL]
        retention: {fr: Jusqu’au désabonnement, en: Until you unsubscribe}
        objective: {fr: Vous envoyer la lettre, en: To send you the letter}`,
		"country: FR", "country: FR, dpo: dpo@gazette.example",
		"challenge: {when: never}",
		"challenge: {when: always, captcha: {kind: turnstile, site_key: key, secret: 0x4AAAAAAADnPIDROlz}}",
	}
	out, _ := e.optin(exitOK, "register")
	for title, want := range map[string]string{
		"Controller (a)": "La Gazette SAS; 1 rue des Exemples, 75000 Paris; vie-privee@gazette.example; FR; " +
			"privacy notice: https://gazette.example/vie-privee; data protection officer: dpo@gazette.example",
		"Purpose (b)": "Recevoir la lettre mensuelle; Vous envoyer la lettre; " +
			"legal basis: consent, article 6(1)(a)",
		"Categories of people (c)": "people who sign up at https://gazette.example, children among them; " +
			"operators",
		"Categories of personal data (c)": "email address and language; what was agreed to",
		"Recipients (d)": "Envois SARL; the mail server 127.0.0.1, which passes the emails on; the website's " +
			"endpoint at hooks.example; the store at redis.example:6379, which has what is sealed; Cloudflare, Inc.",
		"Transfers to third countries (e)": "to Cloudflare, Inc. in the USA",
		"Time limits for erasure (f)": "as people are told: Jusqu’au désabonnement; a request that nobody " +
			"confirms: 7 days after its link has expired, which is after 2 days; a consent: 3 years, unless the " +
			"person renews it; the record of a consent, with its evidence: 2 years from its end or last use; " +
			"exact IP addresses: 30 days",
		"Security measures (g)": "personal data is sealed (AES-256-GCM)",
		"To be completed":       "joint controllers",
	} {
		_, section, found := strings.Cut(out, "\n"+title+":\n\n- ")
		section, _, _ = strings.Cut(section, "\n\n")
		if got := strings.ReplaceAll(section, "\n- ", "; "); !found || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s\nwant %s", title, got, want)
		}
	}
	for _, want := range []string{
		"receipts of erased people, which name nobody: 5 years", "the consent log: for good",
		"the store is reached with TLS",
		"emails go to 127.0.0.1 without TLS", "the audit log: 365 days",
	} {
		if !strings.Contains(out, "\n- "+want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "controller.dpo") {
		t.Error("it asks for the data protection officer, who is known")
	}
	var is struct {
		All []processing `json:"processing_activities"`
	}
	e.says(&is, "register", "-site", "gazette")
	if len(is.All) != 1 || is.All[0].Controller.DPO != "dpo@gazette.example" || len(is.All[0].Erasure) < 8 {
		t.Errorf("%+v", is)
	}
}

func TestPeriodsAreWrittenAsTheyAreConfigured(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"3 years": 3 * 8766 * time.Hour, "1 month": 8766 * time.Hour / 12, "30 days": 30 * 24 * time.Hour,
		"7 days": consent.Grace, "18 months": 18 * 8766 * time.Hour / 12, "365 days": 365 * 24 * time.Hour,
	} {
		if got := kept(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
	for want, d := range map[string]time.Duration{
		"0s": -time.Second, "119s": 119 * time.Second, "90m": 90 * time.Minute, "47h": 47 * time.Hour,
		"3d": 72 * time.Hour,
	} {
		if got := span(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
	if got := age(time.Time{}) + age(time.Now().Add(-72*time.Hour)); got != "-3d" {
		t.Error(got)
	}
}

func TestLinesAreFoldedAtTheirSpaces(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"short\n\n":                        "short\n\n",
		"ada and bob and eve and dan\n":    "ada and bob and eve\nand dan\n",
		"  ada and bob and eve and dan":    "  ada and bob and eve\n  and dan",
		"  abcdefghijklmnopqrstuvwxyz end": "  abcdefghijklmnopqrstuvwxyz end",
		"äöüäöüäöüäöüäöüäöüä ä ä": "äöüäöüäöüäöüäöüäöüä\nä ä",
	} {
		if got := fold(text, 20); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
	}
	if got := hanging("ok   ", "ada and bob and eve and dan", 25); got != "ok   ada and bob and eve\n     and dan" {
		t.Errorf("%q", got)
	}
	if got := folded("a\nb\n\n  c\n  d\ne\nf\n"); got != "a b\n\n  c\n  d\ne f\n" {
		t.Errorf("%q", got)
	}
}

// Beside the demo, operators' commands have its configuration.
func TestCommandsWorkBesideTheDemo(t *testing.T) {
	t.Parallel()
	p := command(t, "demo", "-empty", "-listen", "127.0.0.1:0")
	said := regexp.MustCompile(`\n  (optin top -config (\S+))\n`)
	(&actor{t: t}).eventually("the demo says how", func() bool { return said.MatchString(p.stdout.String()) })
	file := said.FindStringSubmatch(p.stdout.String())[2]
	look := command(t, "top", "-json", "-config", file)
	var now nowShown
	if code := look.wait(); code != exitOK || json.Unmarshal([]byte(look.stdout.String()), &now) != nil ||
		len(now.Unusual) > 0 {
		t.Errorf("%d: %s%s", code, look.stdout, look.stderr)
	}
	p.stop()
	if _, err := os.Stat(file); err == nil {
		t.Error("the configuration is left behind")
	}
}
