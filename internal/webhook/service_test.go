package webhook_test

import (
	"bytes"
	"encoding/json"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// service is the real one, for a site that tells these lanes.
func service(t *testing.T, lanes ...store.QueueName) *confirm.Service {
	t.Helper()
	kept, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "optin.db"), Sweep: 6 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	s, err := confirm.New(confirm.Options{Store: kept, Keyring: ring, PublicURL: "https://confirm.example", Sites: []confirm.Site{{
		ID: "gazette", Locales: []string{"fr"}, EventQueues: lanes,
		Purposes: []confirm.Purpose{{ID: "letter", Text: map[string]string{"fr": "Recevoir la lettre"}}},
		Terms:    consent.Terms{TTL: time.Hour, EmailsPerAddress: []store.Limit{{N: 3, Per: time.Hour}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutTexts(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// lease takes the one entry of a lane that is due.
func lease(t *testing.T, s *confirm.Service, lanes ...store.QueueName) store.Job {
	t.Helper()
	var all []store.Job
	for _, lane := range lanes {
		entries, err := s.Store.Lease(t.Context(), lane, 2, time.Minute)
		if err != nil {
			t.Fatalf("%s: %v", lane, err)
		}
		all = append(all, entries...)
	}
	if len(all) != 1 {
		t.Fatalf("%v: %d entries", lanes, len(all))
	}
	return all[0]
}

func TestAConfirmationIsToldToEveryEndpointUnderOneID(t *testing.T) {
	receivers := []*receiver{answering(t, 200), answering(t, 200)}
	lanes := []store.QueueName{webhook.Queue("gazette", receivers[0].URL), webhook.Queue("gazette", receivers[1].URL)}
	s := service(t, lanes...)
	ada, err := address.Parse("ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Signup(t.Context(), "gazette", confirm.NewSignup{Address: ada, Purposes: []string{"letter"}, Locale: "fr"}); err != nil {
		t.Fatal(err)
	}
	draft, err := s.Message(t.Context(), lease(t, s, confirm.EmailQueues()...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Confirm(t.Context(), path.Base(draft.Confirm), consent.Evidence{How: consent.ByLink}); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for i, r := range receivers {
		o := private(r.URL)
		o.Events = s
		e := lease(t, s, lanes[i])
		if _, err := caller(t, o).Run(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if err := s.Store.End(t.Context(), e, store.Complete()); err != nil {
			t.Fatal(err)
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
		t.Errorf("told %s", body)
	}
}
