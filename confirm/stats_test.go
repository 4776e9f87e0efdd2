package confirm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

// days returns what was counted at the gazette from one day to another.
func (env *env) days(from, to string) ([]confirm.Day, error) {
	env.t.Helper()
	first, err := time.Parse(time.DateOnly, from)
	if err != nil {
		env.t.Fatal(err)
	}
	last, err := time.Parse(time.DateOnly, to)
	if err != nil {
		env.t.Fatal(err)
	}
	return env.Statistics.By(env.t.Context(), "gazette", store.ByDay, first, last)
}

func TestStatsAreByDayAndPurpose(t *testing.T) {
	env := newEnv(t)
	env.signUp("ada@example.org", "letter", "offers")
	first := env.email()
	env.later(24 * time.Hour)
	env.signUp("bob@example.org", "letter")
	if _, err := env.confirm(tokenOf(first.Confirm)); err != nil {
		t.Fatal(err)
	}
	got, err := env.days("2026-11-21", "2026-11-30")
	if err != nil {
		t.Fatal(err)
	}
	within := func(later int64) confirm.TimeToConfirm {
		return confirm.TimeToConfirm{Seconds: later * 86400, Within: []confirm.WithinCount{
			{Under: "1m"}, {Under: "10m"}, {Under: "1h"}, {Under: "24h"}, {Under: "later", Count: later},
		}}
	}
	want := []confirm.Day{
		{
			Day: "2026-11-21", At: start.Truncate(24 * time.Hour), Signups: 1, Emails: 1, TimeToConfirm: within(0),
			Purposes: []confirm.PurposeCount{{ID: "letter", Signups: 1}, {ID: "offers", Signups: 1}},
		},
		{
			Day: "2026-11-22", At: start.Truncate(24*time.Hour).AddDate(0, 0, 1), Signups: 1, Confirmations: 1,
			TimeToConfirm: within(1),
			Purposes: []confirm.PurposeCount{
				{ID: "letter", Signups: 1, Confirmations: 1}, {ID: "offers", Confirmations: 1},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	none, err := env.days("2026-11-23", "2026-11-30")
	if err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func TestTrendsAreByEveryDimensionAndOfOneValue(t *testing.T) {
	env := newEnv(t)
	signUp := func(n int, domain, locale string, purposes ...string) {
		for i := range n {
			s := signupOf(fmt.Sprintf("person%d%s@%s", i, locale, domain), purposes...)
			s.Locale = locale
			if err := env.Person.SignUp(t.Context(), "gazette", s); err != nil {
				t.Fatal(err)
			}
		}
	}
	signUp(5, "gmail.com", "fr", "letter")
	signUp(4, "outlook.com", "en", "letter", "offers") // too few to be told apart
	job := env.emails(9)[0]
	if err := env.Relay.Undeliverable(t.Context(), job, "550 no such user"); err != nil {
		t.Fatal(err)
	}
	env.later(24 * time.Hour)
	signUp(1, "lovelace.example", "en", "offers")
	trends := func(of confirm.Value) confirm.Trends {
		got, err := env.Statistics.Trends(t.Context(), []string{"gazette"}, start, env.clock(), of)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	text := env.StatementSum("gazette", "offers", "en")
	all := trends(confirm.Value{})
	part := func(id string, signups int64) confirm.Part { return confirm.Part{ID: id, Signups: signups} }
	for name, row := range map[string]struct{ got, want []confirm.Part }{
		"purposes":  {all.Purposes, []confirm.Part{part("letter", 9), part("offers", 5)}},
		"languages": {all.Languages, []confirm.Part{part("en", 5), part("fr", 5)}},
		"forms":     {all.Forms, []confirm.Part{part("other", 10)}},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if p := all.Providers; len(p) != 2 || p[0].ID != "gmail.com" || p[0].Signups != 5 || p[1].ID != "other" ||
		p[1].Signups != 5 || p[0].Undeliverable+p[1].Undeliverable != 1 {
		t.Errorf("providers are %+v", p)
	}
	if len(all.Texts) != 3 {
		t.Errorf("texts are %+v", all.Texts)
	}
	for of, want := range map[confirm.Value][]int64{
		{}:                                     {9, 1},
		{Dimension: "language", ID: "en"}:      {4, 1},
		{Dimension: "language", ID: "fr"}:      {5},
		{Dimension: "purpose", ID: "offers"}:   {4, 1},
		{Dimension: "text", ID: text}:          {4, 1},
		{Dimension: "provider", ID: "nowhere"}: nil,
	} {
		var got []int64
		for _, day := range trends(of).Days {
			got = append(got, day.Signups)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("days of %v (-want +got):\n%s", of, diff)
		}
	}
}
