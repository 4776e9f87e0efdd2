package outbox

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/optin/optin/store"
)

// judge says what becomes of an entry after a trial.
func (l Pool) judge(e store.Job, err error, now time.Time) (string, store.Outcome) {
	if err == nil {
		return "done", store.Complete()
	}
	var park interface{ Park() bool }
	if errors.As(err, &park) && park.Park() {
		return "parked", store.Fail()
	}
	wait, n := ownWait(err), max(0, e.Attempts-1)
	switch {
	case wait > 0:
	case n >= len(l.Waits) && !l.RepeatLast:
		return "parked", store.Fail()
	default:
		wait = l.Waits[min(n, len(l.Waits)-1)]
	}
	at := now.Add(max(jitter(wait), leaveAlone(err)))
	if to := l.whereTo(e, err); to != "" {
		return "again", store.Move(to, at)
	}
	return "again", store.Retry(at)
}

// whereTo is the kind in which an entry is to wait; empty: its own.
func (l Pool) whereTo(e store.Job, err error) store.QueueName {
	to := l.RetryQueue
	var told interface{ Lane() store.QueueName }
	if errors.As(err, &told) && told.Lane() != "" {
		to = told.Lane()
	}
	if to == e.Queue {
		return ""
	}
	return to
}

// ownWait is what a failure asks to wait instead of the table's wait; zero: nothing.
func ownWait(err error) time.Duration {
	var own interface{ Wait() time.Duration }
	if errors.As(err, &own) {
		return max(0, own.Wait())
	}
	return 0
}

// leaveAlone is how long a failure asks not to be tried again.
func leaveAlone(err error) time.Duration {
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		return max(0, later.RetryAfter())
	}
	return 0
}

// jitter spreads a wait by a fifth either way, so that what failed together does not come back together.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d - d/5 + rand.N(2*d/5+1)
}
