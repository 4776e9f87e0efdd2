package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/emersion/go-smtp"

	"github.com/optin/optin/internal/browsertest"
)

// atDashboard is an operator at the dashboard, in a browser.
type atDashboard struct {
	*browserProfile
	env  *pagesEnv
	mail *smtpServer
	full *atomic.Bool // the mailboxes at full.test take no email now
	axe  string       // axe-core, to check each view with; empty: it is not
}

// newOperator starts a program whose relay does not take emails to full.test at first, and says so with markup.
func newOperator(t *testing.T, scripts bool) *atDashboard {
	t.Helper()
	return newOperatorIn(t, browsertest.Start(t), scripts)
}

// newOperatorIn is newOperator in a browser that runs already.
func newOperatorIn(t *testing.T, browser context.Context, scripts bool) *atDashboard {
	t.Helper()
	o := &atDashboard{full: &atomic.Bool{}}
	o.full.Store(true)
	o.mail = newSMTPServer(t, map[string]func(context.Context) error{"full.test": func(context.Context) error {
		if !o.full.Load() {
			return nil
		}
		return &smtp.SMTPError{
			Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2},
			Message: `mailbox full <script>document.title="owned"</script><img src=x>`,
		}
	}})
	o.env = startPages(t, func(e *env) { e.relayAddr, e.perAddress = o.mail.addr, "1000/1m" })
	o.browserProfile = newProfile(t, browser, o.env.base)
	if !scripts {
		o.withoutScripts()
	}
	return o
}

// logIn enters the password.
func (o *atDashboard) logIn() {
	o.t.Helper()
	o.open(o.env.base + "/admin")
	o.do(chromedp.SendKeys(chromedp.CSS("#password"), "a-password-for-tests"))
	if status := o.click("form button.main"); status != 200 {
		o.t.Fatalf("the login returns %d", status)
	}
	o.wantHeading("Now")
}

// waitFor waits until the page has an element with a text; without scripts it loads the page again and again.
func (o *atDashboard) waitFor(selector, text string) {
	o.t.Helper()
	o.wait(selector, text, true)
}

func (o *atDashboard) wait(selector, text string, reload bool) {
	o.t.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))", selector, text)
	for end := time.Now().Add(30 * time.Second); !evaluate[bool](o.browserProfile, find); {
		time.Sleep(200 * time.Millisecond)
		if time.Now().After(end) {
			o.t.Fatalf(
				"no %s has %q at %q",
				selector,
				text,
				evaluate[string](o.browserProfile, "document.body.innerText"),
			)
		}
		if reload {
			o.open(evaluate[string](o.browserProfile, "location.href"))
		}
	}
}

// find looks for somebody with the field in the bar.
func (o *atDashboard) find(who string) {
	o.t.Helper()
	o.do(chromedp.SendKeys(chromedp.CSS("#find"), who))
	o.click(".find button")
}

// An operator signs in, sees a signup appear, finds the person by the Message-ID of the email, reads why the email
// waits, sends it again, watches it leave, and erases the person: with scripts, and without.
func TestAnOperatorFindsOutWhySheGotNoEmail(t *testing.T) {
	for _, scripts := range []bool{true, false} {
		t.Run(map[bool]string{true: "with scripts", false: "without"}[scripts], func(t *testing.T) {
			t.Parallel()
			o := newOperator(t, scripts)
			o.logIn()
			o.click(`nav a[href="/admin/pending"]`)
			o.wantHeading("Pending")
			o.waitFor(".empty", "Nobody is pending")
			o.env.SignUp("bob@example.test")
			o.env.SignUp("ada@full.test")
			o.wait(".who", "a…@full.test", !scripts) // it appears by itself
			o.waitFor(".said", "The mailbox is full")
			if o.count("main script, main img") > 0 ||
				strings.Contains(evaluate[string](o.browserProfile, "document.title"), "owned") {
				t.Error("the relay's words became markup")
			}
			o.find(o.mail.messageID("bob@example.test"))
			o.wantHeading("bob@example.test")
			o.find("ada@full.test")
			o.wantHeading("ada@full.test")
			o.waitFor(".lead", "No relay has taken the email so far")
			o.waitFor("blockquote", `<script>document.title="owned"</script>`)

			o.full.Store(false)
			o.click(`.acts form:has([value="resend"]) button`)
			o.wantHeading("Send the email to a…@full.test again?")
			o.click("form .main")
			o.wantHeading("ada@full.test")
			o.wait("[role=status]", "The email is due now", false)
			o.wait(".timeline b", "A relay took the email", !scripts) // it leaves before one's eyes
			if n := len(o.mail.arrivedAt("ada@full.test")); n == 0 {
				t.Error("no email arrived")
			}
			o.click(`.timeline a[href*="/emails/"]`)
			if o.count(`iframe[sandbox=""]`) != 1 {
				t.Error("the email is not shown")
			}
			o.open(evaluate[string](o.browserProfile, "document.querySelector('iframe').src"))
			if o.count("[href], [src], script, form") > 0 || o.count("table") == 0 {
				t.Error("the email in the frame is alive, or none")
			}
			o.open(o.env.base + "/admin/people")
			o.find("ada@full.test")
			o.click(`.acts form:has([value="erase"]) button`)
			o.wantHeading("Erase everything that is known of a…@full.test?")
			o.do(chromedp.SendKeys(chromedp.CSS("#reason"), "she asked by phone"))
			o.click("form .danger")
			o.waitFor("[role=status]", "Their data was erased")
			o.find("ada@full.test")
			o.waitFor(".empty", "Nobody is known by that name")
			o.click(`nav a[href="/admin/audit"]`)
			o.waitFor("td", "she asked by phone")
		})
	}
}
