package admin

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm"
)

func TestAPartIsRoundedAndNeitherNothingNorAllWhereItIsNot(t *testing.T) {
	for _, row := range []struct {
		part, whole int64
		want        string
	}{
		{0, 0, ""}, {1, 0, ""}, {2, 1, ""}, {0, 9, "0 %"}, {9, 9, "100 %"},
		{1, 2, "50 %"}, {1, 3, "33 %"}, {2, 3, "67 %"},
		{1, 8, "13 %"}, {1, 1000, "under 1 %"}, {1, 200, "1 %"}, {1, 201, "under 1 %"}, {999, 1000, "over 99 %"},
		{199, 200, "over 99 %"}, {198, 200, "99 %"},
	} {
		if got := percentOf(row.part, row.whole); got != row.want {
			t.Errorf("%d of %d is %q, want %q", row.part, row.whole, got, row.want)
		}
	}
}

func TestAChangeIsSaidInWords(t *testing.T) {
	for _, row := range []struct {
		now, before int64
		want        string
	}{
		{0, 0, ""}, {5, 5, "as before"}, {5, 0, "none before"}, {0, 5, "down 100 %"}, {6, 5, "up 20 %"},
		{4, 5, "down 20 %"},
		{1001, 1000, "up 1 %"}, {999, 1000, "down 1 %"}, {3, 2, "up 50 %"}, {9, 2, "4 times as many"},
		{6, 2, "up 200 %"},
	} {
		if got := change(row.now, row.before); got != row.want {
			t.Errorf("%d after %d is %q, want %q", row.now, row.before, got, row.want)
		}
	}
}

func TestABarIsAsLongAsItsNumberAndCanBeSeen(t *testing.T) {
	for _, row := range [][3]int64{{0, 9, 0}, {9, 9, 1000}, {1, 2, 500}, {1, 100_000, 4}, {20, 9, 1000}} {
		if got := width(row[0], row[1]); int64(got) != row[2] {
			t.Errorf("%d of %d is %d wide, want %d", row[0], row[1], got, row[2])
		}
	}
}

func TestAPeriodIsComparedWithAsManyDaysBefore(t *testing.T) {
	today := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	f := newFlow(periods()[2])
	for day, signups := range map[string]int64{
		"2026-11-21": 1, "2026-11-15": 10, "2026-11-14": 100, "2026-11-08": 1000, "2026-11-07": 10_000,
	} {
		at, _ := time.Parse(time.DateOnly, day)
		f.add([]confirm.Day{{At: at, Signups: signups, Emails: 2 * signups, Confirmations: signups}}, today)
	}
	want := confirm.Day{Signups: 11, Emails: 22, Confirmations: 11}
	if diff := cmp.Diff(want, f.now); diff != "" {
		t.Error(diff)
	}
	want = confirm.Day{Signups: 1100, Emails: 2200, Confirmations: 1100}
	if diff := cmp.Diff(want, f.before); diff != "" {
		t.Error(diff)
	}
}
