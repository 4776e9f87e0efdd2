package consent

import (
	"slices"
	"time"
)

// Erase deletes a person's data (GDPR article 17). If they declined, objected or withdrew, that alone is kept, with its
// time, under the keyed id: a refusal goes on stopping every email. Emails and events that wait, or that failed, are
// dropped too. If there was nothing of the sort, the whole record goes.
type Erase struct {
	Receipts []KeptReceipt // that outlive the person, oldest first
}

// How many receipts are kept of an erased person, the last ones, and how many bytes they may have together, so that the
// person has room to sign up again.
const (
	maxReceipts     = 16
	maxReceiptsSize = 64 << 10
)

func (a Erase) apply(s *edit, now time.Time) (effects, error) {
	if s.Address.IsZero() {
		return effects{}, nil
	}
	s.erase(now)
	s.Receipts = latestReceipts(slices.Concat(s.Receipts, a.Receipts))
	return effects{events: []EventType{EventErased}, forgets: true}, nil
}

// latestReceipts returns of receipts, oldest first, as many of the last ones as are kept.
func latestReceipts(all []KeptReceipt) []KeptReceipt {
	first, size := len(all), 0
	for first > max(0, len(all)-maxReceipts) && size+len(all[first-1].Text) <= maxReceiptsSize {
		first--
		size += len(all[first].Text)
	}
	return all[first:]
}

// erase leaves of a person what they refused, or that a consent was withdrawn, and when.
func (s *edit) erase(now time.Time) {
	left := Subscription{
		Site: s.Site, Created: s.Created, Changed: s.Changed,
		WithdrawnAt: lastWithdrawal(s.Subscription, now), HistorySince: s.HistorySince, Receipts: s.Receipts,
	}
	if !s.Address.IsZero() {
		left.HistorySince = now
	}
	if declined := s.Refusals.Declined(); declined != nil {
		left.Refusals = []Refusal{{
			Declined: Evidence{At: declined.At, How: declined.How}, Mailbox: s.Refusals[len(s.Refusals)-1].Mailbox,
		}}
	}
	for i := range s.Objections {
		if o := &s.Objections[i]; o.active() {
			left.Objections = append(left.Objections, o.bare())
		}
	}
	*s.Subscription = left
	s.touch()
}

// lastWithdrawal returns when a consent was last withdrawn that was not given again since; zero: never.
func lastWithdrawal(s *Subscription, now time.Time) time.Time {
	last := s.WithdrawnAt
	for _, p := range s.Purposes(now) {
		if p.State == Withdrawn && p.Since.After(last) {
			last = p.Since
		}
	}
	return last
}

// IsEmpty reports whether there is nothing left to be kept.
func (s *Subscription) IsEmpty() bool {
	return s.Address.IsZero() && len(s.Requests) == 0 && len(s.Consents) == 0 &&
		len(s.Refusals)+len(s.Objections)+len(s.Receipts) == 0 && s.WithdrawnAt.IsZero() && s.MovedTo == ""
}
