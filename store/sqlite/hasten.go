package sqlite

import (
	"context"
	"math"

	"github.com/optin/optin/store"
)

// crowd is how many entries Hasten moves in one transaction: few enough that whoever else writes hardly waits.
const crowd = 500

const (
	// The last of the next few that wait, in the order in which they would be due. An index has them in that order; what is leased lies
	// among them and is passed over.
	farWaiting = `SELECT hidden, seq FROM (SELECT hidden, seq FROM entries WHERE kind = ? AND hidden IS NOT NULL
		AND (hidden, seq) > (?, ?) AND leased = 0 ORDER BY hidden, seq LIMIT ?) ORDER BY hidden DESC, seq DESC LIMIT 1`
	hastenUntil = `UPDATE entries SET due = ?6, hidden = ?6 WHERE kind = ?1 AND hidden IS NOT NULL
		AND (hidden, seq) > (?2, ?3) AND (hidden, seq) <= (?4, ?5) AND leased = 0`
)

// place is where an entry stands among those that wait: by when it is due, then by its arrival.
type place struct{ hidden, seq int64 }

// advance is what one step of Hasten came to.
type advance struct {
	to    place
	moved int
}

// Hasten makes those n that would be due soonest due now. It goes through them in small transactions: Options.Deadline is for each of
// these, and the whole is as long as it takes, or as ctx lasts. It passes each place once, so what a worker meanwhile puts back to wait is
// not hastened again and again. Where it fails half-way it says with the error how many are due.
func (s *Store) RunNow(ctx context.Context, kind store.QueueName, n int) (hastened int, err error) {
	from := place{hidden: math.MinInt64}
	for hastened < n {
		few := min(n-hastened, crowd)
		a, err := change(ctx, s, s.hard, func(tx transaction) (advance, error) {
			return tx.hasten(kind, few, from, millis(s.o.Now()))
		})
		if err != nil {
			return hastened, err
		}
		hastened += a.moved
		if a.moved < few {
			break
		}
		from = a.to
	}
	return hastened, nil
}

// hasten makes the next few due that wait behind a place.
func (t transaction) hasten(kind store.QueueName, few int, from place, now int64) (a advance, err error) {
	if from.hidden <= now {
		from = place{now, math.MaxInt64} // what stands up to here is due already
	}
	some, err := found(t.row(farWaiting, string(kind), from.hidden, from.seq, few).Scan(&a.to.hidden, &a.to.seq))
	if err != nil || !some {
		return a, err
	}
	moved, err := t.exec(hastenUntil, string(kind), from.hidden, from.seq, a.to.hidden, a.to.seq, now)
	a.moved = int(moved)
	return a, err
}
