package consent

import (
	"cmp"
	"slices"
	"time"
)

// Status is a subscription as a website sees it: the answer of a lookup, and the data of an event.
type Status struct {
	ID             string          `json:"id"`
	Site           string          `json:"site"`
	Email          string          `json:"email,omitempty"`
	State          State           `json:"state"`
	Locale         string          `json:"locale,omitempty"`
	CreatedAt      time.Time       `json:"created_at"`
	ConfirmedAt    *time.Time      `json:"confirmed_at"`
	ExpiresAt      *time.Time      `json:"expires_at"`
	Purposes       []PurposeStatus `json:"purposes"`
	UnsubscribeURL *string         `json:"unsubscribe_url"`
	AsOf           *time.Time      `json:"as_of,omitempty"`    // of a question about the past: how things stood then
	Complete       *bool           `json:"complete,omitempty"` // beside AsOf; false: of what ended before then, something is no longer known
}

// PurposeStatus is one purpose of a Status: where it stands, since when, and the text that was shown.
type PurposeStatus struct {
	ID         string    `json:"id"`
	State      State     `json:"state"`
	Since      time.Time `json:"since"`
	Text       string    `json:"text"`
	TextSHA256 string    `json:"text_sha256"`
}

// State is confirmed if any purpose is, else pending if a request is open, else the latest of what ended; empty if nothing is known.
func (s *Subscription) State(now time.Time) State {
	var best PurposeStatus
	for _, p := range s.Purposes(now) {
		if best.State == "" || rank(p.State) > rank(best.State) || rank(p.State) == rank(best.State) && p.Since.After(best.Since) {
			best = p
		}
	}
	refused := s.Declined != nil || s.Unblocked != nil && best.State == ""
	if refused && rank(best.State) == 0 { // a refusal ends everything, and nothing happens after it until it is lifted
		return Declined
	}
	if best.State == "" && !s.WithdrawnAt.IsZero() {
		return Withdrawn
	}
	return best.State
}

func rank(s State) int {
	switch s {
	case Confirmed:
		return 2
	case Pending:
		return 1
	}
	return 0
}

// Purposes says where every purpose stands, in the order in which they were first asked, without the texts' words.
func (s *Subscription) Purposes(now time.Time) []PurposeStatus {
	all := []PurposeStatus{}
	for _, id := range s.purposeIDs() {
		all = append(all, s.Purpose(id, now))
	}
	return all
}

func (s *Subscription) Purpose(id string, now time.Time) (best PurposeStatus) {
	consider := func(state State, since time.Time, sh Statement) {
		if sh.Purpose != id {
			return
		}
		c := PurposeStatus{ID: id, State: state, Since: since, TextSHA256: sh.SHA256}
		if best.State == "" || cmp.Or(cmp.Compare(rank(state), rank(best.State)), since.Compare(best.Since)) >= 0 {
			best = c
		}
	}
	for _, r := range s.Requests {
		for _, sh := range r.Statements {
			switch {
			case r.IsOpen(now):
				consider(Pending, r.Asked.At, sh)
			case r.State == Pending:
				consider(Expired, r.Deadline, sh)
			case r.State != Confirmed: // what a confirmed request gave is told by its grants
				consider(r.State, r.Closed.At, sh)
			}
		}
	}
	for _, g := range s.Consents {
		if g.State == Confirmed {
			consider(Confirmed, g.Given, g.Statement)
		} else {
			consider(g.State, g.Ended.At, g.Statement)
		}
	}
	return best
}

// status is the subscription for a website, without the words of its texts and without links.
func (s *Subscription) Status(id string, now time.Time) Status {
	st := Status{
		ID: id, Site: s.Site, Email: s.Address.String(), State: s.State(now), Locale: s.Locale,
		CreatedAt: s.Created, Purposes: s.Purposes(now),
	}
	for _, g := range s.Consents {
		if g.State == Confirmed && (st.ConfirmedAt == nil || g.Given.Before(*st.ConfirmedAt)) {
			st.ConfirmedAt = &g.Given
		}
	}
	if st.State == Pending {
		open := slices.DeleteFunc(slices.Clone(s.Requests), func(r Request) bool { return !r.IsOpen(now) })
		last := slices.MaxFunc(open, func(a, b Request) int { return a.Deadline.Compare(b.Deadline) })
		st.ExpiresAt = &last.Deadline
	}
	return st
}
