package templates

import (
	"fmt"
	"html/template"
	"strconv"
	"time"
)

// adminFuncs is all that the dashboard's templates may call, besides what html/template has itself.
func adminFuncs() template.FuncMap {
	return template.FuncMap{"asset": assetPath, "moment": moment, "stamp": stamp, "ago": ago, "lasts": inWords, "within": within, "count": count, "some": some}
}

// moment writes a time in UTC, to the minute.
func moment(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

// stamp writes it for a time element.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// ago writes how long something has been, rounded down.
func ago(now, at time.Time) string {
	if d := now.Sub(at); d >= time.Minute {
		return span(d) + " ago"
	}
	return "just now" // or, by another machine's clock, in a moment
}

// inWords writes how long something takes, rounded up.
func inWords(d time.Duration) string {
	if d <= time.Minute {
		return count(max(1, up(d, time.Second)), "second")
	}
	return span(d + time.Minute - 1)
}

// span writes a minute or more in its largest unit, up to two days in hours.
func span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return count(int(d/time.Minute), "minute")
	case d <= 48*time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/(24*time.Hour)), "day")
}

// count writes how many there are of something that has an s for several.
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// some writes a number that may be a limit.
func some(s BoundedCount) string {
	if s.More {
		return fmt.Sprintf("more than %d", s.N)
	}
	return strconv.Itoa(s.N)
}

// within says a bucket of the time to confirm; one that is not known, by its name.
func within(bucket string) string {
	words, ok := map[string]string{
		"": "–", "1m": "under a minute", "10m": "1 to 10 minutes", "1h": "10 minutes to an hour", "24h": "1 to 24 hours", "later": "over a day",
	}[bucket]
	if !ok {
		return bucket
	}
	return words
}
