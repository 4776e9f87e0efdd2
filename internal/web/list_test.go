package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// list asks for one part of the gazette's listing.
func (e *env) list(query string) (emails []string, next string) {
	e.Helper()
	var got struct {
		Subscriptions []consent.Status
		NextCursor    *string `json:"next_cursor"`
	}
	e.send("GET", signupPath+"?"+query, "", asSite(readKey)...).read(e, http.StatusOK, &got)
	for _, st := range got.Subscriptions {
		emails = append(emails, st.Email)
	}
	if got.NextCursor != nil {
		next = *got.NextCursor
	}
	return emails, next
}

func TestAListIsPagedByCursorsOfItsOwn(t *testing.T) {
	e := newEnv(t)
	for i := range 5 {
		e.signUp(fmt.Sprintf("p%d@b.example", i))
		e.clock.pass(24 * time.Hour)
	}
	first, next := e.list("limit=2")
	second, end := e.list("limit=2&cursor=" + next)
	if diff := cmp.Diff([]string{"p4@b.example", "p3@b.example", "p2@b.example", "p1@b.example"},
		slices.Concat(first, second)); diff != "" {
		t.Error(diff)
	}
	if last, none := e.list("limit=2&cursor=" + end); !slices.Equal(last, []string{"p0@b.example"}) || none != "" {
		t.Errorf("%v, %q", last, none)
	}
	for query, want := range map[string][]string{
		"from=2026-11-24":               {"p4@b.example", "p3@b.example"},
		"to=2026-11-22":                 {"p1@b.example", "p0@b.example"},
		"from=2026-11-22&to=2026-11-22": {"p1@b.example"},
		"to=2026-11-22T18:00:00Z":       {"p0@b.example"},
		"from=" + url.QueryEscape("2026-11-25T19:00:00+01:00"): {"p4@b.example"},
		"state=withdrawn":        nil,
		"purpose=letter&limit=1": {"p4@b.example"},
	} {
		if got, _ := e.list(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, query := range []string{"limit=2&state=pending&cursor=" + next, "cursor=" + next[:len(next)-1],
		"cursor=" + next + "A"} {
		a := e.send("GET", signupPath+"?"+query, "", asSite(readKey)...)
		if code, _ := a.problem(t); a.status != 400 || code != "cursor_invalid" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	club := e.send("GET", "/v1/sites/club/subscriptions?limit=2&cursor="+next, "", asSite(clubKey)...)
	if code, _ := club.problem(t); code != "cursor_invalid" {
		t.Errorf("at another site: %d %s", club.status, club.body)
	}
}

func TestStatisticsTellWhatHappened(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	e.clock.pass(90 * time.Second)
	e.send("POST", e.path(e.email().Confirm), "")
	var got struct {
		From, To string
		Days     []confirm.Day
	}
	e.send("GET", "/v1/sites/gazette/stats", "", asSite(readKey)...).read(t, 200, &got)
	if got.From != "2026-10-23" || got.To != "2026-11-21" || len(got.Days) != 1 {
		t.Fatalf("%+v", got)
	}
	d := got.Days[0]
	if d.Day != "2026-11-21" || d.Signups != 1 || d.Confirmations != 1 || d.TimeToConfirm.Seconds != 90 ||
		d.TimeToConfirm.Within[1].Count != 1 ||
		!slices.Equal(d.Purposes, []confirm.PurposeCount{{ID: "letter", Signups: 1, Confirmations: 1}}) {
		t.Errorf("%+v", d)
	}
	e.send("GET", "/v1/sites/club/stats?from=2026-11-01&to=2026-11-30", "", asSite(clubKey)...).read(t, 200, &got)
	if len(got.Days) != 0 {
		t.Errorf("at another site: %+v", got)
	}
}
