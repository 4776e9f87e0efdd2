package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// apiSubscription is a subscription, as the API for a site's servers returns it.
type apiSubscription struct{ ID, Email, State string }

// call makes a call of the site API with its key, and decodes a JSON response into into, if that is not nil.
func (a *actor) call(method, path, body string, into any, header ...string) *http.Response {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+"/v1/sites/gazette"+path,
		strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatalf("%s %s breaks off: %v", method, path, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			a.t.Fatalf("%s %s returns %s %q: %v", method, path, resp.Status, text, err)
		}
	}
	return resp
}

// list returns the site's subscriptions.
func (a *actor) list(query string) []apiSubscription {
	a.t.Helper()
	var page struct{ Subscriptions []apiSubscription }
	a.call("GET", "/subscriptions"+query, "", &page)
	return page.Subscriptions
}

func TestTheSiteAPIFollowsAConsentFromSignupToErasure(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		hook := newEndpoint(t)
		e.siteYAML = hook.yaml()
		a := e.start()
		id := a.signUpWithIdempotencyKey("ada@example.org")
		if code, state := a.Confirm(confirmLink(a.Email("ada@example.org"))); code != http.StatusOK ||
			state != "confirmed" {
			t.Fatalf("confirming returns %d %q", code, state)
		}
		a.wantCounts(id, 1, 0)
		var now apiSubscription
		if resp := a.call("POST", "/subscriptions/"+id+"/withdraw", "", &now); resp.StatusCode != http.StatusOK ||
			now.State != "withdrawn" {
			t.Fatalf("withdrawing returns %s %+v", resp.Status, now)
		}
		a.wantCounts(id, 1, 1)
		var exported apiSubscription // its one line
		a.call("GET", "/export", "", &exported)
		if diff := cmp.Diff(apiSubscription{id, "ada@example.org", "withdrawn"}, exported); diff != "" {
			t.Errorf("exported (-want +got):\n%s", diff)
		}
		// An event about a person who was erased since is not due any more.
		a.eventually("the event of the withdrawal",
			func() bool { return len(hook.eventsAbout("ada@example.org")) == 2 })
		if resp := a.call("DELETE", "/subscriptions/"+id, "", nil); resp.StatusCode != http.StatusNoContent {
			t.Fatalf("erasing returns %s", resp.Status)
		}
		// That a consent was withdrawn stays, without personal data.
		if diff := cmp.Diff([]apiSubscription{{ID: id, State: "withdrawn"}}, a.list("")); diff != "" {
			t.Errorf("after the erasure (-want +got):\n%s", diff)
		}
		a.eventually("the event of the erasure", func() bool { return len(hook.eventsAbout("")) == 1 })
		var types []string
		for _, e := range slices.Concat(hook.eventsAbout("ada@example.org"), hook.eventsAbout("")) {
			types = append(types, e.Type)
		}
		want := []string{"subscription.confirmed", "subscription.withdrawn", "subscription.erased"}
		if diff := cmp.Diff(want, types); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		a.eraseUnconfirmed(e, "bob@example.org")
	})
}

// signUpWithIdempotencyKey signs an address up twice with one Idempotency-Key, and returns the id of the pending
// subscription.
func (a *actor) signUpWithIdempotencyKey(email string) string {
	a.t.Helper()
	for i, idempotent := range []string{"", "true"} {
		resp := a.call("POST", "/subscriptions", `{"email":"`+email+`","consent":true,"locale":"en"}`, nil,
			"Idempotency-Key", `"join-1"`)
		if resp.StatusCode != http.StatusAccepted || resp.Header.Get("Idempotency-Replayed") != idempotent {
			a.t.Fatalf("signup %d returns %s, Idempotency-Replayed %q", i+1, resp.Status,
				resp.Header.Get("Idempotency-Replayed"))
		}
	}
	all := a.list("?state=pending")
	if len(all) != 1 || all[0].Email != email || len(a.list("?state=confirmed")) != 0 {
		a.t.Fatalf("pending: %+v", all)
	}
	return all[0].ID
}

// wantCounts checks the statistics after one signup, and the subscription itself, after so many confirmations and
// withdrawals.
func (a *actor) wantCounts(id string, confirmations, withdrawals int) {
	a.t.Helper()
	type day struct{ Signups, Emails, Confirmations, Withdrawals int }
	want, got := day{1, 1, confirmations, withdrawals}, day{}
	a.eventually("the relay's reply is recorded", func() bool {
		var answer struct{ Days []day }
		a.call("GET", "/stats?from="+time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), "", &answer)
		got = day{}
		for _, d := range answer.Days { // a test may run at midnight
			got = day{got.Signups + d.Signups, got.Emails + d.Emails, got.Confirmations + d.Confirmations,
				got.Withdrawals + d.Withdrawals}
		}
		return got.Emails > 0
	})
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Errorf("counted (-want +got):\n%s", diff)
	}
	var s apiSubscription
	state := []string{"confirmed", "withdrawn"}[withdrawals]
	if a.call("GET", "/subscriptions/"+id, "", &s); s.State != state {
		a.t.Errorf("%+v, want %s", s, state)
	}
}

// eraseUnconfirmed erases a pending subscription: nothing is left, and its link confirms nothing.
func (a *actor) eraseUnconfirmed(e *env, email string) {
	a.t.Helper()
	a.SignUp(email)
	link := confirmLink(a.Email(email))
	path := "/subscriptions/" + a.list("?state=pending")[0].ID
	for range 2 { // the first answer may have been lost
		if resp := a.call("DELETE", path, "", nil); resp.StatusCode != http.StatusNoContent {
			a.t.Errorf("erasing returns %s", resp.Status)
		}
	}
	if code, _ := a.Confirm(link); code != http.StatusNotFound || a.Lookup(email).State != "" ||
		e.emailsTo(email) != 1 {
		a.t.Errorf("confirming what is erased returns %d, %+v", code, a.Lookup(email))
	}
}
