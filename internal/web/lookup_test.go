package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/web/request"
)

func TestAKeySeesItsOwnSiteOnly(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	const ask = `{"email":"ada@b.example"}`
	for name, row := range map[string]struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		"no key":         {"gazette", ask, nil, 401, "api_key_required"},
		"an empty key":   {"gazette", ask, []string{"Authorization", "Bearer "}, 401, "api_key_required"},
		"no scheme":      {"gazette", ask, []string{"Authorization", gazetteKey}, 401, "api_key_required"},
		"another scheme": {"gazette", ask, []string{"Authorization", "Basic " + gazetteKey}, 401, "api_key_required"},
		"an unknown key": {"gazette", ask, []string{"Authorization", "Bearer " + gazetteKey + "x"}, 401,
			"api_key_required"},
		"part of a key": {"gazette", ask, []string{"Authorization", "Bearer " + gazetteKey[:10]}, 401,
			"api_key_required"},
		"two keys": {"gazette", ask,
			[]string{"Authorization", "Bearer " + clubKey, "Authorization", "Bearer " + gazetteKey}, 401,
			"api_key_required"},
		"a key in the URL": {"gazette/lookup?api_key=" + gazetteKey, ask, nil, 401, "api_key_required"},
		"another's key": {"gazette", ask, []string{"Authorization", "Bearer " + clubKey}, 403,
			"api_key_of_another_site"},
		"no such site": {"other", ask, []string{"Authorization", "Bearer " + clubKey}, 403,
			"api_key_of_another_site"},
		"no such site, no": {"other", ask, nil, 401, "api_key_required"},
		"unknown address": {"gazette", `{"email":"bob@b.example"}`, []string{"Authorization", "Bearer " + gazetteKey},
			404, "subscription_unknown"},
		"no address": {"gazette", `{}`, []string{"Authorization", "Bearer " + gazetteKey}, 422, "email_required"},
		"two addresses": {"gazette", `{"email":["a@b.example","c@d.example"]}`,
			[]string{"Authorization", "Bearer " + gazetteKey}, 422, "email_invalid"},
		"a form": {"gazette", "email=ada@b.example",
			[]string{"Authorization", "Bearer " + gazetteKey, "Content-Type", request.MediaForm}, 415,
			"media_type_not_supported"},
	} {
		path := "/v1/sites/" + row.path
		if !strings.Contains(path, "/lookup") {
			path += "/lookup"
		}
		if !strings.Contains(strings.Join(row.headers, " "), "Content-Type") {
			row.headers = append(row.headers, "Content-Type", request.MediaJSON)
		}
		a := e.send("POST", path, row.body, row.headers...)
		if top, _ := a.problem(t); a.status != row.status || top != row.code ||
			(a.header.Get("WWW-Authenticate") != "") != (a.status == 401) {
			t.Errorf("%s: %d %s, WWW-Authenticate %q", name, a.status, a.body, a.header.Get("WWW-Authenticate"))
		}
	}
	look := func() (st consent.Status) {
		a := e.send("POST", "/v1/sites/gazette/lookup", ask, "Content-Type", request.MediaJSON, "Authorization",
			"bearer "+gazetteKey)
		if a.status != 200 || a.media() != request.MediaJSON {
			t.Fatalf("%d %s", a.status, a.body)
		}
		must(t, json.Unmarshal([]byte(a.body), &st))
		return st
	}
	if st := look(); st.State != consent.Pending || st.Email != "ada@b.example" || st.Site != "gazette" ||
		st.ExpiresAt == nil {
		t.Errorf("%+v", st)
	}
	e.send("POST", e.path(e.email().Confirm), "")
	if st := look(); st.State != consent.Confirmed || len(st.Purposes) != 1 ||
		st.Purposes[0].Text != "Receive letter" || st.UnsubscribeURL == nil {
		t.Errorf("%+v", st)
	}
}

// lookupResults is the answer for many addresses.
type lookupResults struct {
	Results []struct {
		Email        string
		Subscription *consent.Status
	}
}

func (e *env) ask(body string) answer {
	e.Helper()
	return e.send("POST", "/v1/sites/gazette/lookup", body, asSite(readKey, "Content-Type", request.MediaJSON)...)
}

func TestManyAreLookedUpInTheirOrder(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	emails := []string{"bob@b.example", "ada@b.example"}
	for i := len(emails); i < confirm.MaxLookup; i++ {
		emails = append(emails, fmt.Sprintf("%s%d@b.example", strings.Repeat("x", 60), i))
	}
	body, _ := json.Marshal(map[string]any{"emails": emails})
	var got lookupResults
	e.ask(string(body)).read(t, 200, &got)
	if len(got.Results) != confirm.MaxLookup {
		t.Fatalf("%d results", len(got.Results))
	}
	for i, r := range got.Results {
		if r.Email != emails[i] || (r.Subscription != nil) != (i == 1) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if st := got.Results[1].Subscription; st.Email != "ada@b.example" || st.State != consent.Pending || st.AsOf != nil {
		t.Errorf("%+v", st)
	}
}

func TestTheDayOfAMailingCanBeAskedForLater(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	e.clock.pass(24 * time.Hour)
	e.send("POST", e.path(e.email().Confirm), "")
	e.clock.pass(24 * time.Hour)
	for at, want := range map[string]consent.State{
		"2026-11-21": consent.Pending, "2026-11-22": consent.Confirmed, "2026-11-23": consent.Confirmed,
		"2026-11-22T17:59:59.999Z":  consent.Pending,
		"2026-11-22T19:00:00+01:00": consent.Confirmed,
	} {
		var st consent.Status
		e.ask(`{"email":"ada@b.example","as_of":"`+at+`"}`).read(t, 200, &st)
		if st.State != want || st.AsOf == nil || st.Complete == nil || !*st.Complete {
			t.Errorf("as of %s: %+v", at, st)
		}
	}
	if a := e.ask(`{"email":"ada@b.example","as_of":"2026-11-20"}`); a.status != 404 {
		t.Errorf("before all: %d %s", a.status, a.body)
	}
	var many lookupResults
	e.ask(`{"emails":["ada@b.example"],"as_of":"2026-11-21"}`).read(t, 200, &many)
	if many.Results[0].Subscription.State != consent.Pending {
		t.Errorf("%+v", many)
	}
}

func TestALookupThatIsWrongSaysWhere(t *testing.T) {
	e := newEnv(t)
	long := `{"emails":["` + strings.Repeat(`a@b.example","`, confirm.MaxLookup) + `a@b.example"]}`
	for body, want := range map[string][2]string{
		`{"emails":[]}`:                                          {"email_required", "emails"},
		`{"emails":"x"}`:                                         {"email_invalid", "emails[0]"},
		`{"emails":["a@b.example","nobody"]}`:                    {"email_invalid", "emails[1]"},
		`{"emails":["a@b.example",1]}`:                           {"field_invalid", "emails"},
		`{"emails":["a@b.example"],"emails":[]}`:                 {"field_repeated", "emails"},
		`{"email":"a@b.example","emails":["c@d.ex"]}`:            {"field_superfluous", "email"},
		`{"email":"a@b.example","as_of":"soon"}`:                 {"time_invalid", "as_of"},
		`{"email":"a@b.example","as_of":7}`:                      {"field_invalid", "as_of"},
		`{"email":"a@b.example","as_of":""}`:                     {"time_invalid", "as_of"},
		`{"email":"a@b.example","as_of":" "}`:                    {"time_invalid", "as_of"},
		`{"email":"a@b.example","As_Of":"2026-11-20"}`:           {"field_repeated", "as_of"},
		`{"email":"a@b.example","as_of":"0001-01-01T00:00:00Z"}`: {"time_invalid", "as_of"},
		`{"email":"a@b.example","as_of":"2027-01-01"}`:           {"time_in_the_future", "as_of"},
		`{"email":"a@b.example","as_of":"2026-11-21T18:00:01Z"}`: {"time_in_the_future", "as_of"},
		`{"email":"a@b.example","at":"2026-11-20"}`:              {"field_unknown", "at"},
		`{"emails":["a@b.example"],"purpose":"letter"}`:          {"field_unknown", "purpose"},
		`{"email":"a@b.example","a@b.example":1}`:                {"field_unknown", "(another)"},
		long: {"emails_too_many", "emails"},
	} {
		a := e.ask(body)
		var p struct{ Errors []struct{ Field string } }
		must(t, json.Unmarshal([]byte(a.body), &p))
		if code, _ := a.problem(t); a.status != 422 || code != want[0] || len(p.Errors) != 1 ||
			p.Errors[0].Field != want[1] {
			t.Errorf("%.60s: %d %s", body, a.status, a.body)
		}
	}
}
