package templates

import (
	"strconv"
	"strings"
	"time"
)

// dates is how a language writes moments.
type dates struct {
	moment       pattern // with slots for day, month, year, hour, minute
	firstOfMonth string
	months       [12]string
}

func (t *translation) readDates() (d dates, err error) {
	for i := range d.months {
		if d.months[i], err = t.text("date.month." + strconv.Itoa(i+1)); err != nil {
			return dates{}, err
		}
	}
	if d.firstOfMonth, err = t.text("date.first"); err != nil {
		return dates{}, err
	}
	m := markers("mark", 5, 0)
	moment, err := t.text("date.moment", "Day", m[0], "Month", m[1], "Year", m[2], "Hour", m[3], "Minute", m[4])
	d.moment = newPattern(moment, m)
	return d, err
}

// moment writes a time in UTC, to the minute: "21 November 2026, 18:02 UTC". The zone is named because the reader's is not known.
func (t *translation) moment(at time.Time) (string, error) {
	d, err := t.dates()
	if err != nil {
		return "", err
	}
	at = at.UTC()
	day := strconv.Itoa(at.Day())
	if at.Day() == 1 {
		day = d.firstOfMonth
	}
	clock := at.Format("15:04")
	values := []string{day, d.months[at.Month()-1], strconv.Itoa(at.Year()), clock[:2], clock[3:]}
	var b strings.Builder
	b.Grow(d.moment.size(values))
	d.moment.fill(&b, values)
	return b.String(), nil
}

// stateSince writes a state and the moment since which it holds, which is in words already.
func (t *translation) stateSince(state, when string) (string, error) {
	label, err := t.state(state, time.Time{})
	if err != nil {
		return "", err
	}
	return t.text("state.since", "State", label, "When", when)
}

// duration writes a duration in its one or two largest units, rounded up to the smaller one: "48 hours", "3 days and 12 hours". Up to
// two days are written in hours, as deadlines commonly are; below a minute in seconds, and never less than one.
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
	return t.text("duration.two", "First", first, "Second", second)
}

// ceilDiv returns how many units a duration has, rounded up.
func ceilDiv(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
