package webhook

import (
	"crypto/rand"
	"net/url"
	"strings"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// SampleTypes lists the types of which there is a sample.
func SampleTypes() []consent.EventType {
	return append([]consent.EventType{EventTest}, consent.EventTypes()...)
}

// Sample returns an event as it would be about a person at a site, who does not exist: its id begins with test_, that
// of the subscription is "test". One of EventTest is about nobody.
func Sample(site confirm.Site, public *url.URL, is consent.EventType, now time.Time) confirm.Event {
	now = now.UTC().Truncate(time.Millisecond)
	event := confirm.Event{ID: "test_" + rand.Text(), Type: is, At: now, Data: consent.Status{
		ID: "test", Site: site.ID, CreatedAt: now, Purposes: []consent.PurposeStatus{},
	}}
	state := consent.State(strings.TrimPrefix(string(is), "subscription."))
	switch is {
	case EventTest:
		return event
	case consent.EventErased:
		event.Data.State = state
		return event
	case consent.EventConfirmed:
		link := public.JoinPath("u", "test").String()
		event.Data.ConfirmedAt, event.Data.UnsubscribeURL = &now, &link
	}
	event.Data.Email, event.Data.State, event.Data.Locale = "someone@example.org", state, site.Locales[0]
	for _, p := range site.Purposes {
		said := site.Statement(p, site.Locales[0])
		_, sum, _ := said.Canonical() // a service, which has made it too, begins with no other
		event.Data.Purposes = append(event.Data.Purposes, consent.PurposeStatus{
			ID: p.ID, State: state, Since: now, Text: said.Text, TextSHA256: sum,
		})
	}
	return event
}
