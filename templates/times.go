package templates

import (
	"strings"
	"time"

	"github.com/optin/optin/internal/skeleton"
)

// Dates returns how the language nearest to locale writes moments.
func (s *Set) Dates(locale string) (skeleton.Dates, error) { return s.translation(locale).dates() }

func (t *translation) readDates() (d skeleton.Dates, err error) {
	for month := range d.Months {
		d.Months[month] = t.other(monthKey(month))
	}
	if d.First = t.other("date.first"); d.First == "" {
		d.First = "1"
	}
	d.AM, d.PM = t.other("date.am"), t.other("date.pm")
	d.Pattern = strings.NewReplacer(
		"{{.Day}}", skeleton.Day, "{{.Month}}", skeleton.Month, "{{.Year}}", skeleton.Year,
		"{{.Hour}}", skeleton.Hour, "{{.HourShort}}", skeleton.HourShort, "{{.Hour12}}", skeleton.Hour12,
		"{{.DayPeriod}}", skeleton.DayPeriod, "{{.Minute}}", skeleton.Minute,
	).Replace(t.other("date.moment")) + " (UTC)"
	return d, d.Check()
}

// moment writes a time in UTC, to the minute: "21 November 2026 at 18:02 (UTC)". The zone is named because the reader's is
// not known.
func (t *translation) moment(at time.Time) (string, error) {
	d, err := t.dates()
	if err != nil {
		return "", err
	}
	return string(d.Append(nil, at)), nil
}

// stateSince writes a state and the moment since which it holds, which is in words already.
func (t *translation) stateSince(state, when string) (string, error) {
	label, err := t.state(state, time.Time{})
	if err != nil {
		return "", err
	}
	return t.text("state.since", "State", label, "When", when)
}

// duration writes a duration in its one or two largest units, rounded up to the smaller one: "48 hours", "3 days and 12
// hours". Up to two days are written in hours, as deadlines commonly are; below a minute in seconds, and never less
// than one.
func (t *translation) duration(d time.Duration) (string, error) {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return t.plural("duration.second", max(1, ceilDiv(d, time.Second)))
	case d <= time.Hour-time.Minute:
		return t.plural("duration.minute", ceilDiv(d, time.Minute))
	case d <= 2*day:
		n := ceilDiv(d, time.Minute)
		return t.twoUnits("duration.hour", n/60, "duration.minute", n%60)
	default:
		n := ceilDiv(d, time.Hour)
		return t.twoUnits("duration.day", n/24, "duration.hour", n%24)
	}
}

// twoUnits writes n of a larger unit and m of a smaller one, or the larger alone if m is zero.
func (t *translation) twoUnits(larger string, n int, smaller string, m int) (string, error) {
	first, err := t.plural(larger, n)
	if err != nil || m == 0 {
		return first, err
	}
	second, err := t.plural(smaller, m)
	if err != nil {
		return "", err
	}
	return t.list(first, second), nil
}

// ceilDiv returns how many units a duration has, rounded up.
func ceilDiv(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
