package store

import (
	"context"
	"fmt"
	"time"
)

// Counters tells what was counted. A count is added by the Change that it counts, exactly once.
type Counters interface {
	// Counts returns what was counted at a site in each period from the one that has from to the one that has to, in
	// order of period, name, dimension and value. What is older than CountPeriod.Kept may be gone. ErrUnavailable.
	Counts(ctx context.Context, site string, by CountPeriod, from, to time.Time) ([]Count, error)
}

// CountPeriod is how finely counts are added up. What has a dimension is added up by day alone.
type CountPeriod uint8

// The periods.
const (
	ByDay CountPeriod = iota
	ByHour
	ByMinute
)

// Length returns how long each of the periods is.
func (p CountPeriod) Length() time.Duration {
	return [...]time.Duration{24 * time.Hour, time.Hour, time.Minute}[p]
}

// Start returns when the period of a time begins. Periods are of UTC.
func (p CountPeriod) Start(t time.Time) time.Time { return t.UTC().Truncate(p.Length()) }

// Kept returns how long counts are kept: three years by day, five weeks by hour, six hours by minute.
func (p CountPeriod) Kept() time.Duration {
	return [...]time.Duration{1100 * 24 * time.Hour, 35 * 24 * time.Hour, 6 * time.Hour}[p]
}

// Count is how many of something there were at a site. It names nobody.
type Count struct {
	At   time.Time // the same in all counts of a change; of what Counts returns, the start of the period
	Name string    // [a-z0-9_], at most 32
	By   string    // a dimension, such as "purpose", likewise; empty: it is counted without one
	Of   string    // the value of the dimension: [A-Za-z0-9._-], at most 64
	N    int64
}

func (n Count) check(first Count) error {
	named := n.Name != "" && consistsOf(n.Name, 32, "_") && consistsOf(n.By, 32, "_") && consistsOf(n.Of, 64, "._-")
	if !named || (n.By == "") != (n.Of == "") || n.At.IsZero() || !n.At.Equal(first.At) {
		return fmt.Errorf("%w count: %q by %q of %q at %v", ErrInvalid, n.Name, n.By, n.Of, n.At)
	}
	return nil
}
