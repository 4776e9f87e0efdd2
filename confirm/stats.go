package confirm

import (
	"context"
	"slices"
	"strings"

	"github.com/optin/optin/confirm/consent"
)

// Day is what was counted at a site on one day (UTC). See consent.CountSignups and the other names for what each is.
type Day struct {
	Day           string         `json:"day"` // as 2006-01-02
	Signups       int64          `json:"signups"`
	Emails        int64          `json:"emails"`
	Confirmations int64          `json:"confirmations"`
	Declines      int64          `json:"declines"`
	Objections    int64          `json:"objections,omitempty"`
	Withdrawals   int64          `json:"withdrawals"`
	Expired       int64          `json:"expired"`
	Undeliverable int64          `json:"undeliverable"`
	Bounces       int64          `json:"bounces,omitempty"`
	Complaints    int64          `json:"complaints,omitempty"`
	Reminders     int64          `json:"reminders,omitempty"`
	TimeToConfirm TimeToConfirm  `json:"time_to_confirm"`
	Purposes      []PurposeCount `json:"purposes"`
}

// TimeToConfirm is how long it took from signups to their confirmations.
type TimeToConfirm struct {
	Seconds int64         `json:"seconds"` // of all together; divided by Confirmations: the mean
	Within  []WithinCount `json:"within"`  // for each of consent.Buckets
}

// WithinCount is how many confirmations took less than a bucket's time, and no less than that of the one before.
type WithinCount struct {
	Under string `json:"under"`
	Count int64  `json:"count"`
}

// PurposeCount is what was counted of one purpose.
type PurposeCount struct {
	ID            string `json:"id"`
	Signups       int64  `json:"signups"`
	Confirmations int64  `json:"confirmations"`
	Withdrawals   int64  `json:"withdrawals"`
}

// Stats returns what was counted at a site from one day to another, both included (UTC, as 2006-01-02), the oldest
// first. Days on which nothing happened are left out.
func (w *Website) Stats(ctx context.Context, site, from, to string) ([]Day, error) {
	counted, err := w.Store.Counts(ctx, site, from, to)
	if err != nil {
		return nil, err
	}
	days := []Day{}
	for _, c := range counted {
		if len(days) == 0 || days[len(days)-1].Day != c.Day {
			days = append(days, newDay(c.Day))
		}
		days[len(days)-1].add(c.Name, c.N)
	}
	return days, nil
}

func newDay(day string) Day {
	d := Day{Day: day, Purposes: []PurposeCount{}}
	for _, b := range consent.ConfirmTimeBuckets() {
		d.TimeToConfirm.Within = append(d.TimeToConfirm.Within, WithinCount{Under: b.Name})
	}
	return d
}

// add adds a count to its field; an unknown name has none.
func (d *Day) add(name string, n int64) {
	name, of, _ := strings.Cut(name, "/")
	var at *int64
	switch {
	case name == consent.CountWithin:
		if i := slices.IndexFunc(d.TimeToConfirm.Within, func(w WithinCount) bool { return w.Under == of }); i >= 0 {
			at = &d.TimeToConfirm.Within[i].Count
		}
	case of != "":
		at = d.purpose(of).at(name)
	default:
		at = map[string]*int64{
			consent.CountSignups:       &d.Signups,
			consent.CountEmails:        &d.Emails,
			consent.CountConfirmations: &d.Confirmations,
			consent.CountDeclines:      &d.Declines,
			consent.CountObjections:    &d.Objections,
			consent.CountWithdrawals:   &d.Withdrawals,
			consent.CountExpiries:      &d.Expired,
			consent.CountUndeliverable: &d.Undeliverable,
			consent.CountBounces:       &d.Bounces,
			consent.CountComplaints:    &d.Complaints,
			consent.CountReminders:     &d.Reminders,
			consent.CountSeconds:       &d.TimeToConfirm.Seconds,
		}[name]
	}
	if at != nil {
		*at += n
	}
}

func (d *Day) purpose(id string) *PurposeCount {
	for i := range d.Purposes {
		if d.Purposes[i].ID == id {
			return &d.Purposes[i]
		}
	}
	d.Purposes = append(d.Purposes, PurposeCount{ID: id})
	return &d.Purposes[len(d.Purposes)-1]
}

func (p *PurposeCount) at(name string) *int64 {
	return map[string]*int64{
		consent.CountSignups:       &p.Signups,
		consent.CountConfirmations: &p.Confirmations,
		consent.CountWithdrawals:   &p.Withdrawals,
	}[name]
}
