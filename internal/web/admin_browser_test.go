package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// foreign is a page of another website that posts to the dashboard.
const foreign = `<!doctype html><title>Elsewhere</title><form method="post" action="OPTIN` + hooksPath +
	`"><input name="all" value="true"><button>Win</button></form>`

func TestAnOperatorUsesTheDashboardInABrowserWithoutScripts(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.withoutScripts()
	var service *confirm.Service
	n := newNeighbours(t, "default-src 'self'; form-action *", map[string]string{"/": foreign},
		func(o *Options, _ string) {
			sites := rules()
			sites[0].EventQueues = []store.QueueName{hookQueue}
			links := *o // those of emails begin as path expects
			links.PublicURL = parseURL(publicURL)
			service = serviceWith(t, links, sites)
			o.Service, o.Admin.Password = service, []byte(adminPassword)
		})
	n.service = service
	n.failEvent("ada@b.example")

	p.do(chromedp.Navigate(n.ours + "/admin"))
	p.until(`location.pathname === "/admin/login" && document.title === "Log in · optin"`)
	p.do(chromedp.SendKeys(chromedp.CSS("#password"), adminPassword+"\r"))
	p.until(`location.pathname === "/admin" && document.querySelectorAll(".figures").length === 2`)
	if got := ask[string](p, `document.cookie`); got != "" {
		t.Errorf("a script would read %q", got)
	}
	p.quiet()

	p.do(chromedp.Navigate(n.site + "/"))
	p.press()
	p.until(`location.pathname === "` + hooksPath + `" && document.querySelector("h1") !== null`)
	p.heard() // the browser says that it was 403
	if len(n.failedIDs()) != 1 {
		t.Fatal("another website's page retried")
	}

	p.do(chromedp.Navigate(n.ours+"/admin"), chromedp.Click(chromedp.CSS(`a[href="`+hooksPath+`"]`)))
	p.until(`location.pathname === "` + hooksPath + `" && document.querySelectorAll("tbody tr").length === 1`)
	p.do(chromedp.Click(chromedp.CSS("tbody button")))
	p.until(`location.search === "?retried=1" && document.querySelector("[role=status]") !== null`)
	if len(n.failedIDs()) != 0 {
		t.Error("it is still failed")
	}
	p.do(chromedp.Click(chromedp.CSS("header .out button")))
	p.until(`location.pathname === "/admin/login" && document.querySelector("[role=status]").innerText === "You ` +
		`are logged out."`)
	p.do(chromedp.Navigate(n.ours + "/admin"))
	p.until(`location.pathname === "/admin/login" && location.search === ""`)
	p.quiet()
}
