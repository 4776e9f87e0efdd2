package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

// told posts what a person told the website, and returns the answer.
func (e *env) told(path, body string) answer {
	e.Helper()
	return e.send("POST", "/v1/sites/gazette"+path, body, asSite(writeKey, "Content-Type", request.MediaJSON)...)
}

func TestAnObjectionIsAnsweredAlikeWhateverIsKnown(t *testing.T) {
	e := newEnv(t)
	first := e.told("/objections", `{"email":"nobody@known.example"}`)
	if first.status != http.StatusOK || first.body != `{"status":"accepted"}`+"\n" {
		t.Fatalf("%d %q", first.status, first.body)
	}
	for state, email := range e.knownAt("known.example") {
		for range 2 {
			if a := e.told("/objections", `{"email":"`+email+`"}`); a.status != first.status || a.body != first.body {
				t.Errorf("%s: %d %s", state, a.status, a.body)
			}
		}
		e.clock.pass(25 * time.Hour)
		e.signUp(email)
		if n := len(e.emails()); n > 0 {
			t.Errorf("%s: %d emails after the objection", state, n)
		}
	}
}

func TestAnObjectionEndsByTheLinkOfTheMailboxOrForAReason(t *testing.T) {
	e := newEnv(t)
	for name, unblock := range map[string]func(link string){
		"link": func(link string) {
			page := e.send("GET", link, "")
			if page.status != http.StatusConflict {
				t.Fatalf("%d", page.status)
			}
			action, _ := page.page(t).Find("main form").Attr("action")
			if a := e.send("POST", action, ""); a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", action, a.status, a.body)
			}
		},
		"reason": func(string) {
			a := e.told("/objections/unblock",
				`{"email":"reason@b.example","reason":"asked for it again","at":"2026-11-21"}`)
			if a.status != http.StatusOK || a.body != `{"status":"accepted"}`+"\n" {
				t.Fatalf("%d %s", a.status, a.body)
			}
		},
	} {
		email := name + "@b.example"
		e.signUp(email)
		link := e.path(e.email().Confirm)
		e.send("POST", link, "")
		e.told("/objections", fmt.Sprintf(`{"email":%q,"method":"wrote to our desk"}`, email))
		unblock(link)
		if a := e.send("POST", link, "", "Accept", request.MediaJSON); a.status != http.StatusConflict ||
			codeOf(t, a.body) != "withdrawn" {
			t.Errorf("%s: the old link: %d %s", name, a.status, a.body)
		}
		e.clock.pass(25 * time.Hour)
		e.signUp(email)
		e.send("POST", e.path(e.email().Confirm), "")
		if got := e.state(email); got != consent.Confirmed {
			t.Errorf("%s: %s", name, got)
		}
		events := e.send("GET", e.subscriptionPath(email)+"/events", "", asSite(readKey)...)
		for _, want := range []string{`"action":"objected"`, `"action":"unblocked"`, `"method":"wrote to our desk"`} {
			if !strings.Contains(events.body, want) {
				t.Errorf("%s: the events lack %s: %s", name, want, events.body)
			}
		}
	}
}

func TestALookupAnswersWhetherEmailsForAPurposeMayBeSent(t *testing.T) {
	e := newEnv(t)
	known := e.knownAt("b.example")
	e.told("/objections", `{"email":"nobody@b.example","channel":"sms"}`)
	e.told("/objections", `{"email":"unknown@b.example","purposes":["letter"],"channel":"email"}`)
	known["nothing"], known["unknown"] = "nothing@b.example", "unknown@b.example"
	want := map[string]consent.Permission{
		"confirmed": {Allowed: true, Reason: "confirmed"}, "erased": {Reason: "unknown"}, "full": {Reason: "pending"},
		"nothing": {Reason: "unknown"}, "unknown": {Reason: "objected"},
	}
	for state, email := range known {
		if _, ok := want[state]; !ok {
			want[state] = consent.Permission{Reason: consent.Reason(state)}
		}
		if state == "full" {
			continue // it is another spelling each time
		}
		var one consent.Permission
		a := e.ask(`{"email":"` + email + `","for":"letter"}`)
		must(t, json.Unmarshal([]byte(a.body), &one))
		if one != want[state] {
			t.Errorf("%s: %s", state, a.body)
		}
		var many struct{ Results []consent.Permission }
		e.ask(`{"emails":["`+email+`"],"for":"letter"}`).read(t, 200, &many)
		if many.Results[0] != want[state] {
			t.Errorf("%s among many: %+v", state, many)
		}
	}
	var st consent.Status
	e.ask(`{"email":"confirmed@b.example","for":"letter","use":true}`).read(t, 200, &st)
	e.ask(`{"email":"confirmed@b.example"}`).read(t, 200, &st)
	if day := e.clock.now().Format(time.DateOnly); st.Purposes[0].LastUse != day {
		t.Errorf("%+v", st.Purposes)
	}
}

func TestStopOfAnotherChannelIsShownAndLeavesEmails(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	var st consent.Status
	path := e.subscriptionPath("ada@b.example") + "/withdraw"
	e.send("POST", path, `{"channel":"sms","method":"STOP"}`, asSite(writeKey, "Content-Type", request.MediaJSON)...).
		read(t, 200, &st)
	if st.State != consent.Confirmed || len(st.Objections) != 1 || st.Objections[0].Channel != consent.ChannelSMS {
		t.Errorf("%+v", st)
	}
}

func TestWhatAnObjectionDoesNotTakeIsRefused(t *testing.T) {
	e := newEnv(t)
	long := strings.Repeat("x", 257)
	for body, code := range map[string]string{
		`{}`:                 "email_required",
		`{"email":"nobody"}`: "email_invalid",
		`{"email":"a@b.example","channel":"pigeon"}`:          "choice_unknown",
		`{"email":"a@b.example","channel":["sms"]}`:           "field_invalid",
		`{"email":"a@b.example","at":"monday"}`:               "time_invalid",
		`{"email":"a@b.example","at":"2027-11-22T18:00:00Z"}`: "time_in_the_future",
		`{"email":"a@b.example","chanel":"sms"}`:              "field_unknown",
		`{"email":"a@b.example","Channel":"sms"}`:             "field_repeated",
	} {
		for path, more := range map[string]string{"/objections": "", "/objections/unblock": `,"reason":"asked"}`} {
			whole := body
			if more != "" {
				whole = strings.Replace(strings.TrimSuffix(body, "}")+more, "{,", "{", 1)
			}
			if top, fields := e.told(path, whole).problem(t); len(fields) != 1 || fields[0] != code {
				t.Errorf("%s %s: %s %v, want %s", path, whole, top, fields, code)
			}
		}
	}
	headers := asSite(gazetteKey, "Content-Type", request.MediaJSON)
	for _, row := range []struct{ path, body, code string }{
		{"/objections", `{"email":"a@b.example","purposes":[]}`, "purpose_required"},
		{"/objections", `{"email":"a@b.example","purposes":["nope"]}`, "purpose_unknown"},
		{"/objections", `{"email":"a@b.example","purposes":[1]}`, "field_invalid"},
		{"/objections", `{"email":"a@b.example","method":"` + long + `"}`, "text_too_long"},
		{"/objections/unblock", `{"email":"a@b.example","reason":"` + long + `"}`, "text_too_long"},
		{"/objections/unblock", `{"email":"a@b.example"}`, "reason_required"},
		{"/objections/unblock", `{"email":"a@b.example","reason":" "}`, "reason_required"},
		{"/lookup", `{"email":"a@b.example","for":"nope"}`, "purpose_unknown"},
		{"/lookup", `{"email":"a@b.example","use":true}`, "use_invalid"},
		{"/lookup", `{"email":"a@b.example","for":"letter","use":true,"as_of":"2026-11-20"}`, "use_invalid"},
		{"/lookup", `{"email":"a@b.example","for":"letter","use":"maybe"}`, "field_invalid"},
		{"/lookup", `{"email":"a@b.example","For":"letter"}`, "field_repeated"},
	} {
		a := e.send("POST", "/v1/sites/gazette"+row.path, row.body, headers...)
		if top, fields := a.problem(t); len(fields) != 1 || fields[0] != row.code {
			t.Errorf("%s %s: %s %v", row.path, row.body, top, fields)
		}
	}
	e.untouched()
}
