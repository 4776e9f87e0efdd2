package templates

import (
	"strconv"
	"time"
)

// when writes a moment in UTC, to the minute: "21 November 2026, 18:02 UTC". The zone is named because the reader's is not known.
func (t *tongue) when(at time.Time) (string, error) {
	at = at.UTC()
	month, err := t.say("date.month." + strconv.Itoa(int(at.Month())))
	if err != nil {
		return "", err
	}
	day := strconv.Itoa(at.Day())
	if at.Day() == 1 {
		if day, err = t.say("date.first"); err != nil {
			return "", err
		}
	}
	return t.say("date.moment", "Day", day, "Month", month, "Year", at.Year(), "Hour", at.Format("15"), "Minute", at.Format("04"))
}

// lasts writes a duration in its one or two largest units, rounded up to the smaller one: "48 hours", "3 days and 12 hours". Up
// to two days are told in hours, as deadlines commonly are. Below a minute, seconds; never less than one.
func (t *tongue) lasts(d time.Duration) (string, error) {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return t.count("duration.second", max(1, up(d, time.Second)))
	case d <= time.Hour-time.Minute:
		return t.count("duration.minute", up(d, time.Minute))
	case d <= 2*day:
		n := up(d, time.Minute)
		return t.two("duration.hour", n/60, "duration.minute", n%60)
	default:
		n := up(d, time.Hour)
		return t.two("duration.day", n/24, "duration.hour", n%24)
	}
}

// two writes n of a larger unit and m of a smaller, leaving out none of the smaller.
func (t *tongue) two(larger string, n int, smaller string, m int) (string, error) {
	first, err := t.count(larger, n)
	if err != nil || m == 0 {
		return first, err
	}
	second, err := t.count(smaller, m)
	if err != nil {
		return "", err
	}
	return t.say("duration.two", "First", first, "Second", second)
}

func up(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
