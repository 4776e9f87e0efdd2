package skeleton

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Dates is how a language writes moments.
type Dates struct {
	Pattern string // with Day, Month and the others in their places; it names the zone
	First   string // the day that is the first of a month
	AM, PM  string // the halves of the day, for a Pattern with DayPeriod
	Months  [12]string
	Zone    Zone
}

// What stands in a Pattern for the parts of a moment. HourShort is the hour without a leading zero; Hour12 is that of a
// clock with twelve hours.
const (
	Day       = "\x01"
	Month     = "\x02"
	Year      = "\x03"
	Hour      = "\x04"
	Minute    = "\x05"
	HourShort = "\x06"
	Hour12    = "\x07"
	DayPeriod = "\x08"
)

// Append appends a moment in words, in the zone and to the minute: "21 November 2026 at 18:02 (UTC)".
func (d *Dates) Append(b []byte, at time.Time) []byte {
	at = at.UTC().Add(d.Zone.offset(at))
	year, month, day := at.Date()
	hour, minute, _ := at.Clock()
	for i := range len(d.Pattern) {
		switch c := d.Pattern[i]; c {
		case Day[0]:
			if day == 1 {
				b = append(b, d.First...)
			} else {
				b = appendNumber(b, day)
			}
		case Month[0]:
			b = append(b, d.Months[month-1]...)
		case Year[0]:
			b = appendNumber(b, year)
		case Hour[0]:
			b = append(b, byte('0'+hour/10), byte('0'+hour%10))
		case HourShort[0]:
			b = appendNumber(b, hour)
		case Hour12[0]:
			b = appendNumber(b, (hour+11)%12+1)
		case DayPeriod[0]:
			if hour < 12 {
				b = append(b, d.AM...)
			} else {
				b = append(b, d.PM...)
			}
		case Minute[0]:
			b = append(b, byte('0'+minute/10), byte('0'+minute%10))
		default:
			b = append(b, c)
		}
	}
	return b
}

// MomentPunctuation is what a moment in words may have besides letters, digits and characters beyond ASCII: none that
// is escaped in a text or a quoted attribute of HTML.
const MomentPunctuation = "-._/:,;() "

// Check returns an error for words that would have to be escaped in an email.
func (d *Dates) Check() error {
	words := append(d.Months[:], d.First, d.Pattern)
	if strings.Contains(d.Pattern, DayPeriod) {
		words = append(words, d.AM, d.PM)
	}
	parts := strings.NewReplacer(Day, "x", Month, "x", Year, "x", Hour, "x", Minute, "x", HourShort, "x", Hour12, "x",
		DayPeriod, "x")
	for _, w := range words {
		w = parts.Replace(w)
		if w == "" || w != strings.TrimSpace(w) || !utf8.ValidString(w) || !consistsOf(w, MomentPunctuation, true) {
			return fmt.Errorf("skeleton: a moment cannot be written as %q", w)
		}
	}
	if !slices.IsSortedFunc(d.Zone, func(a, b Offset) int { return a.From.Compare(b.From) }) {
		return errors.New("skeleton: the offsets of a zone are not in their order")
	}
	return nil
}

// Zone is a time zone as it was known when a skeleton was made: what its clocks are ahead of UTC, from when. Before the
// first of them the first holds. An empty Zone is UTC.
type Zone []Offset

// Offset is what clocks are ahead of UTC from a moment on.
type Offset struct {
	From  time.Time // in whole seconds
	Ahead time.Duration
}

// ZoneOf returns a zone from the beginning of one year to the end of another.
func ZoneOf(l *time.Location, first, last int) Zone {
	if l == nil || l == time.UTC {
		return nil
	}
	ahead := func(at time.Time) time.Duration {
		_, seconds := at.In(l).Zone()
		return time.Duration(seconds) * time.Second
	}
	newYear := func(year int) time.Time { return time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC) }
	at, end := newYear(first), newYear(last+1)
	z := Zone{{From: at, Ahead: ahead(at)}}
	// Day by day, since Time.ZoneBounds does not get beyond the turn of some years.
	for ; at.Before(end); at = at.AddDate(0, 0, 1) {
		next := at.AddDate(0, 0, 1)
		if ahead(next) == z[len(z)-1].Ahead {
			continue
		}
		seconds := sort.Search(24*3600, func(n int) bool {
			return ahead(at.Add(time.Duration(n)*time.Second)) != z[len(z)-1].Ahead
		})
		from := at.Add(time.Duration(seconds) * time.Second)
		z = append(z, Offset{From: from, Ahead: ahead(from)})
	}
	return z
}

func (z Zone) offset(at time.Time) time.Duration {
	if len(z) == 0 {
		return 0
	}
	ahead := z[0].Ahead
	for _, o := range z {
		if at.Before(o.From) {
			break
		}
		ahead = o.Ahead
	}
	return ahead
}

// String returns the zone as a skeleton has it: pairs of seconds since 1970 and seconds ahead of UTC, as in
// "1774746000+7200 1792890000+3600".
func (z Zone) String() string {
	var b []byte
	for i, o := range z {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, o.From.Unix(), 10)
		ahead := int64(o.Ahead / time.Second)
		if ahead >= 0 {
			b = append(b, '+')
		}
		b = strconv.AppendInt(b, ahead, 10)
	}
	return string(b)
}

// parseZone reads what String wrote.
func parseZone(s string) (Zone, bool) {
	var z Zone
	for pair := range strings.FieldsSeq(s) {
		at := strings.LastIndexAny(pair, "+-")
		if at <= 0 {
			return nil, false
		}
		from, err := strconv.ParseInt(pair[:at], 10, 64)
		ahead, errAhead := strconv.ParseInt(pair[at:], 10, 32)
		if err != nil || errAhead != nil {
			return nil, false
		}
		z = append(z, Offset{From: time.Unix(from, 0).UTC(), Ahead: time.Duration(ahead) * time.Second})
	}
	return z, true
}

// consistsOf reports whether s has only ASCII letters and digits, the given punctuation and, if wanted, characters
// beyond ASCII.
func consistsOf(s, punctuation string, beyondASCII bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', beyondASCII && c >= utf8.RuneSelf:
		case strings.IndexByte(punctuation, c) < 0:
			return false
		}
	}
	return true
}
