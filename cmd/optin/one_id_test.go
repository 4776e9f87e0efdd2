package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/internal/childtest"
)

// logLine is a line of the log, as far as it joins with others.
type logLine struct {
	Msg, Route, Request, Subscription, Job, Outcome, Reply, Event string
	Status                                                        int
}

// logLines returns the lines about one subscription.
func logLines(t *testing.T, log fmt.Stringer, subscription string) (all []logLine) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err, line)
		}
		if l.Subscription == subscription {
			all = append(all, l)
		}
	}
	return all
}

// What a person reads out from the foot of a page, or what begins the Message-ID of an email, finds every line that is
// about them: their requests, the email with the relay's words, and what the website was told.
func TestOneIDLeadsFromThePageToEveryLine(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML = hook.yaml()
		log := &childtest.Buffer{}
		a := e.startLogging(log)
		signup := a.post(signupPath, `{"email":"ada@example.org","consent":true,"locale":"en"}`,
			http.Header{"Content-Type": {mediaJSON}})
		a.SignUp("bob@example.org")
		email := a.Email("ada@example.org")
		link := confirmLink(email)
		resp, err := http.Get(a.base + path(link))
		e.must(err)
		defer resp.Body.Close()
		page, err := goquery.NewDocumentFromReader(resp.Body)
		e.must(err)
		id := page.Find("footer .reference span").Text()
		if len(id) != 22 || !strings.HasPrefix(page.Find("footer .reference").Text(), "Reference ") {
			t.Fatalf("the foot of the page says %q", page.Find("footer").Text())
		}
		a.Confirm(link)
		a.eventually("the website is told", func() bool { return len(hook.eventsAbout("ada@example.org")) == 1 })

		messageID := email.Header.Get("Message-Id")
		local, _, _ := strings.Cut(strings.Trim(messageID, "<>"), "@")
		if !strings.HasPrefix(local, id) {
			t.Errorf("the Message-ID %s does not begin with %s", messageID, id)
		}
		if full := a.idOf("ada@example.org"); local[:22] != full {
			t.Errorf("the Message-ID %s does not begin with the id of the API, %s", messageID, full)
		}
		var lines []logLine
		a.eventually("all lines are there", func() bool {
			lines = logLines(t, log, id)
			return len(lines) >= 5
		})
		find := func(what string, is func(l logLine) bool) {
			t.Helper()
			for _, l := range lines {
				if is(l) {
					return
				}
			}
			t.Errorf("no line about %s has the id %s:\n%+v", what, id, lines)
		}
		find("the signup", func(l logLine) bool {
			return l.Status == http.StatusAccepted && l.Request == signup.Header.Get("X-Request-Id")
		})
		find("the email", func(l logLine) bool {
			return l.Msg == "email" && l.Job == local[22:] && l.Outcome == "delivered" &&
				strings.HasPrefix(l.Reply, "250 ")
		})
		find("the page", func(l logLine) bool {
			return l.Route == "/c/{token}" && l.Request == resp.Header.Get("X-Request-Id")
		})
		find("the webhook", func(l logLine) bool {
			return l.Msg == "webhook: delivered" && l.Job != "" && l.Event == hook.eventsAbout("ada@example.org")[0].id
		})
		if strings.Contains(log.String(), "ada@") {
			t.Error("the log has the address")
		}
	})
}
