package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/optin/optin/store"
)

const (
	selectDue = "SELECT 1 FROM entries WHERE kind = ? AND hidden <= ? LIMIT 1"

	oldestDue = `SELECT seq, id, site, record, body, due, tries FROM entries WHERE kind = ? AND hidden <= ?
		ORDER BY hidden, seq LIMIT ?`
	holdEntry = "UPDATE entries SET hidden = ?, tries = tries + 1, leased = 1 WHERE seq = ?"

	// A lease is lost when it is settled (leased is 0) or when somebody else has it (tries has grown).
	extendLease = "UPDATE entries SET hidden = ?3 WHERE id = ?1 AND tries = ?2 AND leased = 1"
	settleDone  = "DELETE FROM entries WHERE id = ? AND tries = ? AND leased = 1"
	settleAgain = `UPDATE entries SET leased = 0, due = ?3, hidden = ?3, kind = coalesce(nullif(?4, ''), kind)
		WHERE id = ?1 AND tries = ?2 AND leased = 1`
)

var softStatements = []string{
	oldestDue, holdEntry, extendLease, lastTaken, nthTaken, moveTaken, addTaken, ownTaken, dropTaken,
	sweepRecords, selectCell, putCell, dropCells,
}

// Lease takes up to n entries that are due, oldest first. Where nothing is due it only reads, so that workers may ask
// often.
func (s *Store) Lease(ctx context.Context, kind store.QueueName, n int, hold time.Duration) ([]store.Job, error) {
	if err := store.CheckLease(n, hold); err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx) // both steps together
	defer cancel()
	due, err := read(ctx, s, func(ctx context.Context) (bool, error) {
		var one int
		return found(s.reader.statements[selectDue].QueryRowContext(ctx, string(kind), millis(s.o.Now())).Scan(&one))
	})
	if err != nil || !due {
		return nil, err
	}
	return change(ctx, s, s.soft, func(tx transaction) ([]store.Job, error) {
		now := s.o.Now()
		es, seqs, err := tx.oldest(kind, n, now)
		if err != nil {
			return nil, err
		}
		until := millis(now.Add(hold + time.Millisecond - 1)) // rounded up: never less than hold
		for i := range es {
			es[i].Attempts++
			if _, err := tx.exec(holdEntry, until, seqs[i]); err != nil {
				return nil, err
			}
		}
		return es, nil
	})
}

// oldest reads what is due.
func (t transaction) oldest(kind store.QueueName, n int, now time.Time) (es []store.Job, seqs []int64, err error) {
	rows, err := t.statement(oldestDue).Query(string(kind), millis(now), n)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		e := store.Job{Queue: kind}
		var seq, due int64
		if err := rows.Scan(&seq, &e.ID, &e.Key.Site, &e.Key.ID, &e.Body, &due, &e.Attempts); err != nil {
			return nil, nil, err
		}
		e.Due = time.UnixMilli(due).UTC()
		es, seqs = append(es, e), append(seqs, seq)
	}
	return es, seqs, rows.Err()
}

// Extend makes a lease last, or returns store.ErrLeaseLost.
func (s *Store) RenewLease(ctx context.Context, e store.Job, hold time.Duration) error {
	_, err := change(ctx, s, s.soft, func(tx transaction) (struct{}, error) {
		changed, err := tx.exec(extendLease, e.ID, e.Attempts, millis(s.o.Now().Add(hold+time.Millisecond-1)))
		if err == nil && changed == 0 {
			err = store.ErrLeaseLost
		}
		return struct{}{}, err
	})
	return err
}

// Settle ends a lease, or returns store.ErrLeaseLost; store.ErrInvalid for an outcome that cannot be.
func (s *Store) End(ctx context.Context, e store.Job, o store.Outcome) error {
	if err := o.Check(); err != nil {
		return err
	}
	_, err := change(ctx, s, s.hard, func(tx transaction) (struct{}, error) { return struct{}{}, tx.settle(e, o, s.o.Now()) })
	return err
}

// settle carries out a verdict if the lease still holds.
func (t transaction) settle(e store.Job, o store.Outcome, now time.Time) error {
	var changed int64
	var err error
	switch o.End {
	case store.EndComplete:
		changed, err = t.exec(settleDone, e.ID, e.Attempts)
	case store.EndRetry, store.EndMove:
		changed, err = t.exec(settleAgain, e.ID, e.Attempts, millis(o.At), string(o.Queue))
	case store.EndFail:
		changed, err = t.exec(settleDead, e.ID, e.Attempts, now.UnixMicro())
	default:
		return fmt.Errorf("%w: verdict %d is unknown", store.ErrInvalid, o.End)
	}
	if err == nil && changed == 0 {
		return store.ErrLeaseLost
	}
	return err
}
