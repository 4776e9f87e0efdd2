package consent_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

// knowledge is what is to be known of a person at a time.
type knowledge struct {
	State      consent.State
	Purposes   []string
	Refused    bool
	Objections int
	Open       int
}

func knowledgeOf(sub consent.Subscription, now time.Time) knowledge {
	k := knowledge{State: sub.State(now), Refused: sub.Refused() != nil}
	for _, p := range sub.Purposes(now) {
		k.Purposes = append(k.Purposes, p.ID+" "+string(p.State))
	}
	for _, o := range sub.Status("id", now).Objections {
		if o.Channel != "" {
			k.Objections++
		}
	}
	for _, r := range sub.Requests {
		if r.IsOpen(now) {
			k.Open++
		}
	}
	return k
}

func TestWhatStoodAtATimeCanBeAskedForLater(t *testing.T) {
	env := newEnv(t)
	link := func() consent.Evidence { return consent.Evidence{At: env.now, How: consent.ByLink} }
	sms := func() consent.Evidence {
		return consent.Evidence{At: env.now, How: consent.ByServer, Channel: consent.ChannelSMS}
	}
	type moment struct {
		at   time.Time
		want knowledge
	}
	var moments []moment
	for n, a := range []func() consent.Action{
		func() consent.Action { return env.signup("r1", "letter", "offers") },
		func() consent.Action { return env.confirm("r1") },
		func() consent.Action { return env.signup("r2", "events") },
		func() consent.Action { return env.withdraw("offers") },
		func() consent.Action { return consent.Object{Site: "gazette", Mailbox: "m", Evidence: sms()} },
		func() consent.Action { return consent.Use{Purpose: "letter"} },
		func() consent.Action { return consent.Unblock{Evidence: sms()} },
		func() consent.Action { return env.object("letter") },
		func() consent.Action { return consent.Unblock{Evidence: link()} },
		func() consent.Action { return env.signup("r3", "letter") },
		func() consent.Action { return env.confirm("r3") },
		func() consent.Action { return env.decline() },
		func() consent.Action { return consent.Unblock{Evidence: link()} },
		func() consent.Action { return env.signup("r4", "letter") },
	} {
		env.later(12 * time.Minute)
		if n > 8 {
			env.later(25 * time.Hour)
		}
		env.does(a())
		moments = append(moments, moment{env.now, knowledgeOf(env.sub, env.now)})
	}
	env.later(time.Minute)
	for i, m := range moments {
		then, whole := env.sub.AsOf(m.at)
		if diff := cmp.Diff(m.want, knowledgeOf(then, m.at)); diff != "" {
			t.Errorf("after action %d (-want +got):\n%s", i, diff)
		}
		if !whole {
			t.Errorf("after action %d: not all is known", i)
		}
		before := m.at.Add(-time.Millisecond)
		was := knowledge{}
		if i > 0 {
			was = moments[i-1].want
		}
		then, _ = env.sub.AsOf(before)
		if got := knowledgeOf(then, before); got.State != was.State || got.Refused != was.Refused ||
			got.Objections != was.Objections {
			t.Errorf("before action %d: %+v, want %+v", i, got, was)
		}
	}
	used := moments[5].at
	if then, _ := env.sub.AsOf(used.Add(-24 * time.Hour)); then.Consents.Used("letter", used.Add(-24*time.Hour)) {
		t.Error("a use is known before its day")
	}
}

func TestOfAnErasedPersonItIsKnownWhenTheyWithdrew(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	env.later(time.Hour).does(env.withdraw())
	withdrew := env.now
	env.later(time.Hour).does(consent.Erase{})
	for at, want := range map[time.Time]struct {
		state consent.State
		whole bool
	}{
		start.Add(-1):               {"", true},
		withdrew.Add(-time.Second):  {"", false},
		withdrew:                    {consent.Withdrawn, false},
		env.now.Add(-time.Second):   {consent.Withdrawn, false},
		env.now:                     {consent.Withdrawn, true},
		env.now.Add(24 * time.Hour): {consent.Withdrawn, true},
	} {
		if then, whole := env.sub.AsOf(at); then.State(at) != want.state || whole != want.whole {
			t.Errorf("at %v: %q, %t; want %+v", at, then.State(at), whole, want)
		}
	}
}
