package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// Texts names each kind of email by the hash that the emails themselves were made by: so it knows since when.
func TestTextsSaySinceWhenEmailsAreAsTheyAre(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		e.perAddress = "100/1h"
		a := e.start()
		a.SignUp("ada@example.org")
		a.Confirm(confirmLink(a.Email("ada@example.org")))
		a.SignUp("ada@example.org") // once more: she is told that she gets it already
		a.eventually("the notice comes", func() bool { return e.emailsTo("ada@example.org") == 2 })
		leave := a.Lookup("ada@example.org").UnsubscribeURL
		resp := a.post(leave[len(a.base):]+"/copy", "", http.Header{"Origin": {a.base}})
		if resp.Body.Close(); resp.StatusCode != http.StatusAccepted {
			t.Fatalf("a copy is answered %s", resp.Status)
		}
		a.eventually("her copy's link comes", func() bool { return e.emailsTo("ada@example.org") == 3 })

		page, err := goquery.NewDocumentFromReader(strings.NewReader(a.dashboard("/admin/sites/gazette/texts?lang=en")))
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]*goquery.Selection{}
		page.Find("section:has(iframe)").Each(func(_ int, s *goquery.Selection) {
			_, name, _ := strings.Cut(s.Find("iframe").AttrOr("src", ""), "name=")
			of[name] = s.Find("p.dim").First()
		})
		for name, sent := range map[string]bool{
			"email-confirm": true, "email-known": true, "email-copy": true, "email-erase": false,
		} {
			said := of[name]
			if said == nil || len(said.Find("code").Last().Text()) != 64 || said.Find("time").Length() > 0 != sent {
				t.Errorf("%s: %v", name, said.Text())
			}
		}
		for _, name := range []string{
			"email-confirm-several", "email-confirm-reminds", "email-confirm-reminder", "email-renew",
		} {
			if said := of[name].Text(); !strings.Contains(said, "sends none of this kind") {
				t.Errorf("%s: %s", name, said)
			}
		}
	})
}
