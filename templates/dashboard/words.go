package dashboard

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment writes a time in UTC, to the minute.
func moment(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") }

// precise writes a time in UTC, to the second.
func precise(at time.Time) string { return at.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// rfc3339 writes a time for a time element.
func rfc3339(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// Ago writes how long ago something was, rounded down.
func Ago(now, at time.Time) string {
	if d := now.Sub(at); d >= time.Minute {
		return largestUnit(d) + " ago"
	}
	return "just now" // or, by another machine's clock, in a moment
}

// left writes how much time is left, rounded down.
func left(now, until time.Time) string {
	switch d := until.Sub(now); {
	case d <= 0:
		return "none"
	case d < time.Minute:
		return "under a minute"
	default:
		return largestUnit(d)
	}
}

// DurationInWords writes how long something takes, rounded up.
func DurationInWords(d time.Duration) string {
	if d <= time.Minute {
		return Count(max(1, int((d+time.Second-1)/time.Second)), "second")
	}
	return largestUnit(d + time.Minute - 1)
}

// largestUnit writes a minute or more in its largest unit, up to two days in hours.
func largestUnit(d time.Duration) string {
	switch {
	case d < time.Hour:
		return Count(int(d/time.Minute), "minute")
	case d <= 48*time.Hour:
		return Count(int(d/time.Hour), "hour")
	}
	return Count(int(d/(24*time.Hour)), "day")
}

// Count writes a number of things, or of people or leaves.
func Count(n int, singular string) string {
	switch {
	case n == 1:
		return "1 " + singular
	case singular == "person":
		return strconv.Itoa(n) + " people"
	case singular == "leaf":
		return strconv.Itoa(n) + " leaves"
	}
	return strconv.Itoa(n) + " " + singular + "s"
}

// Number writes a number with its thousands apart.
func Number[N int | int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// BoundedCount is a number that was counted up to a limit only.
type BoundedCount struct {
	N    int
	More bool // there are more than N
}

// bounded writes a number that may be a limit.
func bounded(c BoundedCount) string {
	if c.More {
		return fmt.Sprintf("more than %d", c.N)
	}
	return strconv.Itoa(c.N)
}

// BucketInWords writes a bucket of the time to confirm. A bucket that it does not know is written by its name.
func BucketInWords(bucket string) string {
	words, ok := map[string]string{
		"":      "–",
		"1m":    "under a minute",
		"10m":   "1 to 10 minutes",
		"1h":    "10 minutes to an hour",
		"24h":   "1 to 24 hours",
		"later": "over a day",
	}[bucket]
	if !ok {
		return bucket
	}
	return words
}

// wordsFor returns the words for a name, or for one that is not known the name as it is.
func wordsFor(words map[string]string, name string) string {
	if is, ok := words[name]; ok {
		return is
	}
	return strings.ReplaceAll(name, "_", " ")
}

// orDash is a word, or a dash where there is none.
func orDash(word string) string { return cmp.Or(word, "–") }
