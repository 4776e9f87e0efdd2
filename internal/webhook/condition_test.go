package webhook_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestHowAnEndpointStandsIsKeptSealedForAllProcesses(t *testing.T) {
	const queue = store.QueueName("webhook/gazette/x")
	env, at := newEnv(t, queue), now
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	process := func() *webhook.Endpoints {
		o := env.endpoints.EndpointsOptions
		o.Sealer, o.Now = ring, func() time.Time { return at }
		all, err := webhook.NewEndpoints(o)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	one, other := process(), process()
	note := func(e *webhook.Endpoints, happened time.Time, call *webhook.CallError) webhook.Condition {
		t.Helper()
		if err := e.Note(t.Context(), queue, happened, call); err != nil {
			t.Fatal(err)
		}
		is, err := other.Condition(t.Context(), queue)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	down := &webhook.CallError{Status: 503, Reason: "answered 503", Words: "closed"}
	if is := note(one, at, nil); !is.Success.Equal(at) || !is.Failing.IsZero() {
		t.Errorf("after a success: %+v", is)
	}
	began := at.Add(time.Hour)
	at = began
	note(one, began.Add(-time.Minute), down)
	at = at.Add(24 * time.Hour)
	is := note(other, at, down)
	if !is.Failing.Equal(began) || !is.Oldest.Equal(began.Add(-time.Minute)) || !is.Failed.Equal(at) ||
		is.Status != 503 || is.Words != "closed" || !is.Success.Equal(now) {
		t.Errorf("down for a day: %+v", is)
	}
	value, err := env.store.Get(t.Context(), "webhook-condition/"+string(queue))
	if err != nil || value == nil || bytes.Contains(value, []byte("closed")) {
		t.Errorf("in the store it is %q, %v", value, err)
	}
	if is = note(one, at, nil); !is.Failing.IsZero() || !is.Oldest.IsZero() || is.Words != "closed" {
		t.Errorf("after it came back: %+v", is)
	}
}

// An endpoint's path may be all that keeps others from calling it, and answers repeat it.
func TestNothingOfAnEndpointsURLButItsHostIsShown(t *testing.T) {
	const path, query = "/services/T000/B000/XXXXsecretXXXX", "token=QUERYsecretQUERY"
	for _, answer := range []string{
		"Cannot POST " + path + "?" + query, "<pre>Cannot POST " + strings.ToLower(path) + "</pre>",
		"no XXXXsecretXXXX here", "url:https://example.org" + path, "of QUERYsecretQUERY",
		`{"path":"` + path + `"}`, strings.Repeat("<p>", 250) + " " + path + strings.Repeat("x", 100),
	} {
		r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			_, _ = w.Write([]byte(answer))
		})
		r.Start()
		e, _ := fails(t, sender(t, private(r.URL+path+"?"+query)))
		for _, hidden := range []string{"secret", "T000/B000"} {
			if said := e.Words + e.Error(); strings.Contains(said, hidden) {
				t.Errorf("%q of %q stands in %q", hidden, answer, said)
			}
		}
	}
}

func TestWhatAnEndpointAnsweredIsKeptWithoutAddressesAndMarkup(t *testing.T) {
	long := strings.Repeat("x", 500)
	for answer, words := range map[string]string{
		"<html><h1>No</h1> ada@example.org &\n\x00 " + long: "No … & " + long[:200-len("No … & ")] + "…",
		`{"error": "no ada\u0040example.org here"}`:         `{"error": "no … here"}`,
		"No ada&#64;example.org, ada&#x40;example.org":      "No … …",
		"No ada&commat;example.org or ada%40example.org":    "No … or …",
		"retries < 5, the database is down":                 "retries < 5, the database is down",
		"retries &lt; 5 <b>now</b><!-- no --><?xml?>":       "retries < 5 now",
		"<B>No</B><":           "No <",
		"No&#10;line&#x202e;s": "No line s",
	} {
		r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write([]byte(answer))
		})
		r.Start()
		e, _ := fails(t, sender(t, private(r.URL)))
		if e.Words != words || strings.Contains(e.Error(), "No") {
			t.Errorf("%q, want %q; %v", e.Words, words, e)
		}
	}
}
