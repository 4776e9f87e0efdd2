package webhook

import (
	"slices"
	"time"
)

// Probe is how often, while everything fails, one event of an endpoint is tried out of turn: so what an endpoint missed while it was
// away begins to arrive within a minute of its return.
const ProbeEvery = 40 * time.Second

// Waits is the ladder of Standard Webhooks 1.0.0 as what to wait before the second try, the third, and so on (the first
// is made at once), and behind it, where the standard gives up after three days, every hour: nine days in all, so that an event is
// tried for seven at least even if the outbox shortens every wait by a fifth.
func Waits() []time.Duration {
	return append([]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}, slices.Repeat([]time.Duration{time.Hour}, 140)...)
}

// standard is how many of Waits are the standard's own.
const standard = 9

// next is how long to wait before the next try of an event of this age; false: it was tried for long enough. Steps are told by age, not
// by counting tries, so that a try out of turn, to see whether an endpoint is back, brings no event nearer to its end. A step that is
// less than half of itself away was climbed already: waits are shortened and lengthened a little. What is older than the ladder is
// long may have been replayed: it climbs the standard's part once more, by its tries.
func next(waits []time.Duration, age time.Duration, tries int) (time.Duration, bool) {
	var at time.Duration
	for _, w := range waits {
		if at += w; at-age >= w/2 {
			return at - max(age, 0), true
		}
	}
	if again := min(standard, len(waits)); tries <= again {
		return waits[max(tries, 1)-1], true
	}
	return 0, false
}
