package sqlite

import (
	"context"
	"time"

	"github.com/optin/optin/store"
)

const (
	// The order of deaths is kept even if the clock steps back, or two come in one microsecond.
	settleDead = `UPDATE entries SET leased = 0, hidden = NULL, died = max(?3, 1 + coalesce(
			(SELECT max(before.died) FROM entries AS before WHERE before.kind = entries.kind AND before.hidden IS NULL), 0))
		WHERE id = ?1 AND tries = ?2 AND leased = 1`
	reviveEntry = `UPDATE entries SET due = ?5, hidden = ?5, tries = 0, died = 0
		WHERE id = ?1 AND kind = ?2 AND site = ?3 AND record = ?4 AND hidden IS NULL`

	selectPlace  = "SELECT died, seq FROM entries WHERE id = ? AND kind = ? AND hidden IS NULL"
	selectParked = `SELECT id, site, record, body, died, tries FROM entries
		WHERE kind = ? AND hidden IS NULL AND (died, seq) > (?, ?) ORDER BY died, seq LIMIT ?`
)

// Parked lists the dead of a kind. Due is when each died; Tries how often it was leased.
func (s *Store) Failed(ctx context.Context, kind store.QueueName, after string, n int) ([]store.Job, error) {
	if err := store.CheckFailed(n); err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]store.Job, error) {
		died, seq := int64(-1), int64(0) // before all
		if after != "" {
			place := s.reader.statements[selectPlace].QueryRowContext(ctx, after, string(kind))
			if _, err := found(place.Scan(&died, &seq)); err != nil {
				return nil, err
			}
		}
		return s.parked(ctx, kind, died, seq, n)
	})
}

func (s *Store) parked(ctx context.Context, kind store.QueueName, died, seq int64, n int) ([]store.Job, error) {
	rows, err := s.reader.statements[selectParked].QueryContext(ctx, string(kind), died, seq, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var es []store.Job
	for rows.Next() {
		e := store.Job{Queue: kind}
		if err := rows.Scan(&e.ID, &e.Key.Site, &e.Key.ID, &e.Body, &died, &e.Attempts); err != nil {
			return nil, err
		}
		if died > 0 {
			e.Due = time.UnixMicro(died).UTC()
		}
		es = append(es, e)
	}
	return es, rows.Err()
}

// Revive makes a dead entry due now, or returns store.ErrNotFound.
func (s *Store) Requeue(ctx context.Context, kind store.QueueName, id string, key store.Key) error {
	_, err := change(ctx, s, s.hard, func(tx transaction) (struct{}, error) {
		changed, err := tx.exec(reviveEntry, id, string(kind), key.Site, key.ID, millis(s.o.Now()))
		if err == nil && changed == 0 {
			err = store.ErrNotFound
		}
		return struct{}{}, err
	})
	return err
}
