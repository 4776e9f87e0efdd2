package web

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/web/admin"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

// confirmed lets somebody confirm, so that an event waits for the endpoint.
func (e *env) confirmed(email string) {
	e.Helper()
	e.signUp(email)
	e.send("POST", e.path(e.email().Confirm), "")
}

// endpointFails has the endpoint of the gazette fail for so long, in its own words.
func (e *env) endpointFails(d time.Duration, words string) {
	e.Helper()
	e.confirmed("first@b.example")
	call := &webhook.CallError{Status: 503, Reason: "answered 503 with 20 bytes", Words: words}
	happened := e.clock.now()
	must(e, e.web.Webhooks.Note(e.Context(), hookQueue, happened, call))
	e.clock.pass(d)
	must(e, e.web.Webhooks.Note(e.Context(), hookQueue, e.clock.now(), call))
}

// An endpoint that is down for days never looks as if the website was told everything.
func TestAnEndpointThatIsDownSaysSoInItsOwnWords(t *testing.T) {
	e := newAdminEnv(t)
	section := func() *goquery.Selection {
		return e.view(admin.EndpointsPath, e.logIn()).Find(".cards section").First()
	}
	card := func() string { return reads(section()) }
	want := []string{"Takes events", "None waits. It has taken none yet."}
	if got := texts(section().Find("p")); !slices.Equal(got, want) {
		t.Error(got)
	}
	must(t, e.web.Webhooks.Note(t.Context(), hookQueue, e.clock.now(), nil))
	e.clock.pass(time.Hour)
	e.endpointFails(3*24*time.Hour, "back on <b>Monday</b>")
	got := card()
	for _, want := range []string{
		"Fails for 3 days", "It answered 503 with 20 bytes. In its own words: “back on <b>Monday</b>”.",
		"1 event waits, the oldest of 3 days ago.", "The last was taken 3 days ago.",
		"Fails since21 November 2026, 19:00 UTC",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	said := reads(e.view("/admin", e.logIn()).Find(".unusual"))
	if !strings.Contains(said, "Webhook hooks.gazette.example: Fails for 3 days.") ||
		!strings.Contains(said, "back on <b>Monday</b>") {
		t.Error(said)
	}
	must(t, e.web.Webhooks.Note(t.Context(), hookQueue, e.clock.now(), nil))
	if got := card(); strings.Contains(got, "Fails") || !strings.Contains(got, "Late") {
		t.Errorf("it took an event, and is still said to fail: %q", got)
	}
	if _, err := e.web.Webhooks.Disable(t.Context(), hookQueue); err != nil {
		t.Fatal(err)
	}
	if got := card(); !strings.Contains(got, "Disabled since24 November 2026, 19:00 UTC") {
		t.Error(got)
	}
}

func TestATestIsSentToOneEndpointAndItsAnswerShown(t *testing.T) {
	var sent []string
	answers := map[string]error{
		"webhook.test": nil,
		"subscription.confirmed": &webhook.CallError{
			Status: 500, Reason: "answered 500 with 9 bytes", Words: "<i>broken</i>",
		},
		"subscription.erased": context.DeadlineExceeded,
	}
	e := newAdminEnv(t, func(o *Options) {
		o.Admin.SendTest = func(_ context.Context, q store.QueueName, event confirm.Event) (webhook.Answer, error) {
			if q != hookQueue || !strings.HasPrefix(event.ID, "test_") || event.Data.ID != "test" {
				return webhook.Answer{}, errors.New("it is no test of this endpoint")
			}
			sent = append(sent, string(event.Type))
			return webhook.Answer{Status: 204, Took: 12 * time.Millisecond}, answers[string(event.Type)]
		}
	})
	cookie := e.logIn()
	form := e.view(admin.EndpointsPath, cookie).Find("form.test").First()
	if form.Find("option").Length() != len(webhook.SampleTypes()) {
		t.Error("not every type is offered")
	}
	body := "site=gazette&queue=" + string(hookQueue) + "&type="
	for is, words := range map[string]string{
		"webhook.test": "hooks.gazette.example took the test. It answered 204 within 12ms.",
		"subscription.confirmed": "did not take the test. It answered 500 with 9 bytes. " +
			"In its own words: “<i>broken</i>”.",
		"subscription.erased": "did not take the test. It did not answer within 8s.",
	} {
		a := e.act(admin.TestPath, body+is, cookie)
		if got := reads(a.page(t).Find("[role=status]")); a.status != 200 || !strings.Contains(got, words) {
			t.Errorf("%s: %d %q", is, a.status, got)
		}
	}
	if len(sent) != 3 || !strings.Contains(strings.Join(e.acted(), "\n"),
		"operator test  webhook.test to hooks.gazette.example") {
		t.Errorf("%q, %q", sent, e.acted())
	}
	for _, wrong := range []string{
		"site=club&queue=" + string(hookQueue) + "&type=webhook.test", body + "x",
		"site=gazette&queue=x&type=webhook.test",
	} {
		if a := e.act(admin.TestPath, wrong, cookie); a.status != 400 {
			t.Errorf("%s: %d", wrong, a.status)
		}
	}
}
