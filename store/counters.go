package store

import (
	"context"
	"fmt"
	"time"
)

// Counters tells what was counted. A count is added by the Change that it counts, exactly once.
type Counters interface {
	// Counts returns what was counted at a site from one day to another, both included, in order of day and name. The
	// days are written 2006-01-02. It returns ErrUnavailable.
	Counts(ctx context.Context, site, from, to string) ([]Count, error)
}

// Count is how many of something there were at a site on one day. It names nobody.
type Count struct {
	Day  string // UTC, as 2006-01-02
	Name string // [a-z0-9_/-], at most 96
	N    int64
}

func (n Count) check() error {
	if _, err := time.Parse(time.DateOnly, n.Day); err != nil || n.Name == "" || !consistsOf(n.Name, 96, "_/-") {
		return fmt.Errorf("%w count: %q on %q", ErrInvalid, n.Name, n.Day)
	}
	return nil
}
