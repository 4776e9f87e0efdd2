package consent

import (
	"slices"
	"time"
)

// Withdraw takes consent back: the named purposes, or all. It works without a question at any time, and more than
// once. Of another channel than e-mail it ends no consent, and is kept as an Objection by that channel.
type Withdraw struct {
	Purposes []string // none: all
	Evidence Evidence
}

func (a Withdraw) apply(s *edit, now time.Time) (effects, error) {
	purposes := a.Purposes
	if len(purposes) == 0 {
		purposes = purposeIDs(s.Subscription)
	}
	if a.Evidence.channel() != ChannelEmail {
		s.object(Objection{Evidence: a.Evidence, Purposes: a.Purposes})
		return effects{}, nil
	}
	s.drop(Withdrawn, purposes, a.Evidence, now)
	if !s.end(Withdrawn, a.Evidence, purposes) {
		return effects{}, nil
	}
	return event(EventWithdrawn), nil
}

// purposeIDs returns every purpose that was ever asked for or consented to.
func purposeIDs(s *Subscription) (ids []string) {
	add := func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, c := range s.Consents {
		add(c.Purpose)
	}
	for _, r := range s.Requests {
		for _, st := range r.Statements {
			add(st.Purpose)
		}
	}
	return ids
}

// drop takes purposes out of every open request, so that an older email cannot bring back what was taken back. A
// request with nothing left is closed in a state.
func (s *edit) drop(state State, purposes []string, e Evidence, now time.Time) {
	for i := range s.Requests {
		s.dropFrom(&s.Requests[i], state, purposes, e, now)
	}
}

func (s *edit) dropFrom(r *Request, state State, purposes []string, e Evidence, now time.Time) {
	if r.State != Pending {
		return
	}
	dropped := func(st Statement) bool { return slices.Contains(purposes, st.Purpose) }
	left := slices.DeleteFunc(slices.Clone(r.Statements), dropped)
	if len(left) == 0 {
		s.close(r, state, e)
	} else if len(left) < len(r.Statements) {
		r.Statements = left
		s.touch()
		s.forgetHistory(now)
	}
}

// Complained is a mail system's report that the holder of a mailbox marked an email as spam. They want none: everything
// that is confirmed is withdrawn, and what is open is closed as withdrawn.
type Complained struct {
	Evidence Evidence // its How is ByComplaint, by which complaints are counted
}

func (a Complained) apply(s *edit, now time.Time) (effects, error) {
	return Withdraw{Evidence: a.Evidence}.apply(s, now)
}
