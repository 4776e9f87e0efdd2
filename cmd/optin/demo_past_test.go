package main

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// logInToDemo logs in to the dashboard with the password that the tour shows.
func (r *plainBrowser) logInToDemo(base string) {
	r.t.Helper()
	r.open(base + "/")
	password := r.page.Find("li p code").Last().Text()
	r.open(base + "/admin/login")
	r.submit("form", map[string]string{"password": password})
	if r.status != http.StatusOK || r.at.Path != "/admin" {
		r.t.Fatalf("with the password %q: %d at %s", password, r.status, r.at)
	}
}

// text returns the text of a page's main part as one line.
func (r *plainBrowser) text() string {
	r.t.Helper()
	main, err := r.page.Find("main").Html()
	if err != nil {
		r.t.Fatal(err)
	}
	apart := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(main, " ") // cells and parts of lists
	return strings.Join(strings.Fields(html.UnescapeString(apart)), " ")
}

// want fails the test unless a page of the dashboard says all of that, as regular expressions.
func (r *plainBrowser) want(address string, all ...string) {
	r.t.Helper()
	r.open(address)
	if r.status != http.StatusOK {
		r.t.Errorf("%s: %d", address, r.status)
	}
	for _, want := range all {
		if !regexp.MustCompile(want).MatchString(r.text()) {
			r.t.Errorf("%s does not say %q:\n%s", address, want, r.text())
		}
	}
}

func TestEveryViewOfTheDemoHasSomethingToShow(t *testing.T) {
	t.Parallel()
	base := startDemo(t)
	r := newPlainBrowser(t)
	r.logInToDemo(base)
	for path, all := range map[string][]string{
		"/admin?of=month": {
			`Webhook 127\.0\.0\.1:\d+: Fails for`, `Nobody has said until when`,
			`Far more people than usual sign up at The Demo Market`, `say “this was not me”`,
			`Emails to heron\.example are stuck: \d+ people wait`, `the queue is full, please try again later`,
			`Confirmed \d{2,}`, `Declined \d{2}`, `Expired \d+`, `Undeliverable [1-9]`, `Half confirmed within`,
			`Takes events`, `events? given up after nine days`,
		},
		"/admin?of=hour": {`Signups \d{2}`, `Declined \d{2}`},
		"/admin/pending": {`@heron\.example`, `A relay took it`, `The mailbox is full or busy`},
		"/admin/emails": {
			`451 4\.3\.1 … the queue is full`, `heron\.example \d+`, `452 4\.2\.2 The mailbox is over its quota`,
		},
		"/admin/emails?answer=undeliverable": {`550 5\.1\.1 No such user here`},
		"/admin/webhooks":                    {`Takes events`, `Fails since`, `answered 503`},
		"/admin/sites/demo/webhooks":         {`subscription\.confirmed`, `9 days ago`},
		"/admin/trends?span=30d&site=demo": {
			`article`, `checkout`, `fr`, `outlook`, `gmx`, `Receive the monthly letter`,
		},
		"/admin/trends?span=90d&site=demo":   {`Subscribe to the letter`, `Receive the monthly letter`},
		"/admin/trends?span=90d&site=market": {`invitations`, `offers`},
		"/admin/sites/demo/texts":            {`Receive the monthly letter of The Daily Demo`},
		"/admin/audit": {
			`asked for it by post`, `key 9c41d7e0`, `command root`, `session 5d1c07ae`, `STOP, by phone`,
		},
		"/admin/audit?act=erase":                   {`asked for it by post`},
		"/admin/pending?answer=mailbox&age=&site=": {`f…@`, `over its quota`},
	} {
		r.want(base+path, all...)
	}
	r.open(base + "/admin/people")
	r.submit("form.find", map[string]string{"who": "nora.peach@school.example"})
	for _, want := range []string{"at the counter", "A relay took the email", "Confirmed"} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("the page of a person does not say %q:\n%s", want, r.text())
		}
	}
	// A visitor of the demo sees an inbox of their own.
	if r.open(base + "/inbox"); r.page.Find(".messages a").Length() != 0 {
		t.Errorf("the past fills the inbox:\n%s", r.page.Text())
	}
}

func TestAnEmptyDemoHasNoPastAndNothingIsBroken(t *testing.T) {
	t.Parallel()
	base := startDemo(t, "-empty")
	r := newPlainBrowser(t)
	r.logInToDemo(base)
	r.want(base+"/admin", `All is as it should be`, `Signups 0`)
	r.want(base+"/admin/webhooks", `Takes events None waits\. It has taken none yet`)
	if strings.Contains(r.text(), "Fails") {
		t.Errorf("an endpoint is down:\n%s", r.text())
	}
}
