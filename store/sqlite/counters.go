package sqlite

import (
	"context"
	"database/sql/driver"
	"strings"
	"time"

	"github.com/optin/optin/store"
)

// counters is the port store.Counters.
type counters struct{ *database }

const (
	selectCounts = `SELECT at, name, n FROM counters WHERE site = ? AND period = ? AND at >= ? AND at <= ?
		ORDER BY at, name`

	// dropCounts drops the oldest period if it is too old.
	dropCounts = `DELETE FROM counters WHERE site = ?1 AND period = ?2 AND at < ?3
		AND at = (SELECT min(at) FROM counters WHERE site = ?1 AND period = ?2)`
)

var addCounts = newSeveral("INSERT INTO counters (site, period, at, name, n) VALUES ",
	"(?, ?, ?, ?, ?)", " ON CONFLICT DO UPDATE SET n = n + excluded.n", 8)

// Counts returns what was counted at a site.
func (s counters) Counts(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]store.Count, error) {
	return read(ctx, s.deadline(), s.database, func(c *conn) ([]store.Count, error) {
		number, err := s.names.number(c, site)
		if err != nil || number == 0 {
			return nil, err
		}
		var counts []store.Count
		err = c.each(func(row []driver.Value) bool {
			c := store.Count{At: time.Unix(integer(row[0]), 0).UTC(), N: integer(row[2])}
			c.Name, c.By, _ = strings.Cut(text(row[1]), "/")
			c.By, c.Of, _ = strings.Cut(c.By, "/")
			counts = append(counts, c)
			return true
		}, selectCounts, number, int64(by), by.Start(from).Unix(), by.Start(to).Unix())
		return counts, err
	})
}

// counterKey is what a counter counts.
type counterKey struct {
	site            int64
	period          store.CountPeriod
	at              int64 // start of the period, in seconds since 1970
	name, by, value string
}

// counter is what acts of a transaction have added to one counter, and the arguments with which it is written: they are
// kept from one transaction to the next, because many acts count the same few things.
type counter struct {
	n    int64
	args [4]driver.Value
}

// maxCounters is how many counters a writer knows at most.
const maxCounters = 2048

// sums are what the acts of a transaction have counted: each counter is written once.
type sums struct {
	*conn
	known   map[counterKey]*counter
	changed []*counter
	act     []counted    // what the act counted, to be undone
	fresh   []counterKey // periods of a site that this writer did not know

	args []driver.Value // of the statement that runs
}

// counted is what an act has counted.
type counted struct {
	what *counter
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
	for i := range counts {
		c := &counts[i]
		t.sums.add(number, store.ByDay, c)
		if c.By == "" {
			t.sums.add(number, store.ByHour, c)
			t.sums.add(number, store.ByMinute, c)
		}
	}
	return nil
}

func (s *sums) add(site int64, period store.CountPeriod, c *store.Count) {
	key := counterKey{site, period, period.Start(c.At).Unix(), c.Name, c.By, c.Of}
	to := s.known[key]
	if to == nil {
		name := c.Name
		if c.By != "" {
			name += "/" + c.By + "/" + c.Of
		}
		to = &counter{args: [4]driver.Value{site, int64(period), key.at, name}}
		s.known[key] = to
		s.fresh = append(s.fresh, key)
	}
	if to.n == 0 {
		s.changed = append(s.changed, to)
	}
	to.n += c.N
	s.act = append(s.act, counted{to, c.N})
}

// reset forgets what was counted, and after some time which counters there are: most are of periods that have passed.
func (s *sums) reset() {
	for _, c := range s.changed {
		c.n = 0
	}
	s.changed, s.fresh = s.changed[:0], s.fresh[:0]
	if len(s.known) > maxCounters {
		clear(s.known)
	}
}

// undo takes back what the act has counted.
func (s *sums) undo() {
	for _, c := range s.act {
		c.what.n -= c.n
	}
}

// flush writes the sums, and drops some of what is too old where a period has begun.
func (s *sums) flush() error {
	s.args = s.args[:0]
	for _, c := range s.changed {
		if c.n != 0 {
			s.args = append(append(s.args, c.args[:]...), c.n)
			c.n = 0 // it may be among them twice, if an act was undone
		}
	}
	const columns = 5
	for rest := s.args; len(rest) > 0; {
		statement, n := addCounts.filledBy(len(rest) / columns)
		if _, err := s.exec(statement, rest[:columns*n]...); err != nil {
			return err
		}
		rest = rest[columns*n:]
	}
	for _, key := range s.fresh {
		if key.by != "" {
			continue
		}
		old := key.at - int64(key.period.Kept()/time.Second)
		if _, err := s.exec(dropCounts, key.site, int64(key.period), old); err != nil {
			return err
		}
	}
	return nil
}
