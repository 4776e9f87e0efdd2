package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/optin/optin/store"
)

const (
	addCount = `INSERT INTO counts (site, day, name, n) VALUES (?, ?, ?, ?)
		ON CONFLICT (site, day, name) DO UPDATE SET n = n + excluded.n`
	selectCounts = "SELECT day, name, n FROM counts WHERE site = ? AND day >= ? AND day <= ? ORDER BY day, name"
)

// sum is what is counted: its counts are added up by the transaction.
type sum struct {
	site      int64
	day, name string
}

// counted is what an act has counted.
type counted struct {
	what sum
	n    int64
}

// count adds counts in the transaction that commits their change.
func (t *transaction) count(site string, counts []store.Count) error {
	if len(counts) == 0 {
		return nil
	}
	number, err := t.number(site)
	if err != nil {
		return err
	}
	for _, c := range counts {
		one := counted{sum{number, c.Day, c.Name}, c.N}
		t.sums[one.what] += one.n
		t.counts = append(t.counts, one)
	}
	return nil
}

// uncount takes back what the act has counted.
func (t *transaction) uncount() {
	for _, one := range t.counts {
		t.sums[one.what] -= one.n
	}
	t.counts = t.counts[:0]
}

// Counts returns what was counted at a site, by day and name. Counts are kept for ever.
func (s *Store) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	return read(ctx, s.deadline(), s, func(c *conn) ([]store.Count, error) {
		number, err := s.names.number(c, site)
		if err != nil || number == 0 {
			return nil, err
		}
		var counts []store.Count
		err = c.each(func(row []driver.Value) bool {
			counts = append(counts, store.Count{Day: text(row[0]), Name: text(row[1]), N: integer(row[2])})
			return true
		}, selectCounts, number, from, to)
		return counts, err
	})
}
