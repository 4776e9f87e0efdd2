package main

import (
	"archive/zip"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/optin/optin/internal/browsertest"
	"github.com/optin/optin/internal/inbox"
)

// rightLink returns the link of the email for a right of an address: another one than that of an earlier email.
func (a *actor) rightLink(email, earlier string) (link string) {
	a.t.Helper()
	a.eventually("the email for a right of "+email, func() bool {
		for _, m := range a.mail.Messages() {
			for _, found := range linksTo(m, "/r/") {
				if m.To[0] == email && found != earlier {
					link = found
				}
			}
		}
		return link != ""
	})
	return link
}

// linksTo returns the links of an email to one kind of pages.
func linksTo(m inbox.Message, page string) (some []string) {
	for _, link := range m.Links() {
		if strings.Contains(link, page) {
			some = append(some, link)
		}
	}
	return some
}

// downloadInto has a profile keep what it downloads in a folder.
func (p *browserProfile) downloadInto(folder string) {
	p.t.Helper()
	params := browser.SetDownloadBehaviorParams{
		Behavior:     "allow", //nolint:misspell // the protocol's word
		DownloadPath: folder, BrowserContextID: chromedp.FromContext(p.tab).BrowserContextID,
	}
	if _, err := chromedp.Call(p.tab, browser.SetDownloadBehavior, params); err != nil {
		p.t.Fatal(err)
	}
}

// A person sees how they agreed, takes a copy of everything, and has it erased: each by the button of a page that a
// link leads to which only their mailbox has. The website is told.
func TestAPersonTakesACopyAndErasesTheirData(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML, e.perAddress = hook.yaml(), "1000/1m"
		a := e.start()
		a.eventually("it is ready", func() bool { return a.status("/readyz") == http.StatusOK })
		const email = "ada@people.test"
		a.SignUp(email)
		a.Confirm(confirmLink(a.Email(email)))
		leave := a.Lookup(email).UnsubscribeURL
		p, folder := newProfile(t, chromium, a.base).setLanguage("en"), t.TempDir()
		p.downloadInto(folder)

		p.open(a.base + path(leave) + "?lang=en")
		if text := evaluate[string](p, `document.querySelector(".agreed").innerText`); !strings.Contains(text,
			"https://gazette.example/join") || !strings.Contains(text, "127.0.0.0/24") {
			t.Errorf("how it was agreed to: %s", text)
		}
		if status := p.click(`form[action*="/copy"] button`); status != http.StatusAccepted {
			t.Fatalf("to ask for a copy: %d", status)
		}
		p.wantHeading("Look in your inbox")
		ofCopy := a.rightLink(email, "")
		p.open(a.base + path(ofCopy) + "?lang=en")
		p.wantHeading("Get a copy of my data")
		p.do(chromedp.Click(chromedp.CSS("button.main")))
		file := filepath.Join(folder, "gazette.zip")
		var z *zip.ReadCloser
		a.eventually("the copy is downloaded, whole", func() (whole bool) {
			var err error
			z, err = zip.OpenReader(file)
			return err == nil
		})
		defer z.Close()
		names := map[string]bool{}
		for _, f := range z.File {
			names[f.Name] = true
		}
		if !names["dossier.html"] || !names["dossier.json"] || !names["verify.txt"] {
			t.Errorf("the copy has %v", names)
		}

		p.open(a.base + path(leave) + "?lang=en")
		p.click(`form[action*="/erase"] button`)
		p.open(a.base + path(a.rightLink(email, ofCopy)) + "?lang=en")
		p.wantHeading("Erase my data")
		if got := a.Lookup(email).State; got != "confirmed" {
			t.Fatalf("to look at the page made it %q", got)
		}
		if status := p.click("button.main"); status != http.StatusOK {
			t.Fatalf("to erase: %d", status)
		}
		p.wantHeading("Your data are erased")
		e.optin(exitRefused, "show", email)
		a.eventually("the website is told", func() bool {
			told := hook.eventsAbout("") // an erased person has no address
			return len(told) == 1 && told[0].Type == "subscription.erased"
		})
	})
}
