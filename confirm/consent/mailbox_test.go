package consent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

func TestAMailboxKnowsItsSpellingsForAsLongAsTheyLast(t *testing.T) {
	var m consent.Mailbox
	in := func(d time.Duration) time.Time { return start.Add(d) }
	if !m.IsEmpty() || m.Knows("a", time.Time{}) {
		t.Error("nothing is known yet")
	}
	m.Know("a", in(time.Hour), start)
	m.Know("b", in(2*time.Hour), start)
	switch {
	case !m.Knows("a", in(time.Hour)), m.Knows("a", in(2*time.Hour)), m.Knows("a", time.Time{}):
		t.Errorf("a is known for an hour: %+v", m)
	case !m.DeletableAt().Equal(in(2 * time.Hour)):
		t.Errorf("it may be deleted at %v", m.DeletableAt())
	}
	m.Know("b", in(time.Hour), start) // it is known for longer
	if m.Know("c", time.Time{}, in(time.Hour)); len(m.Spellings) != 2 || m.Knows("a", in(0)) {
		t.Errorf("a is over: %+v", m)
	}
	if !m.DeletableAt().IsZero() || !m.Knows("c", in(1e6*time.Hour)) || !m.Knows("b", in(2*time.Hour)) {
		t.Errorf("c lasts: %+v", m)
	}
	m.Know("c", in(time.Hour), in(time.Hour))
	if !m.Knows("c", time.Time{}) {
		t.Error("what lasts was made to end")
	}
	m.Set("c", in(3*time.Hour), in(time.Hour))
	if m.Knows("c", time.Time{}) || !m.Knows("c", in(3*time.Hour)) {
		t.Errorf("c no longer lasts: %+v", m)
	}
	m.Decline(consent.Evidence{At: in(1), How: consent.ByLink, IP: "192.0.2.7"})
	m.Decline(consent.Evidence{At: in(2), How: consent.ByLink})
	if e := *m.Declined; e != (consent.Evidence{At: in(1), How: consent.ByLink}) || !m.DeletableAt().IsZero() {
		t.Errorf("the refusal is %+v, for good", e)
	}
	m.Unblock(consent.Evidence{How: consent.ByLink})
	m.Forget("b")
	m.Forget("c")
	if m.Forget("nobody"); !m.IsEmpty() {
		t.Errorf("%+v is left", m)
	}
}

func TestAMailboxHasRoomForSoManySpellings(t *testing.T) {
	var m consent.Mailbox
	for i := range consent.MaxSpellings {
		if !m.Know(fmt.Sprint(i), start.Add(time.Hour), start) {
			t.Fatalf("no room for spelling %d", i)
		}
	}
	if m.Know("one more", time.Time{}, start) || len(m.Spellings) != consent.MaxSpellings {
		t.Error("there was room for one too many")
	}
	if !m.Know("7", time.Time{}, start) {
		t.Error("one that is known has no room")
	}
	if !m.Know("one more", time.Time{}, start.Add(time.Hour)) || len(m.Spellings) != 2 {
		t.Errorf("when the others are over: %+v", m)
	}
}

func TestARefusalInAnotherSpellingClosesARequestAndLastsNoLonger(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	e := consent.Evidence{At: start.Add(-time.Hour), How: consent.ByLink, IP: "192.0.2.7"}
	follows(t, env.does(consent.Suppressed{RequestID: "unknown", Evidence: e}))
	follows(t, env.does(consent.Suppressed{RequestID: "r1", Evidence: e}), "subscription.declined")
	follows(t, env.does(consent.Suppressed{RequestID: "r1", Evidence: e}))
	env.is(consent.Declined)
	if env.sub.Refusals.Declined() != nil || env.sub.DeletableAt().IsZero() || env.sub.Requests[0].Closed.IP != "" {
		t.Errorf("%+v", env.sub)
	}
	if _, err := env.tries(env.confirm("r1")); err == nil {
		t.Error("it was confirmed all the same")
	}
	confirmed := newEnv(t)
	confirmed.does(confirmed.signup("r1"))
	confirmed.does(confirmed.confirm("r1"))
	confirmed.later(25 * time.Hour).does(confirmed.signup("r2", "offers"))
	follows(t, confirmed.does(consent.Suppressed{RequestID: "r1", Evidence: e}))
	follows(t, confirmed.does(consent.Suppressed{RequestID: "r2", Evidence: e}))
	confirmed.is(consent.Confirmed) // what was confirmed is ended by the refusal itself, if at all
}

func TestAMailboxRefusesInEverySpelling(t *testing.T) {
	asks := func(purposes ...string) *consent.Request {
		r := &consent.Request{}
		for _, p := range purposes {
			r.Statements = append(r.Statements, consent.Statement{Purpose: p})
		}
		return r
	}
	objection := func(at time.Duration, by consent.Channel, purposes ...string) consent.Objection {
		return consent.Objection{Purposes: purposes, Mailbox: "m", Evidence: consent.Evidence{
			At: start.Add(at), How: consent.ByServer, Channel: by, Detail: "asked our desk",
		}}
	}
	refuses := func(m *consent.Mailbox, r *consent.Request, want string, at time.Duration) {
		t.Helper()
		purposes, e := m.Refusal(r)
		wrong := (e == nil) != (at < 0) || e != nil && !e.At.Equal(start.Add(at))
		if got := fmt.Sprint(purposes); got != want || wrong {
			t.Errorf("it refuses %s by %+v, want %s", got, e, want)
		}
	}
	var m consent.Mailbox
	refuses(&m, asks("letter", "offers"), "[]", -1)
	m.Object(objection(1, consent.ChannelEmail, "offers", "letter", "offers"))
	m.Object(objection(2, consent.ChannelEmail, "offers")) // is covered
	m.Object(objection(3, consent.ChannelSMS))
	if len(m.Objections) != 2 || m.Objections[0].Evidence.Detail != "" || m.IsEmpty() || !m.DeletableAt().IsZero() {
		t.Errorf("%+v", m.Objections)
	}
	refuses(&m, asks("letter", "events"), "[letter]", 1)
	refuses(&m, asks("offers", "letter"), "[offers letter]", 1)
	refuses(&m, asks("events"), "[]", -1)
	refuses(&m, nil, "[]", -1) // of a notice, which is about no purpose
	m.Object(objection(4, consent.ChannelEmail))
	refuses(&m, asks("events"), "[]", 4) // all
	refuses(&m, nil, "[]", 4)

	var other consent.Mailbox
	other.AddRefusals(m)
	refuses(&other, asks("events"), "[]", 4)
	m.Unblock(consent.Evidence{How: consent.ByServer})
	refuses(&m, asks("letter"), "[]", -1)
	if len(m.Objections) != 1 || m.Objections[0].Evidence.Channel != consent.ChannelSMS {
		t.Errorf("what was about another channel is gone: %+v", m.Objections)
	}
	m.Decline(consent.Evidence{At: start.Add(5), How: consent.ByLink})
	other.AddRefusals(m)
	refuses(&other, asks("letter"), "[]", 5)
	m.Unblock(consent.Evidence{How: consent.ByServer}) // a website cannot end what the mailbox declined
	refuses(&m, asks("letter"), "[]", 5)
	m.Unblock(consent.Evidence{How: consent.ByLink})
	refuses(&m, asks("letter"), "[]", -1)
	other.AddRefusals(consent.Mailbox{})
	refuses(&other, asks("letter"), "[]", 5)
}

func TestAMailboxThatRefusedPartOfARequestLeavesTheRest(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter", "offers"))
	e := consent.Evidence{At: start.Add(-time.Hour), How: consent.ByServer}
	follows(t, env.does(consent.Suppressed{RequestID: "r1", Purposes: []string{"offers"}, Evidence: e}))
	follows(t, env.does(consent.Suppressed{RequestID: "r1", Purposes: []string{"offers"}, Evidence: e}))
	env.is(consent.Pending).stands("letter pending")
	follows(t, env.does(env.confirm("r1")), "subscription.confirmed")
	env.stands("letter confirmed")

	all := newEnv(t)
	all.does(all.signup("r1", "letter", "offers"))
	all.later(25 * time.Hour).does(all.signup("r2", "events"))
	both := consent.Suppressed{RequestID: "r1", Purposes: []string{"offers", "letter"}, Evidence: e}
	follows(t, all.does(both)) // another request is open
	all.is(consent.Pending)
	both.RequestID, both.Purposes = "r2", []string{"events"}
	follows(t, all.does(both), "subscription.declined")
}
