package consent

import (
	"cmp"
	"time"
)

// Status is a subscription as a website sees it: what a lookup returns, and the data of an event.
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
	Also           []Also          `json:"also,omitempty"`         // of a lookup: other spellings of the mailbox
	LastRefusal    *LastRefusal    `json:"last_refusal,omitempty"` // of an email to the person
	AsOf           *time.Time      `json:"as_of,omitempty"`        // of a question about the past: the time it is about
	Complete       *bool           `json:"complete,omitempty"`     // beside AsOf: all that ended before then is known
	Objections     []ObjectionTo   `json:"objections,omitempty"`   // those that hold
	*Permission                    // of a lookup that names a purpose
}

// ObjectionTo is an objection that holds as a website sees it.
type ObjectionTo struct {
	Channel  Channel   `json:"channel"`
	Purposes []string  `json:"purposes,omitempty"` // none: all
	Since    time.Time `json:"since"`
}

// Permission says whether emails for one purpose may be sent to an address, and why, or why not: the state of the
// purpose, or one of the reasons.
type Permission struct {
	Allowed bool   `json:"allowed"`
	Reason  Reason `json:"reason"`
}

// LastRefusal is the last answer of a relay, or report of a mail system, by which an email was not delivered.
type LastRefusal struct {
	At     time.Time     `json:"at"`
	Reason RefusalReason `json:"reason"`
	Reply  string        `json:"reply"`
}

// Also is a subscription of the same mailbox under another spelling.
type Also struct {
	ID    string `json:"id"`
	State State  `json:"state"`
}

// PurposeStatus is one purpose of a Status: where it stands, since when, and the text that was shown.
type PurposeStatus struct {
	ID         string    `json:"id"`
	State      State     `json:"state"`
	Since      time.Time `json:"since"`
	Text       string    `json:"text"`
	TextSHA256 string    `json:"text_sha256"`
	Reason     Reason    `json:"reason,omitempty"`   // why an expired one is expired, where it is not its deadline
	LastUse    string    `json:"last_use,omitempty"` // the last day of a Use, as 2006-01-02
	ValidUntil time.Time `json:"valid_until,omitzero"`
}

// The reasons of a PurposeStatus.
const (
	ReasonSuperseded Reason = "superseded" // its purpose has a newer revision
	ReasonValidity   Reason = "validity"   // it was valid for a time, which is over
	ReasonNotChosen  Reason = "not_chosen" // the person confirmed only something else of what was asked
	ReasonObjected   Reason = "objected"   // of a declined one: the person told the website, and not us
)

// The reasons of a Permission, beside those and the states.
const (
	ReasonUnknown    Reason = "unknown"     // nothing is known of the address
	ReasonNeverAsked Reason = "never_asked" // the person was never asked for this purpose
)

// Allows returns whether emails for a purpose may be sent, and why not. The mailbox says what is known under its other
// spellings.
func (s *Subscription) Allows(purpose string, of Mailbox, now time.Time) Permission {
	switch {
	case s.Refusals.Declined() != nil, of.Declined != nil:
		return Permission{Reason: Reason(Declined)}
	case s.Objections.Against(ChannelEmail, purpose) != nil, of.Objections.Against(ChannelEmail, purpose) != nil:
		return Permission{Reason: ReasonObjected}
	}
	p := s.Purpose(purpose, now)
	switch {
	case p.State == Confirmed:
		return Permission{true, Reason(Confirmed)}
	case p.State == "" && s.State(now) == "":
		return Permission{Reason: ReasonUnknown}
	case p.State == "":
		return Permission{Reason: ReasonNeverAsked}
	}
	return Permission{Reason: cmp.Or(p.Reason, Reason(p.State))}
}

// State returns confirmed if any purpose is, else pending if a request is open, else the latest of what ended; empty if
// nothing is known.
func (s *Subscription) State(now time.Time) State {
	var best PurposeStatus
	for _, p := range s.Purposes(now) {
		better := cmp.Or(cmp.Compare(rank(p.State), rank(best.State)), p.Since.Compare(best.Since)) > 0
		if best.State == "" || better {
			best = p
		}
	}
	declined := s.Refused() != nil || s.unblocked() && best.State == ""
	if declined && rank(best.State) == 0 { // it ends everything, and nothing happens after it until Unblock
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

// Purposes returns where every purpose stands, in the order in which they were first asked for, without the words of
// their texts.
func (s *Subscription) Purposes(now time.Time) []PurposeStatus {
	all := []PurposeStatus{}
	for _, id := range purposeIDs(s) {
		all = append(all, s.Purpose(id, now))
	}
	return all
}

// Purpose returns where one purpose stands; the zero PurposeStatus if nothing is known of it.
func (s *Subscription) Purpose(id string, now time.Time) (best PurposeStatus) {
	consider := func(state State, since time.Time, st Statement, why ...Reason) {
		if st.Purpose != id {
			return
		}
		c := PurposeStatus{ID: id, State: state, Since: since, TextSHA256: st.SHA256}
		if len(why) > 0 {
			c.Reason = why[0]
		}
		if best.State == "" || cmp.Or(cmp.Compare(rank(state), rank(best.State)), since.Compare(best.Since)) >= 0 {
			best = c
		}
	}
	for _, r := range s.Requests {
		for _, st := range r.Statements {
			switch {
			case r.IsOpen(now):
				consider(Pending, r.Asked.At, st)
			case r.State == Pending:
				consider(Expired, r.Deadline, st)
			case r.State != Confirmed:
				consider(r.State, r.Closed.At, st, whyOf(r.State, r.Closed))
			case !s.Consents.from(r.ID, st.Purpose): // what was chosen stands in its consent
				consider(Expired, r.Closed.At, st, ReasonNotChosen)
			}
		}
	}
	for _, c := range s.Consents {
		switch {
		case c.State == Confirmed:
			consider(Confirmed, c.Given, c.Statement)
			if best.State == Confirmed && c.Purpose == id {
				best.ValidUntil = c.ValidUntil
				if !c.Used.IsZero() {
					best.LastUse = c.Used.Format(time.DateOnly)
				}
			}
		case c.State == Expired:
			why := map[Method]Reason{ByRevision: ReasonSuperseded, ByValidity: ReasonValidity}[c.Ended.How]
			consider(Expired, c.Ended.At, c.Statement, why)
		default:
			consider(c.State, c.Ended.At, c.Statement, whyOf(c.State, c.Ended))
		}
	}
	return best
}

// whyOf returns the reason of what ended in a state: people decline by a link, and object by the website.
func whyOf(state State, e *Evidence) Reason {
	if state == Declined && e.How == ByServer {
		return ReasonObjected
	}
	return ""
}

// Status returns the subscription for a website, without the words of its texts and without links.
func (s *Subscription) Status(id string, now time.Time) Status {
	st := Status{
		ID: id, Site: s.Site, Email: s.Address.String(), State: s.State(now), Locale: s.Locale,
		CreatedAt: s.Created, Purposes: s.Purposes(now), LastRefusal: lastRefusal(s, now),
	}
	for i := range s.Objections {
		if o := &s.Objections[i]; o.active() {
			st.Objections = append(st.Objections, ObjectionTo{o.Evidence.channel(), o.Purposes, o.Evidence.At})
		}
	}
	for i := range s.Consents {
		given := s.Consents[i].Given
		if s.Consents[i].State == Confirmed && (st.ConfirmedAt == nil || given.Before(*st.ConfirmedAt)) {
			st.ConfirmedAt = &given
		}
	}
	if st.State == Pending {
		var last time.Time
		for i := range s.Requests {
			if r := &s.Requests[i]; r.IsOpen(now) && r.Deadline.After(last) {
				last = r.Deadline
			}
		}
		st.ExpiresAt = &last
	}
	return st
}

// lastRefusal returns the last answer or report up to a time by which an email was not delivered, or nil.
func lastRefusal(s *Subscription, now time.Time) (last *LastRefusal) {
	consider := func(at time.Time, reason RefusalReason, reply string) {
		if !at.After(now) && (last == nil || at.After(last.At)) {
			last = &LastRefusal{at, cmp.Or(reason, RefusalUnknown), reply}
		}
	}
	email := func(e *Email) {
		for _, a := range e.Answers {
			consider(a.At, a.Reason, a.Reply)
		}
		if e.Bounced != nil {
			consider(e.Bounced.At, RefusalRecipient, e.Bounced.Reply)
		}
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		for n := range r.Emails {
			email(&r.Emails[n])
		}
		if r.State == Undeliverable {
			consider(r.Closed.At, RefusalRecipient, r.Closed.Reply)
		}
	}
	for i := range s.Notices {
		email(&s.Notices[i].Email)
	}
	for i := range s.Claims {
		email(&s.Claims[i].Email)
	}
	return last
}
