package templates

import (
	"strconv"
	"strings"
	"time"
)

// dates is how a language writes moments.
type dates struct {
	moment cut // with holes for day, month, year, hour, minute
	first  string
	months [12]string
}

func (t *tongue) readDates() (d dates, err error) {
	for i := range d.months {
		if d.months[i], err = t.say("date.month." + strconv.Itoa(i+1)); err != nil {
			return dates{}, err
		}
	}
	if d.first, err = t.say("date.first"); err != nil {
		return dates{}, err
	}
	m := marks("mark", 5, 0)
	moment, err := t.say("date.moment", "Day", m[0], "Month", m[1], "Year", m[2], "Hour", m[3], "Minute", m[4])
	d.moment = cutAt(moment, m)
	return d, err
}

// when writes a moment in UTC, to the minute: "21 November 2026, 18:02 UTC". The zone is named because the reader's is not known.
func (t *tongue) when(at time.Time) (string, error) {
	d, err := t.dates()
	if err != nil {
		return "", err
	}
	at = at.UTC()
	day := strconv.Itoa(at.Day())
	if at.Day() == 1 {
		day = d.first
	}
	clock := at.Format("15:04")
	words := []string{day, d.months[at.Month()-1], strconv.Itoa(at.Year()), clock[:2], clock[3:]}
	var b strings.Builder
	b.Grow(d.moment.size(words))
	d.moment.fill(&b, words)
	return b.String(), nil
}

// since says a state and the moment, in words, since when it holds.
func (t *tongue) since(state, when string) (string, error) {
	label, err := t.state(state, time.Time{})
	if err != nil {
		return "", err
	}
	return t.say("state.since", "State", label, "When", when)
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
