package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestACallHasTheEventAndIsSigned(t *testing.T) {
	r := answering(t, 204)
	o := private(r.URL + "/hooks/optin?k=1")
	o.UserAgent = "optin/1.2.3"
	delivered(t, sender(t, o))
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
		"Webhook-Id": {"Zm9vYmFyYmF6cXV4MTIzNA"}, "Webhook-Timestamp": {"1795284341"},
		"Content-Type": {"application/json"}, "User-Agent": {"optin/1.2.3"},
		"Content-Length": got.header["Content-Length"],
	}, got.body}, got, cmp.AllowUnexported(call{})); diff != "" {
		t.Error(diff)
	}
	if text := string(got.body); !strings.HasPrefix(text,
		`{"type":"subscription.confirmed","timestamp":"2026-11-21T18:05:40.118Z","data":{"id":`) ||
		!strings.HasSuffix(text, `}`) || !strings.Contains(text, `"text":"La lettre <mensuelle> & plus"`) {
		t.Errorf("an attempt after an upgrade would not be the same as before: %s", text)
	}
	var body struct {
		Data consent.Status
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	event, _ := events{}.Event(t.Context(), job)
	if diff := cmp.Diff(event.Data, body.Data); diff != "" {
		t.Error(diff)
	}
}

func TestEveryAttemptHasTheSameIDAndBytesAndItsOwnTime(t *testing.T) {
	r := answering(t, 500)
	o, at := private(r.URL), now
	o.Now = func() time.Time { return at }
	for range 3 { // as if the program had been started again each time
		if r := sender(t, o).Run(t.Context(), job); r.Err == nil {
			t.Fatal("500 was taken for success")
		}
		at = at.Add(24 * time.Hour)
	}
	calls := r.arrived()
	for i, c := range calls {
		if err := webhook.Verify(newer, c.header, c.body, now.Add(time.Duration(i)*24*time.Hour)); err != nil {
			t.Errorf("attempt %d: %v", i+1, err)
		}
		if string(c.body) != string(calls[0].body) || c.header.Get("webhook-id") != calls[0].header.Get("webhook-id") {
			t.Errorf("attempt %d differs: %s", i+1, c.body)
		}
	}
	if len(calls) != 3 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestDuringARotationACallIsSignedWithBothSecrets(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL)
	o.Endpoint.Secrets = [][]byte{newer, older}
	delivered(t, sender(t, o))
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
	s := sender(t, private(r.URL))
	for range 5 {
		delivered(t, s)
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
	delivered(t, sender(t, private(strings.Replace(r.URL, "://", "://ada:p%40ss@", 1))))
	req := http.Request{Header: r.arrived()[0].header}
	if user, password, ok := req.BasicAuth(); !ok || user != "ada" || password != "p@ss" {
		t.Errorf("BasicAuth = %q, %q, %t", user, password, ok)
	}
}

func TestAJobThatCannotBeOpenedNowIsRetried(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL)
	o.Events = events{err: store.ErrUnavailable}
	if r := sender(t, o).Run(t.Context(), job); !errors.Is(r.Err, store.ErrUnavailable) || r.Failed || r.Wait != 0 {
		t.Errorf("Run = %+v", r)
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// Its secret may be put back, or another process may have it: soon, or within a month.
func TestAJobThatDoesNotOpenIsRetriedForAMonth(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL)
	o.Events = events{err: fmt.Errorf("a record: %w", confirm.ErrUnreadable)}
	s, tried, job := sender(t, o), time.Duration(0), job
	for job.Attempts = 1; ; job.Attempts++ {
		r := s.Run(t.Context(), job)
		if !errors.Is(r.Err, confirm.ErrUnreadable) {
			t.Fatalf("attempt %d: %+v", job.Attempts, r)
		}
		if r.Failed {
			break
		}
		if r.Wait <= 0 || r.Wait > time.Hour || job.Attempts == 1 && r.Wait > 10*time.Second || !r.OfJob {
			t.Fatalf("attempt %d: %+v", job.Attempts, r)
		}
		tried += r.Wait
	}
	if tried < 29*24*time.Hour || tried > 31*24*time.Hour {
		t.Errorf("it was tried for %v", tried)
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestAnEventThatIsNotDueAnyMoreCompletesWithoutACall(t *testing.T) {
	r := answering(t, 200)
	o := private(r.URL)
	o.Events = events{err: confirm.ErrNotDue}
	if r := sender(t, o).Run(t.Context(), job); r.Err != nil || r.Ended {
		t.Errorf("Run = %+v", r)
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestAnIDThatCannotBeSignedIsNotSent(t *testing.T) {
	r := answering(t, 200)
	for _, id := range []string{".", "a.b", "a b", "a\nb", "é"} {
		o := private(r.URL)
		o.Events = events{id: id}
		if e, _ := fails(t, sender(t, o)); e.Status != 0 {
			t.Errorf("%q: %v", id, e)
		}
	}
	if n := len(r.arrived()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestSendDoesNotDisableTheEndpoint(t *testing.T) {
	r := answering(t, http.StatusGone)
	s := sender(t, private(r.URL))
	event, _ := events{}.Event(t.Context(), job)
	event.Type = webhook.EventTest
	for range 2 {
		e := new(webhook.CallError)
		if _, err := s.Send(t.Context(), event); !errors.As(err, &e) || e.Status != http.StatusGone {
			t.Fatalf("Send = %v", err)
		}
	}
	if n := len(r.arrived()); n != 2 {
		t.Errorf("%d calls", n)
	}
}
