package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/web/request"
)

// asSite are the headers of a call of a site's server.
func asSite(key string, more ...string) []string {
	return append([]string{"Authorization", "Bearer " + key}, more...)
}

// subscriptionPath is where an address' subscription at the gazette is.
func (e *env) subscriptionPath(email string) string {
	e.Helper()
	a, err := address.Parse(email)
	must(e, err)
	st, err := e.service.Website.Lookup(e.Context(), "gazette", a)
	must(e, err)
	return signupPath + "/" + st.ID
}

// read reads a JSON answer of a status.
func (a answer) read(t testing.TB, status int, into any) {
	t.Helper()
	if a.status != status || a.media() != request.MediaJSON {
		t.Fatalf("%d %s %s, want %d", a.status, a.media(), a.body, status)
	}
	must(t, json.Unmarshal([]byte(a.body), into))
}

func TestEveryCallNeedsAKeyOfItsSiteAndScope(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	one := e.subscriptionPath("ada@b.example")
	for name, row := range map[string]struct {
		method, path, body string
		needs              Scope
		status             int
	}{
		"lookup":         {"POST", "/v1/sites/gazette/lookup", `{"email":"ada@b.example"}`, ScopeRead, 200},
		"lookup of many": {"POST", "/v1/sites/gazette/lookup", `{"emails":["ada@b.example"]}`, ScopeRead, 200},
		"list":           {"GET", signupPath, "", ScopeRead, 200},
		"one":            {"GET", one, "", ScopeRead, 200},
		"its head":       {"HEAD", one, "", ScopeRead, 200},
		"its events":     {"GET", one + "/events", "", ScopeRead, 200},
		"its dossier":    {"GET", one + "/dossier", "", ScopeRead, 200},
		"its receipt":    {"GET", one + "/receipt", "", ScopeRead, 404},
		"stats":          {"GET", "/v1/sites/gazette/stats", "", ScopeRead, 200},
		"export":         {"GET", "/v1/sites/gazette/export", "", ScopeRead, 200},
		"resend":         {"POST", one + "/resend", "", ScopeWrite, 202},
		"withdraw":       {"POST", one + "/withdraw", "", ScopeWrite, 200},
		"object":         {"POST", "/v1/sites/gazette/objections", `{"email":"no@b.example"}`, ScopeWrite, 200},
		"unblock": {"POST", "/v1/sites/gazette/objections/unblock", `{"email":"no@b.example","reason":"asked"}`,
			ScopeWrite, 200},
		"a server's sign": {"POST", signupPath, `{"email":"bob@b.example","consent":true}`, ScopeWrite, 202},
		"z erase":         {"DELETE", signupPath + "/AAAAAAAAAAAAAAAAAAAAAA", "", ScopeWrite, 404},
	} {
		may := map[string]Scope{readKey: ScopeRead, writeKey: ScopeWrite, gazetteKey: ScopeBoth}
		for _, key := range []string{"", "optin_no_key_at_all", clubKey, readKey, writeKey, gazetteKey} {
			want, code := row.status, ""
			switch {
			case key == "" && name == "a server's sign":
				continue // anybody signs up
			case key == "" || key == "optin_no_key_at_all":
				want, code = 401, "api_key_required"
			case key == clubKey:
				want, code = 403, "api_key_of_another_site"
			case may[key]&row.needs == 0:
				want, code = 403, "api_key_scope"
			}
			headers := []string{"Content-Type", request.MediaJSON}
			if key != "" {
				headers = asSite(key, headers...)
			}
			a := e.send(row.method, row.path, row.body, headers...)
			if a.status != want ||
				(a.header.Get("WWW-Authenticate") != "") != (want == 401 || code == "api_key_scope") {
				t.Errorf("%s with %q: %d %s, want %d", name, key, a.status, a.body, want)
			}
			if code != "" && row.method != "HEAD" {
				if top, _ := a.problem(t); top != code {
					t.Errorf("%s with %q: %s, want %s", name, key, top, code)
				}
			}
		}
		other := e.send(row.method, "/v1/sites/club"+row.path[len("/v1/sites/gazette"):], row.body,
			asSite(gazetteKey, "Content-Type", request.MediaJSON)...)
		if other.status != 403 {
			t.Errorf("%s at another site: %d", name, other.status)
		}
	}
}

func TestOneIsReadResentWithdrawnAndErased(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	first := e.email()
	one := e.subscriptionPath("ada@b.example")
	var st consent.Status
	e.send("GET", one, "", asSite(readKey)...).read(t, 200, &st)
	if st.Email != "ada@b.example" || st.State != consent.Pending || one != signupPath+"/"+st.ID {
		t.Errorf("%+v", st)
	}
	resend := func(email string) {
		t.Helper()
		var said map[string]string
		e.send("POST", one+"/resend", "", asSite(writeKey)...).read(t, 202, &said)
		if said["status"] != "accepted" || said["email"] != email {
			t.Errorf("%v, want %s", said, email)
		}
	}
	resend("not_due")
	e.clock.pass(11 * 60e9)
	resend("enqueued")
	if again := e.email(); again.Confirm != first.Confirm {
		t.Error("another link")
	}
	e.send("POST", e.path(first.Confirm), "")
	e.send("POST", one+"/withdraw", `{"purposes":["letter"]}`,
		asSite(writeKey, "Content-Type", request.MediaJSON)...).read(t, 200, &st)
	if st.State != consent.Withdrawn || e.state("ada@b.example") != consent.Withdrawn {
		t.Errorf("%+v", st)
	}
	if a := e.send("DELETE", one, "", asSite(writeKey)...); a.status != 204 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if s := e.subscription(); !s.Address.IsZero() || s.State(e.clock.now()) != consent.Withdrawn ||
		len(s.Requests)+len(s.Consents) > 0 {
		t.Errorf("left: %+v", s)
	}
	e.signUp("bob@b.example")
	two := e.subscriptionPath("bob@b.example")
	for i, want := range []int{204, 204, 404} {
		if i == 2 {
			e.clock.pass(25 * time.Hour)
		}
		if a := e.send("DELETE", two, "", asSite(gazetteKey)...); a.status != want {
			t.Errorf("erasing bob, time %d: %d", i+1, a.status)
		}
	}
	if a := e.send("GET", two, "", asSite(gazetteKey)...); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAWithdrawalKeepsHowThePersonToldTheWebsite(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	e.send("POST", e.path(e.email().Confirm), "")
	e.clock.pass(time.Hour)
	told := e.clock.now().Add(-20 * time.Minute)
	body := fmt.Sprintf(`{"channel":"email","method":"asked our desk","at":%q}`, told.Format(time.RFC3339))
	var st consent.Status
	e.send("POST", e.subscriptionPath("ada@b.example")+"/withdraw", body,
		asSite(writeKey, "Content-Type", request.MediaJSON)...).read(t, 200, &st)
	if st.State != consent.Withdrawn { // no purpose is named, so all are meant
		t.Errorf("%+v", st)
	}
	ended := e.subscription().Consents[0].Ended
	if ended.How != consent.ByServer || ended.Channel != "" || ended.Detail != "asked our desk" ||
		!ended.At.Equal(e.clock.now()) || ended.Attested == nil || !ended.Attested.At.Equal(told) {
		t.Errorf("%+v", ended)
	}
}

func TestWhatACallDoesNotTakeIsRefused(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	one := e.subscriptionPath("ada@b.example")
	for name, row := range map[string]struct {
		method, path, body string
		status             int
		code               string
		field              string
	}{
		"unknown state":        {"GET", signupPath + "?state=maybe", "", 422, "choice_unknown", "choice_unknown"},
		"unknown purpose":      {"GET", signupPath + "?purpose=nope", "", 422, "choice_unknown", "choice_unknown"},
		"limit of nothing":     {"GET", signupPath + "?limit=0", "", 422, "number_invalid", "number_invalid"},
		"limit of too much":    {"GET", signupPath + "?limit=1001", "", 422, "number_invalid", "number_invalid"},
		"no time":              {"GET", signupPath + "?from=yesterday", "", 422, "time_invalid", "time_invalid"},
		"a mistyped parameter": {"GET", signupPath + "?stat=pending", "", 400, "query_invalid", ""},
		"a parameter twice":    {"GET", signupPath + "?state=pending&state=confirmed", "", 400, "query_invalid", ""},
		"a forged cursor":      {"GET", signupPath + "?cursor=AAAA", "", 400, "cursor_invalid", ""},
		"an injected cursor":   {"GET", signupPath + "?cursor=%27%20OR%201%3D1", "", 400, "cursor_invalid", ""},
		"to no time at all": {"GET", signupPath + "?to=0001-01-01T00:00:00Z", "", 422, "time_invalid",
			"time_invalid"},
		"one with a question": {"GET", one + "?x=1", "", 400, "query_invalid", ""},
		"unknown format": {"GET", "/v1/sites/gazette/export?format=xlsx", "", 422, "choice_unknown",
			"choice_unknown"},
		"no date": {"GET", "/v1/sites/gazette/stats?from=2026-13-01", "", 422, "date_invalid",
			"date_invalid"},
		"from after to": {"GET", "/v1/sites/gazette/stats?from=2026-11-02&to=2026-11-01", "", 422,
			"span_invalid", "span_invalid"},
		"more than a year": {"GET", "/v1/sites/gazette/stats?from=2025-01-01&to=2026-11-01", "", 422,
			"span_invalid", "span_invalid"},
		"resend with a field": {"POST", one + "/resend", `{"email":"eve@b.example"}`, 422, "field_unknown",
			"field_unknown"},
		"resend with a body": {"POST", one + "/resend", `email=eve@b.example`, 400, "body_not_taken", ""},
		"erase with a field": {"DELETE", one, `{"all":true}`, 422, "field_unknown", "field_unknown"},
		"erase with a body":  {"DELETE", one, `[]`, 400, "body_not_taken", ""},
		"withdraw nothing": {"POST", one + "/withdraw", `{"purposes":[]}`, 422, "purpose_required",
			"purpose_required"},
		"withdraw, misspelt": {"POST", one + "/withdraw", `{"purpose":["letter"]}`, 422, "field_unknown",
			"field_unknown"},
		"withdraw, in capitals": {"POST", one + "/withdraw", `{"Purposes":["letter"]}`, 422, "field_repeated",
			"field_repeated"},
		"withdraw by pigeon": {"POST", one + "/withdraw", `{"channel":"pigeon"}`, 422,
			"choice_unknown", "choice_unknown"},
		"withdraw with a novel": {"POST", one + "/withdraw", `{"method":"` + strings.Repeat("x", 257) + `"}`, 422,
			"text_too_long", "text_too_long"},
		"withdraw by lines": {"POST", one + "/withdraw", `{"method":"a\nb"}`, 422, "field_invalid", "field_invalid"},
		"withdraw some day": {"POST", one + "/withdraw", `{"at":"monday"}`, 422, "time_invalid", "time_invalid"},
		"withdraw tomorrow": {"POST", one + "/withdraw", `{"at":"2026-11-22T18:00:00Z"}`, 422, "time_in_the_future",
			"time_in_the_future"},
		"withdraw what is not": {"POST", one + "/withdraw", `{"purposes":["nope"]}`, 422, "purpose_unknown",
			"purpose_unknown"},
		"withdraw, no JSON": {"POST", one + "/withdraw", `purposes`, 400, "unreadable", ""},
		"resend to nobody": {"POST", signupPath + "/AAAAAAAAAAAAAAAAAAAAAA/resend", "", 404, "subscription_unknown",
			""},
		"withdraw nobody": {"POST", signupPath + "/AAAAAAAAAAAAAAAAAAAAAA/withdraw", "", 404,
			"subscription_unknown", ""},
		"erase nobody":       {"DELETE", signupPath + "/AAAAAAAAAAAAAAAAAAAAAA", "", 404, "subscription_unknown", ""},
		"an id that is none": {"GET", signupPath + "/x", "", 404, "subscription_unknown", ""},
	} {
		a := e.send(row.method, row.path, row.body, asSite(gazetteKey, "Content-Type", request.MediaJSON)...)
		top, fields := a.problem(t)
		if a.status != row.status || top != row.code || row.field != "" &&
			(len(fields) != 1 || fields[0] != row.field) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := e.send("PATCH", one, "", asSite(gazetteKey)...); a.status != http.StatusMethodNotAllowed {
		t.Errorf("PATCH: %d", a.status)
	}
	if e.state("ada@b.example") != consent.Pending {
		t.Error("something was changed")
	}
}
