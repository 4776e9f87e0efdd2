package outbox

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/optin/optin/store"
)

// judge says what becomes of an entry after a trial.
func (l Lane) judge(e store.Entry, err error, now time.Time) (string, store.Outcome) {
	if err == nil {
		return "done", store.Done()
	}
	var park interface{ Park() bool }
	if errors.As(err, &park) && park.Park() {
		return "parked", store.Dead()
	}
	wait, n := ownWait(err), max(0, e.Tries-1)
	switch {
	case wait > 0:
	case n >= len(l.Waits) && !l.Repeat:
		return "parked", store.Dead()
	default:
		wait = l.Waits[min(n, len(l.Waits)-1)]
	}
	return "again", store.Again(now.Add(max(jitter(wait), leaveAlone(err)))).In(l.whereTo(e, err))
}

// whereTo is the kind in which an entry is to wait; empty: its own.
func (l Lane) whereTo(e store.Entry, err error) store.Kind {
	to := l.Then
	var told interface{ Lane() store.Kind }
	if errors.As(err, &told) && told.Lane() != "" {
		to = told.Lane()
	}
	if to == e.Kind {
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
