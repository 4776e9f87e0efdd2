package sqlite

import (
	"context"

	"github.com/optin/optin/store"
)

const (
	addCount = `INSERT INTO counts (site, day, name, n) VALUES (?, ?, ?, ?)
		ON CONFLICT (site, day, name) DO UPDATE SET n = n + excluded.n`
	selectCounts = "SELECT day, name, n FROM counts WHERE site = ? AND day >= ? AND day <= ? ORDER BY day, name"
)

// count adds counts in the transaction that commits their change.
func (t transaction) count(site string, counts []store.Count) error {
	for _, c := range counts {
		if _, err := t.exec(addCount, site, c.Day, c.Name, c.N); err != nil {
			return err
		}
	}
	return nil
}

// Counts returns what was counted at a site, by day and name. Counts are kept for ever.
func (s *Store) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	return read(ctx, s, func(ctx context.Context) ([]store.Count, error) {
		rows, err := s.reader.statements[selectCounts].QueryContext(ctx, site, from, to)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var counts []store.Count
		for rows.Next() {
			var c store.Count
			if err := rows.Scan(&c.Day, &c.Name, &c.N); err != nil {
				return nil, err
			}
			counts = append(counts, c)
		}
		return counts, rows.Err()
	})
}
