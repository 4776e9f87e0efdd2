package webhook_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestACallSaysWhatHappenedAndIsSigned(t *testing.T) {
	r := answering(t, 204)
	o := private(r.URL + "/hooks/optin?k=1")
	o.UserAgent = "optin/1.2.3"
	delivered(t, caller(t, o))
	calls := r.arrived()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	got := calls[0]
	if err := webhook.Verify(newer, got.header, got.body, now); err != nil {
		t.Error(err)
	}
	got.header.Del("webhook-signature")
	if diff := cmp.Diff(call{"POST", "/hooks/optin?k=1", http.Header{
		"Webhook-Id": {"Zm9vYmFyYmF6cXV4MTIzNA"}, "Webhook-Timestamp": {"1795284341"}, "Content-Type": {"application/json"},
		"User-Agent": {"optin/1.2.3"}, "Content-Length": got.header["Content-Length"],
	}, got.body}, got, cmp.AllowUnexported(call{})); diff != "" {
		t.Error(diff)
	}
	if text := string(got.body); !strings.HasPrefix(text, `{"type":"subscription.confirmed","timestamp":"2026-11-21T18:05:40.118Z","data":{"id":`) ||
		!strings.HasSuffix(text, `}`) || !strings.Contains(text, `"text":"La lettre <mensuelle> & plus"`) {
		t.Errorf("a try after an upgrade would not be the same as before: %s", text)
	}
	var body struct {
		Data consent.Status
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	told, _ := desk{}.Event(t.Context(), entry)
	if diff := cmp.Diff(told.Data, body.Data); diff != "" {
		t.Error(diff)
	}
}

func TestEveryTryHasTheSameIDAndBytesAndItsOwnTime(t *testing.T) {
	r := answering(t, 500)
	o, at := private(r.URL), now
	o.Now = func() time.Time { return at }
	for range 3 { // as if the program had been started anew each time
		if _, err := caller(t, o).Run(t.Context(), entry); err == nil {
			t.Fatal("500 was taken for success")
		}
		at = at.Add(24 * time.Hour)
	}
	calls := r.arrived()
	for i, c := range calls {
		if err := webhook.Verify(newer, c.header, c.body, now.Add(time.Duration(i)*24*time.Hour)); err != nil {
			t.Errorf("try %d: %v", i+1, err)
		}
		if string(c.body) != string(calls[0].body) || c.header.Get("webhook-id") != calls[0].header.Get("webhook-id") {
			t.Errorf("try %d differs: %s", i+1, c.body)
		}
	}
	if len(calls) != 3 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestDuringARotationBothSecretsHold(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL)
	o.Endpoint.Secrets = [][]byte{newer, older}
	delivered(t, caller(t, o))
	got := r.arrived()[0]
	if n := len(strings.Fields(got.header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures", n)
	}
	for _, secret := range o.Endpoint.Secrets {
		if err := webhook.Verify(secret, got.header, got.body, now); err != nil {
			t.Error(err)
		}
	}
}

func TestOneConnectionCarriesManyCallsAndNoCookie(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		w.Write([]byte(strings.Repeat("x", 10_000)))
	})
	r.Start()
	c := caller(t, private(r.URL))
	for range 5 {
		delivered(t, c)
	}
	for _, got := range r.arrived() {
		if got.header.Get("Cookie") != "" {
			t.Errorf("a cookie came back: %s", got.header.Get("Cookie"))
		}
	}
	if r.opened() != 1 || len(r.arrived()) != 5 {
		t.Errorf("%d calls on %d connections", len(r.arrived()), r.opened())
	}
}

func TestUserAndPasswordOfTheURLAreSent(t *testing.T) {
	r := answering(t, 200)
	delivered(t, caller(t, private(strings.Replace(r.URL, "://", "://ada:p%40ss@", 1))))
	req := http.Request{Header: r.arrived()[0].header}
	if user, password, ok := req.BasicAuth(); !ok || user != "ada" || password != "p@ss" {
		t.Errorf("BasicAuth = %q, %q, %t", user, password, ok)
	}
}

func TestADeskThatCannotOpenAnEntryKeepsItsError(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL)
	o.Events = desk{err: store.ErrUnavailable}
	if _, err := caller(t, o).Run(t.Context(), entry); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Try = %v", err)
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestAnIDThatCannotBeSignedIsNotSent(t *testing.T) {
	r := answering(t, 200)
	for _, id := range []string{".", "a.b", "a b", "a\nb", "é"} {
		o := private(r.URL)
		o.Events = desk{id: id}
		if f := failure(t, caller(t, o)); f.Status != 0 {
			t.Errorf("%q: %v", id, f)
		}
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls", n)
	}
}
