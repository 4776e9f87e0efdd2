package webhook

import (
	"slices"
	"time"
)

// ProbeEvery is how often, while every call to an endpoint fails, one of its events is tried out of turn: so the events
// that an endpoint missed while it was away begin to arrive within a minute of its return.
const ProbeEvery = 40 * time.Second

// Waits returns the waits before the second attempt, the third, and so on; the first attempt is made at once. They are
// those of Standard Webhooks 1.0.0, which gives up after three days, and then every hour: nine days in all, so that an
// event is tried for at least seven days even if the outbox shortens every wait by a fifth.
func Waits() []time.Duration {
	return append([]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}, slices.Repeat([]time.Duration{time.Hour}, 140)...)
}

// standardWaits is how many of Waits are the standard's own.
const standardWaits = 9

// nextWait returns how long to wait before the next attempt at an event, or false if it was tried for long enough. The
// event's age decides, not the count of attempts, so that an attempt out of turn, to see whether the endpoint is back,
// does not bring the event closer to its end. A time for an attempt that is less than half its wait away counts as
// over, because the outbox varies the waits. An event that is older than all waits together may have been requeued by
// hand: it is tried by the standard's waits once more, by its count of attempts.
func nextWait(waits []time.Duration, age time.Duration, attempts int) (wait time.Duration, more bool) {
	var at time.Duration
	for _, w := range waits {
		if at += w; at-age >= w/2 {
			return at - max(age, 0), true
		}
	}
	if again := min(standardWaits, len(waits)); attempts <= again {
		return waits[max(attempts, 1)-1], true
	}
	return 0, false
}
