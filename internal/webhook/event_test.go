package webhook_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestEveryEndpointGetsAConfirmationUnderTheSameID(t *testing.T) {
	receivers := []*receiver{answering(t, 200), answering(t, 200)}
	queues := []store.QueueName{webhook.Queue("gazette", receivers[0].URL), webhook.Queue("gazette", receivers[1].URL)}
	env := newEnv(t, queues...)
	env.confirm("ada@example.org")
	ids := map[string]bool{}
	for i, r := range receivers {
		o := private(r.URL)
		o.Events = env.service.Website
		j := env.lease(queues[i])
		if r := sender(t, o).Run(t.Context(), j); r.Err != nil || !r.Ended {
			t.Fatalf("%+v", r)
		}
		got := r.arrived()[0]
		if err := webhook.Verify(newer, got.header, got.body, now); err != nil {
			t.Error(err)
		}
		ids[got.header.Get("webhook-id")] = true
		checkConfirmed(t, got.body)
	}
	if len(ids) != 1 {
		t.Errorf("one event has the ids %v", ids)
	}
}

func TestASampleSaysOfAPurposeWhatRealEventsSay(t *testing.T) {
	env := newEnv(t, webhook.Queue("gazette", "http://receiver.example"))
	env.confirm("ada@example.org")
	real, err := env.service.Website.Event(t.Context(), env.lease(webhook.Queue("gazette", "http://receiver.example")))
	if err != nil {
		t.Fatal(err)
	}
	site, _ := env.service.Site("gazette")
	sample := webhook.Sample(site, parseURL("https://confirm.example"), consent.EventConfirmed, now)
	sample.Data.Purposes[0].Since = real.Data.Purposes[0].Since
	if diff := cmp.Diff(real.Data.Purposes, sample.Data.Purposes); diff != "" {
		t.Errorf("(-real +sample):\n%s", diff)
	}
}

func checkConfirmed(t *testing.T, body []byte) {
	t.Helper()
	var m struct {
		Type string
		Data consent.Status
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Type != "subscription.confirmed" || m.Data.Email != "ada@example.org" || m.Data.State != consent.Confirmed ||
		m.Data.UnsubscribeURL == nil || len(m.Data.Purposes) != 1 || m.Data.Purposes[0].Text != "Recevoir la lettre" {
		t.Errorf("sent %s", body)
	}
}
