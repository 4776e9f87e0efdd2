package consent

import (
	"slices"
	"time"
)

// MaxSpellings is how many spellings of one mailbox can have an open link or a lasting answer at a site. Further ones
// get no email.
const MaxSpellings = 64

// Mailbox is what a site knows of one mailbox in all its spellings, beside its subscriptions: what was refused, and
// which subscriptions it has. The subscription under the plainest spelling is found without this, and is listed only
// once it refused something.
type Mailbox struct {
	Declined   *Evidence  // the time and method of the refusal that holds; nil: none does
	Objections Objections // that hold, with no more evidence than that
	Spellings  []Spelling
}

// Spelling is a subscription under one spelling.
type Spelling struct {
	ID    string
	Until time.Time // from when nothing is known of it, unless it is told again; zero: it lasts
}

// Knows reports whether a subscription is known for good, or until a time at least.
func (m *Mailbox) Knows(id string, until time.Time) bool {
	i := m.place(id)
	return i >= 0 && !lastsLonger(until, m.Spellings[i].Until)
}

func (m *Mailbox) place(id string) int {
	return slices.IndexFunc(m.Spellings, func(s Spelling) bool { return s.ID == id })
}

func lastsLonger(a, b time.Time) bool { return !b.IsZero() && (a.IsZero() || a.After(b)) }

// Know notes that there is a subscription, until a time or, if that is zero, for good. What is over is forgotten. It
// reports whether there was room.
func (m *Mailbox) Know(id string, until, now time.Time) bool {
	m.Spellings = slices.DeleteFunc(slices.Clone(m.Spellings), func(s Spelling) bool {
		return !s.Until.IsZero() && !now.Before(s.Until) && s.ID != id
	})
	i := m.place(id)
	switch {
	case i < 0 && len(m.Spellings) >= MaxSpellings:
		return false
	case i < 0:
		m.Spellings = append(m.Spellings, Spelling{id, until})
	case lastsLonger(until, m.Spellings[i].Until):
		m.Spellings[i].Until = until
	}
	return true
}

// Set is Know with another end than was known: a subscription that lasted may no longer.
func (m *Mailbox) Set(id string, until, now time.Time) {
	m.Forget(id)
	m.Know(id, until, now)
}

// Forget forgets a subscription.
func (m *Mailbox) Forget(id string) {
	m.Spellings = slices.DeleteFunc(slices.Clone(m.Spellings), func(s Spelling) bool { return s.ID == id })
}

// Decline notes a "this was not me" that holds for every spelling until Unblock. The first one holds.
func (m *Mailbox) Decline(e Evidence) {
	if m.Declined == nil {
		m.Declined = &Evidence{At: e.At, How: e.How}
	}
}

// Object notes an objection that holds for every spelling until Unblock.
func (m *Mailbox) Object(o Objection) { m.Objections.add(o.bare()) }

// AddRefusals adds what another record of the same mailbox says was refused.
func (m *Mailbox) AddRefusals(of Mailbox) {
	if of.Declined != nil {
		m.Declined = of.Declined
	}
	for _, o := range of.Objections {
		m.Object(o)
	}
}

// Unblock ends what Decline and Object noted, as consent.Unblock does.
func (m *Mailbox) Unblock(e Evidence) {
	if e.How != ByServer {
		m.Declined = nil
	}
	m.Objections = slices.DeleteFunc(slices.Clone(m.Objections), func(o Objection) bool {
		return o.Evidence.channel() == e.channel()
	})
}

// Refusal returns what of a request's purposes the mailbox refused, and the evidence of it: no purposes means all; nil
// evidence means nothing.
func (m *Mailbox) Refusal(r *Request) (purposes []string, e *Evidence) {
	if m.Declined != nil {
		return nil, m.Declined
	}
	if e = m.Objections.Against(ChannelEmail, ""); e != nil || r == nil {
		return nil, e
	}
	for _, st := range r.Statements {
		if against := m.Objections.Against(ChannelEmail, st.Purpose); against != nil {
			purposes, e = append(purposes, st.Purpose), against
		}
	}
	return purposes, e
}

// IsEmpty reports whether there is nothing to be kept.
func (m *Mailbox) IsEmpty() bool {
	return m.Declined == nil && len(m.Objections) == 0 && len(m.Spellings) == 0
}

// DeletableAt returns when all of it may be forgotten; zero: never.
func (m *Mailbox) DeletableAt() (at time.Time) {
	if m.Declined != nil || len(m.Objections) > 0 {
		return time.Time{}
	}
	for _, s := range m.Spellings {
		if s.Until.IsZero() {
			return time.Time{}
		}
		if s.Until.After(at) {
			at = s.Until
		}
	}
	return at
}

// Suppressed closes a request, or takes purposes out of it, because the mailbox refused under another spelling. It is
// no refusal of its own, and nothing of it is kept longer than of any request that came to nothing: else a stranger who
// invents spellings would have a record of each kept for good.
type Suppressed struct {
	RequestID string
	Purposes  []string // none: all
	Evidence  Evidence // of the refusal
}

func (a Suppressed) apply(s *edit, now time.Time) (effects, error) {
	r := s.Requests.Find(a.RequestID)
	if r == nil || r.State != Pending {
		return effects{}, nil
	}
	e := Evidence{At: now, How: a.Evidence.How}
	if len(a.Purposes) == 0 {
		s.close(r, Declined, e)
	} else {
		s.dropFrom(r, Declined, a.Purposes, e, now)
	}
	if r.State != Declined || s.State(now) != Declined {
		return effects{}, nil
	}
	return event(EventDeclined), nil
}
