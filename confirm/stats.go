package confirm

import (
	"context"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/store"
)

// Day is what was counted at a site on one day (UTC), or in another period. See consent.CountSignups and the other
// names for what each is.
type Day struct {
	Day           string         `json:"day"` // as 2006-01-02
	At            time.Time      `json:"-"`   // when the period begins
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
	Renewals      int64          `json:"renewals,omitempty"`
	ValidityEnded int64          `json:"validity_ended,omitempty"`
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

// Part is what was counted of one value of a dimension.
type Part struct {
	ID            string `json:"id"`
	Signups       int64  `json:"signups"`
	Confirmations int64  `json:"confirmations"`
	Undeliverable int64  `json:"undeliverable,omitempty"` // of a provider
}

// Trends is what was counted at a site by day, and by each dimension over all of these days.
type Trends struct {
	Days      []Day
	Purposes  []Part
	Forms     []Part
	Languages []Part
	Texts     []Part // by the hash of the statement, in hexadecimal
	Providers []Part // at most maxProviders, of at least minProvider signups or confirmations; the rest is other
}

// The providers of mailboxes that are told apart.
const (
	maxProviders = 20
	minProvider  = 5
)

// Statistics is what was counted at the sites.
type Statistics struct{ counters store.Counters }

// By returns what was counted at a site in each period from that of one time to that of another, the oldest first.
// Periods in which nothing happened are left out. What has a dimension is counted by day alone.
func (s *Statistics) By(
	ctx context.Context, site string, by store.CountPeriod, from, to time.Time,
) ([]Day, error) {
	counted, err := s.counters.Counts(ctx, site, by, from, to)
	return daysOf(counted), err
}

// Value is a value of a dimension, as parts have it. The zero Value stands for everything.
type Value struct{ Dimension, ID string }

// Trends returns what was counted at sites from one day to another, both included, by every dimension. The days are
// those of one value, if there is one: of it, signups, confirmations and withdrawals are counted by day. It costs one
// read of the store for each site, however many people there are.
func (s *Statistics) Trends(ctx context.Context, sites []string, from, to time.Time, of Value) (Trends, error) {
	var counted []store.Count
	for _, site := range sites {
		some, err := s.counters.Counts(ctx, site, store.ByDay, from, to)
		if err != nil {
			return Trends{}, err
		}
		counted = append(counted, some...)
	}
	t := Trends{
		Purposes: parts(counted, consent.DimensionPurpose), Forms: parts(counted, consent.DimensionForm),
		Languages: parts(counted, consent.DimensionLanguage), Texts: parts(counted, consent.DimensionText),
		Providers: largestProviders(parts(counted, consent.DimensionProvider)),
	}
	if of != (Value{}) {
		counted = only(counted, of)
	}
	t.Days = daysOf(counted)
	return t, nil
}

// only returns the counts of one value, as if there were no others.
func only(counted []store.Count, of Value) (some []store.Count) {
	if of.Dimension == consent.DimensionText {
		of.ID = consent.TextValue(of.ID)
	}
	for _, c := range counted {
		if c.By == of.Dimension && c.Of == of.ID {
			c.By, c.Of = "", ""
			some = append(some, c)
		}
	}
	return some
}

// daysOf adds up counts by their period, the oldest first.
func daysOf(counted []store.Count) []Day {
	sums := map[int64]*Day{}
	for _, c := range counted {
		at := c.At.Unix()
		if sums[at] == nil {
			sums[at] = newDay(c.At)
		}
		sums[at].add(c)
	}
	days := []Day{}
	for _, at := range slices.Sorted(maps.Keys(sums)) {
		days = append(days, *sums[at])
	}
	return days
}

// parts adds up what was counted by a dimension, the most first.
func parts(counted []store.Count, dimension string) []Part {
	sums := map[string]*Part{}
	for _, c := range counted {
		if c.By != dimension {
			continue
		}
		id := c.Of
		if dimension == consent.DimensionText {
			id = consent.TextSHA256(c.Of)
		}
		if sums[id] == nil {
			sums[id] = &Part{ID: id}
		}
		sums[id].add(c.Name, c.N)
	}
	all := []Part{}
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		all = append(all, *sums[id])
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].sum() > all[j].sum() })
	return all
}

func (p *Part) sum() int64 { return p.Signups + p.Confirmations }

func (p *Part) add(name string, n int64) {
	switch name {
	case consent.CountSignups:
		p.Signups += n
	case consent.CountConfirmations:
		p.Confirmations += n
	case consent.CountUndeliverable:
		p.Undeliverable += n
	}
}

// largestProviders adds those of which there are few to the other ones, which come last.
func largestProviders(all []Part) []Part {
	shown, other := []Part{}, Part{ID: consent.OtherValue}
	for _, p := range all {
		if p.ID != consent.OtherValue && len(shown) < maxProviders && max(p.Signups, p.Confirmations) >= minProvider {
			shown = append(shown, p)
			continue
		}
		other.Signups, other.Confirmations = other.Signups+p.Signups, other.Confirmations+p.Confirmations
		other.Undeliverable += p.Undeliverable
	}
	if other.sum()+other.Undeliverable > 0 {
		shown = append(shown, other)
	}
	return shown
}

func newDay(at time.Time) *Day {
	d := &Day{Day: at.Format(time.DateOnly), At: at, Purposes: []PurposeCount{}}
	for _, b := range consent.ConfirmTimeBuckets() {
		d.TimeToConfirm.Within = append(d.TimeToConfirm.Within, WithinCount{Under: b.Name})
	}
	return d
}

// add adds a count to its field; an unknown name has none.
func (d *Day) add(c store.Count) {
	var at *int64
	bucket, isWithin := strings.CutPrefix(c.Name, consent.CountWithin)
	switch {
	case isWithin:
		for i := range d.TimeToConfirm.Within {
			if d.TimeToConfirm.Within[i].Under == bucket {
				at = &d.TimeToConfirm.Within[i].Count
			}
		}
	case c.By == consent.DimensionPurpose:
		at = d.purpose(c.Of).at(c.Name)
	case c.By == "":
		at = d.at(c.Name)
	}
	if at != nil {
		*at += c.N
	}
}

func (d *Day) at(name string) *int64 {
	return map[string]*int64{
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
		consent.CountRenewals:      &d.Renewals,
		consent.CountValidityEnded: &d.ValidityEnded,
		consent.CountSeconds:       &d.TimeToConfirm.Seconds,
	}[name]
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
