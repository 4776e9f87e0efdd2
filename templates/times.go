package templates

import (
	"fmt"
	"strings"
	"time"

	"github.com/optin/optin/internal/skeleton"
)

// Dates returns how the language nearest to locale writes moments in a time zone; nil is UTC.
func (s *Set) Dates(locale string, zone *time.Location) (skeleton.Dates, error) {
	return s.translation(locale).dates(zone)
}

// Years of which a zone's changes of the clock are written down: emails name no moment before optin was there, and a
// link is valid for a month.
const firstYear, lastYear = 2024, 2045

// dates reads how the language writes moments in a zone. The zone is named, because the reader's is not known.
func (t *translation) dates(zone *time.Location) (skeleton.Dates, error) {
	name := "UTC"
	if zone != nil {
		name = zone.String()
	}
	if known, ok := t.byZone.Load(name); ok {
		return known.(skeleton.Dates), nil
	}
	d := skeleton.Dates{
		First: t.other("date.first"), AM: t.other("date.am"), PM: t.other("date.pm"),
		Zone: skeleton.ZoneOf(zone, firstYear, lastYear),
	}
	if d.First == "" {
		d.First = "1"
	}
	for month := range d.Months {
		d.Months[month] = t.other(monthKey(month))
	}
	d.Pattern = strings.NewReplacer(
		"{{.Day}}", skeleton.Day, "{{.Month}}", skeleton.Month, "{{.Year}}", skeleton.Year,
		"{{.Hour}}", skeleton.Hour, "{{.HourShort}}", skeleton.HourShort, "{{.Hour12}}", skeleton.Hour12,
		"{{.DayPeriod}}", skeleton.DayPeriod, "{{.Minute}}", skeleton.Minute,
	).Replace(t.other("date.moment")) + " (" + t.city(name) + ")"
	err := d.Check()
	if err == nil {
		t.byZone.Store(name, d)
	}
	return d, err
}

// city returns the name of a zone for people: that of its city, as in "Paris" for Europe/Paris.
func (t *translation) city(zone string) string {
	if city := t.other(cityPrefix + zone); city != "" {
		return city
	}
	return strings.ReplaceAll(zone[strings.LastIndexByte(zone, '/')+1:], "_", " ")
}

// moment writes a time to the minute: "21 November 2026 at 18:02 (UTC)".
func (t *translation) moment(at time.Time, zone *time.Location) (string, error) {
	d, err := t.dates(zone)
	if err != nil {
		return "", err
	}
	return string(d.Append(nil, at)), nil
}

// exactly writes a time to the second: "21 November 2026 at 18:02:11 (UTC)". Seconds follow minutes as these follow
// hours.
func (t *translation) exactly(at time.Time, zone *time.Location) (string, error) {
	d, err := t.dates(zone)
	if err != nil {
		return "", err
	}
	minute := strings.Index(d.Pattern, skeleton.Minute)
	hour := strings.LastIndexAny(d.Pattern[:minute], skeleton.Hour+skeleton.HourShort+skeleton.Hour12)
	seconds := d.Pattern[hour+1:minute] + fmt.Sprintf("%02d", at.Second())
	d.Pattern = d.Pattern[:minute+1] + seconds + d.Pattern[minute+1:]
	return string(d.Append(nil, at)), nil
}

// stateSince writes a state and the moment since which it holds, which is in words already.
func (t *translation) stateSince(state, when string) string {
	return t.text("state.since", "State", t.state(state), "When", when)
}

// duration writes a duration in its one or two largest units, rounded up to the smaller one: "48 hours", "3 days and 12
// hours". Up to two days are written in hours, as deadlines commonly are; below a minute in seconds, and never less
// than one.
func (t *translation) duration(d time.Duration) string {
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
func (t *translation) twoUnits(larger string, n int, smaller string, m int) string {
	first := t.plural(larger, n)
	if m == 0 {
		return first
	}
	return t.list(first, t.plural(smaller, m))
}

// ceilDiv returns how many units a duration has, rounded up.
func ceilDiv(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
