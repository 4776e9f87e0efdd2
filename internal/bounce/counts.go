package bounce

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/optin/optin/internal/nondelivery"
	"github.com/optin/optin/store"
)

// What is counted beside the reasons of package nondelivery and Delivered.
const (
	CountComplaint  = "complaint"
	CountNotOurs    = "not_ours"   // a report about no email that was sent from here
	CountNoReport   = "no_report"  // a message that is no report, such as a person's answer
	CountUnreadable = "unreadable" // what is damaged beyond reading
)

// count returns the kind by which a report about an email of ours is counted.
func (r Report) count() string {
	switch {
	case r.Kind == Complaint:
		return CountComplaint
	case r.Reason == "":
		return string(nondelivery.Unknown)
	}
	return string(r.Reason)
}

const (
	countsCell = "reports"
	countsKept = 10 * 365 * 24 * time.Hour
)

// counts are how many reports there were, by kind, in a cell that all processes share: a mail system's pipe starts one
// for each report.
type counts struct{ cells store.Cells }

// read returns the counts, and the cell's value.
func (c counts) read(ctx context.Context) (all map[string]int64, value []byte, err error) {
	value, err = c.cells.Get(ctx, countsCell)
	if json.Unmarshal(value, &all) != nil || all == nil {
		all = map[string]int64{}
	}
	return all, value, err
}

// add adds one.
func (c counts) add(ctx context.Context, kind string) error {
	for {
		all, old, err := c.read(ctx)
		if err != nil {
			return err
		}
		all[kind]++
		value, err := json.Marshal(all)
		if err != nil {
			return err
		}
		if old == nil {
			if old, err = c.cells.SetNX(ctx, countsCell, value, countsKept); old == nil {
				return err
			}
			continue
		}
		if err = c.cells.CompareAndSwap(ctx, countsCell, old, value, countsKept); !errors.Is(err, store.ErrChanged) {
			return err
		}
	}
}

// Counts returns how many reports there were, by kind: a reason of package nondelivery, Delivered, or one of the Count
// constants.
func (r *Receiver) Counts(ctx context.Context) (map[string]int64, error) {
	all, _, err := r.counts.read(ctx)
	return all, err
}
