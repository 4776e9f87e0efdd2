package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/optin/optin/store"
)

// counters is the port store.Counters.
type counters struct{ *database }

const selectCounts = "SELECT day, name, n FROM counts WHERE site = ? AND day >= ? AND day <= ? ORDER BY day, name"

var addCounts = newSeveral("INSERT INTO counts (site, day, name, n) VALUES ", "(?, ?, ?, ?)",
	" ON CONFLICT (site, day, name) DO UPDATE SET n = n + excluded.n", 8)

// Counts returns what was counted at a site, by day and name. Counts are kept for ever.
func (s counters) Counts(ctx context.Context, site, from, to string) ([]store.Count, error) {
	return read(ctx, s.deadline(), s.database, func(c *conn) ([]store.Count, error) {
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

// sum is what is counted: the counts of a transaction are added up before they are written.
type sum struct {
	site      int64
	day, name string
}

// sums are what the acts of a transaction have counted. Many count the same few things, so each is written once.
type sums struct {
	*conn
	all map[sum]int64
	act []counted // what the act counted, to be undone

	args []driver.Value // of the statement that runs
}

// counted is what an act has counted.
type counted struct {
	what sum
	n    int64
}

// countIn adds counts in the transaction that commits their change.
func countIn(t *transaction, site string, counts []store.Count) error {
	if len(counts) == 0 {
		return nil
	}
	number, err := t.number(site)
	if err != nil {
		return err
	}
	for _, c := range counts {
		t.sums.add(counted{sum{number, c.Day, c.Name}, c.N})
	}
	return nil
}

func (s *sums) add(c counted) {
	s.all[c.what] += c.n
	s.act = append(s.act, c)
}

// undo takes back what the act has counted.
func (s *sums) undo() {
	for _, c := range s.act {
		s.all[c.what] -= c.n
	}
}

// flush writes the sums.
func (s *sums) flush() error {
	s.args = s.args[:0]
	for what, n := range s.all {
		if n != 0 {
			s.args = append(s.args, what.site, what.day, what.name, n)
		}
	}
	for rest := s.args; len(rest) > 0; {
		statement, n := addCounts.filledBy(len(rest) / 4)
		if _, err := s.exec(statement, rest[:4*n]...); err != nil {
			return err
		}
		rest = rest[4*n:]
	}
	return nil
}
