package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
)

// view checks the view of the dashboard that is open now: that it can be read and used, and that it is small.
func (o *operator) view(name string) {
	o.t.Helper()
	widths := []int64{320, 360}
	if screenshots() != "" {
		widths = append(widths, 768, 1440)
	}
	o.checkAccessibility("admin-"+name, accessibility, widths...)
	const size = `new TextEncoder().encode(document.documentElement.outerHTML).length`
	if n := evaluate[int](o.browserProfile, size); n > 60_000 {
		o.t.Errorf("%s has %d bytes", name, n)
	}
	o.do(chromedp.EmulateViewport(1280, 900))
}

// at opens an address of the dashboard and checks the view.
func (o *operator) at(name, path string) {
	o.t.Helper()
	o.open(o.env.base + path)
	o.view(name)
}

func TestEveryViewOfTheDashboardCanBeReadAndUsed(t *testing.T) {
	browser := browsertest.Start(t)
	o := newOperatorIn(t, browser, true)
	o.open(o.env.base + "/admin")
	o.view("login")
	o.logIn()
	for name, path := range map[string]string{
		"overview-empty": "/admin", "pending-empty": "/admin/pending", "people-empty": "/admin/people",
		"pending-filtered": "/admin/pending?answer=system", "pending-wrong": "/admin/pending?answer=x",
		"webhooks-empty": "/admin/sites/gazette/webhooks", "trends-empty": "/admin/trends",
	} {
		o.at(name, path)
	}
	o.find("nobody@example.org")
	o.view("people-none")
	for i := range 55 {
		o.env.SignUp(fmt.Sprintf("person.with.a.longer.name%d@%s", i, []string{
			"example.test", "full.test", "a-quite-long-domain-name-of-some-company.example.test",
		}[i%3]))
	}
	o.env.SignUp("ada@full.test")
	o.env.SignUp("bob@example.test")
	o.open(o.env.base + "/admin/pending?answer=mailbox&domain=full.test")
	o.waitFor(".who", "a…@full.test")
	o.at("pending-busy", "/admin/pending")
	o.at("overview-busy", "/admin")
	o.at("trends-busy", "/admin/trends?span=2d")
	o.at("trends-year", "/admin/trends?span=364d&site=gazette&by=form&value=other")
	o.at("pending-chosen", "/admin/pending?answer=mailbox&domain=full.test&age=&site=gazette")
	o.open(o.env.base + "/admin/pending?site=gazette")
	for i := range 2 {
		o.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("tbody tr:nth-child(%d) .tick", i+1))))
	}
	o.click(".selected button")
	o.view("ask-several")
	o.click("form .main")
	o.waitFor("[role=status]", "2 emails will leave again")
	o.view("pending-resent")
	o.find("ada@full.test")
	o.waitFor(".timeline b", "A relay did not take the email")
	o.view("person-waits")
	o.click(`.acts form:has([value="erase"]) button`)
	o.view("ask-erase")
	evaluate[any](o.browserProfile, `document.querySelector("#reason").required = false; null`)
	o.click("form .danger")
	o.view("ask-reason")
	o.find("bob@example.test")
	o.waitFor(".timeline b", "A relay took the email")
	o.view("person-taken")
	o.click(`.timeline a[href*="/emails/"]`)
	o.view("email")
	o.at("audit", "/admin/audit")
}
