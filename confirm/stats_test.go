package confirm_test

import (
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
