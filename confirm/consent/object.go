package consent

import (
	"slices"
	"time"
)

// Channel is a way to reach a person. An email's link proves nothing about another one, so nothing is confirmed here
// for any but e-mail; that a person wants none of it is kept for all.
type Channel string

// The channels.
const (
	ChannelEmail Channel = "email"
	ChannelSMS   Channel = "sms"
	ChannelPhone Channel = "phone"
	ChannelPost  Channel = "post"
	ChannelPush  Channel = "push"
)

// Channels returns all of them.
func Channels() []Channel {
	return []Channel{ChannelEmail, ChannelSMS, ChannelPhone, ChannelPost, ChannelPush}
}

// channel returns the channel that evidence is about.
func (e *Evidence) channel() Channel {
	if e.Channel == "" {
		return ChannelEmail
	}
	return e.Channel
}

// Objection is that a person wants no more of some purposes by one channel, as the website passed it on (GDPR, article
// 21). For e-mail it is as a Refusal. A Withdraw of another channel is one, too.
type Objection struct {
	Evidence  Evidence // its Channel is the one that is meant
	Purposes  []string // none: all
	Mailbox   string   // as of Refusal; empty: a Withdraw, which is about this subscription alone
	Unblocked *Evidence
}

// active reports whether the objection holds.
func (o *Objection) active() bool { return o.Unblocked == nil }

// covers reports whether the objection holds for a purpose by a channel; the purpose "" is all of them.
func (o *Objection) covers(by Channel, purpose string) bool {
	return o.active() && o.Evidence.channel() == by &&
		(len(o.Purposes) == 0 || slices.Contains(o.Purposes, purpose))
}

// isWithdrawal reports whether the objection is a Withdraw of another channel.
func (o *Objection) isWithdrawal() bool { return o.Mailbox == "" }

// same reports whether two are the same objection, ended or not.
func (o *Objection) same(p Objection) bool {
	return o.Evidence.At.Equal(p.Evidence.At) && o.Evidence.channel() == p.Evidence.channel() &&
		slices.Equal(o.Purposes, p.Purposes)
}

// bare returns what is kept of an objection when its person is erased.
func (o *Objection) bare() Objection {
	return Objection{
		Evidence: Evidence{At: o.Evidence.At, How: o.Evidence.How, Channel: o.Evidence.Channel},
		Purposes: o.Purposes, Mailbox: o.Mailbox,
	}
}

// Objections are those of one subscription or mailbox, oldest first.
type Objections []Objection

// maxObjections is how many are kept if there are some among them that ended: the oldest of these is forgotten first.
const maxObjections = 64

// Against returns the evidence of the objection that holds for a purpose by a channel, or nil. The purpose "" is all.
func (all Objections) Against(by Channel, purpose string) *Evidence {
	for i := range all {
		if all[i].covers(by, purpose) {
			return &all[i].Evidence
		}
	}
	return nil
}

// Active reports whether any of them holds.
func (all Objections) Active() bool {
	return slices.ContainsFunc(all, func(o Objection) bool { return o.active() })
}

// add adds an objection as far as those that hold do not cover it, and reports whether there was anything to add.
func (all *Objections) add(o Objection) bool {
	by := o.Evidence.channel()
	if all.Against(by, "") != nil {
		return false
	}
	if len(o.Purposes) > 0 {
		o.Purposes = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(o.Purposes))), func(id string) bool {
			return all.Against(by, id) != nil
		})
		if len(o.Purposes) == 0 {
			return false
		}
	}
	*all = append(slices.Clip(*all), o)
	return true
}

// unblock ends those that an Unblock ends: of the channel that its evidence is about. It reports whether there were
// any.
func (all *Objections) unblock(e *Evidence) (ended bool) {
	*all = slices.Clone(*all)
	for i := range *all {
		if o := &(*all)[i]; o.active() && o.Evidence.channel() == e.channel() {
			o.Unblocked, ended = e, true
		}
	}
	return ended
}

// allowed returns the statements of whose purposes an email may speak.
func (all Objections) allowed(statements []Statement) []Statement {
	if len(all) == 0 {
		return statements
	}
	return slices.DeleteFunc(slices.Clone(statements), func(st Statement) bool {
		return all.Against(ChannelEmail, st.Purpose) != nil
	})
}

// unblockedAt returns when one of them last ended; zero: never.
func (all Objections) unblockedAt() (last time.Time) {
	for i := range all {
		if e := all[i].Unblocked; e != nil {
			last = later(last, e.At)
		}
	}
	return last
}

// Refused returns the evidence of what holds so that no email may come: a refusal, or an objection to all; nil.
func (s *Subscription) Refused() *Evidence {
	if declined := s.Refusals.Declined(); declined != nil {
		return declined
	}
	return s.Objections.Against(ChannelEmail, "")
}

// Object is an objection that a website passes on. For e-mail it ends the consents, closes what is open, and stops
// every email about its purposes until Unblock, no matter who signs the address up. It holds for an address of which
// nothing else is known, too.
type Object struct {
	Site     string
	Purposes []string // none: all
	Mailbox  string   // as of Refusal
	Evidence Evidence // its Channel is the one that is meant
}

func (a Object) apply(s *edit, now time.Time) (effects, error) {
	o := Objection{Evidence: a.Evidence, Purposes: a.Purposes, Mailbox: a.Mailbox}
	if !s.object(o) {
		return effects{}, nil
	}
	if s.Created.IsZero() {
		s.Site, s.Created = a.Site, now
	}
	if a.Evidence.channel() != ChannelEmail {
		return effects{}, nil
	}
	purposes := a.Purposes
	if len(purposes) == 0 {
		purposes = purposeIDs(s.Subscription)
	}
	s.drop(Declined, purposes, a.Evidence, now)
	s.end(Declined, a.Evidence, purposes)
	if s.Address.IsZero() {
		return effects{}, nil
	}
	return event(EventDeclined), nil
}

// object adds an objection, and reports whether it is new.
func (s *edit) object(o Objection) bool {
	if !s.Objections.add(o) {
		return false
	}
	s.touch()
	over := slices.IndexFunc(s.Objections, func(o Objection) bool { return !o.active() })
	if len(s.Objections) > maxObjections && over >= 0 {
		s.forgetHistory(s.Objections[over].Unblocked.At)
		s.Objections = slices.Delete(s.Objections, over, over+1)
	}
	return true
}
