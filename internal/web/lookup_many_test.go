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

// lookupResults is the answer for many addresses.
type lookupResults struct {
	Results []struct {
		Email        string
		Subscription *consent.Status
	}
}

func (w *env) ask(body string) answer {
	w.Helper()
	return w.send("POST", "/v1/sites/gazette/lookup", body, asSite(readKey, "Content-Type", request.MediaJSON)...)
}

func TestManyAreLookedUpInTheirOrder(t *testing.T) {
	w := newEnv(t)
	w.signUp("ada@b.example")
	emails := []string{"bob@b.example", "ada@b.example"}
	for i := len(emails); i < confirm.MaxLookup; i++ {
		emails = append(emails, fmt.Sprintf("%s%d@b.example", strings.Repeat("x", 60), i))
	}
	body, _ := json.Marshal(map[string]any{"emails": emails})
	var got lookupResults
	w.ask(string(body)).read(t, 200, &got)
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
	w := newEnv(t)
	w.signUp("ada@b.example")
	w.clock.pass(24 * time.Hour)
	w.send("POST", w.path(w.email().Confirm), "")
	w.clock.pass(24 * time.Hour)
	for at, want := range map[string]consent.State{
		"2026-11-21": consent.Pending, "2026-11-22": consent.Confirmed, "2026-11-23": consent.Confirmed, "2026-11-22T17:59:59.999Z": consent.Pending,
		"2026-11-22T19:00:00+01:00": consent.Confirmed,
	} {
		var st consent.Status
		w.ask(`{"email":"ada@b.example","as_of":"`+at+`"}`).read(t, 200, &st)
		if st.State != want || st.AsOf == nil || st.Complete == nil || !*st.Complete {
			t.Errorf("as of %s: %+v", at, st)
		}
	}
	if a := w.ask(`{"email":"ada@b.example","as_of":"2026-11-20"}`); a.status != 404 {
		t.Errorf("before all: %d %s", a.status, a.body)
	}
	var many lookupResults
	w.ask(`{"emails":["ada@b.example"],"as_of":"2026-11-21"}`).read(t, 200, &many)
	if many.Results[0].Subscription.State != consent.Pending {
		t.Errorf("%+v", many)
	}
}

func TestALookupThatIsWrongSaysWhere(t *testing.T) {
	w := newEnv(t)
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
		long: {"emails_too_many", "emails"},
	} {
		a := w.ask(body)
		var p struct{ Errors []struct{ Field string } }
		must(t, json.Unmarshal([]byte(a.body), &p))
		if code, _ := a.problem(t); a.status != 422 || code != want[0] || len(p.Errors) != 1 || p.Errors[0].Field != want[1] {
			t.Errorf("%.60s: %d %s", body, a.status, a.body)
		}
	}
}
