package main

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"
)

// killCount is how often the program is killed on each store.
const killCount = 20

// What was acknowledged is kept, whenever the process was killed.
func TestAKilledProgramLosesNothingItAcknowledged(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		survives(t, e, killCount, func(l *load, p *process, moments *rand.Rand) *process {
			l.waitToKill(moments)
			p.kill()
			return e.launch(e.listen)
		})
	})
}

// survives puts a load on the program while it, or what it needs, is killed so many times, and checks that nothing that
// was acknowledged is lost. Kill returns the program that runs afterwards.
func survives(
	t *testing.T, e *env, times int, kill func(l *load, p *process, moments *rand.Rand) *process,
) {
	t.Helper()
	e.leaseFor, e.relayAddr = 3*time.Second, slowRelay(t, e.mail.Addr(), 4*time.Millisecond)
	hook := newEndpoint(t)
	e.siteYAML = hook.yaml()
	seed := uint64(time.Now().UnixNano())
	t.Logf("moments by seed %d", seed)
	p := e.launch(e.listen)
	t.Cleanup(func() {
		if said := p.stderr.String(); t.Failed() {
			t.Logf("the last program said:\n%s", said[max(0, len(said)-4000):])
		}
	})
	l := newLoad(t, e)
	moments := rand.New(rand.NewPCG(seed, 0))
	for range times {
		after := kill(l, p, moments)
		l.kills = append(l.kills, time.Now())
		p = after
	}
	l.stop()
	t.Logf("killed %d times, at a call of a kind: %v", times, l.killedAt)
	e.actor(e.listen).eventually("ready",
		func() bool { return e.actor(e.listen).status("/readyz") == http.StatusOK })
	l.wantLoad(3 * times)
	l.wantEveryEmail(30 * time.Second) // also what the dead had leased
	l.wantNothingLost()
	l.wantEveryEvent(hook)
	if code := p.stop(); code != exitOK {
		t.Errorf("after all that it exits with %d:\n%s", code, p.stderr)
	}
	l.wantNoExtraEmail()
}

// waitToKill waits for the moment to kill: mostly under load, however slow this machine is, sometimes while the program
// is still starting.
func (l *load) waitToKill(moments *rand.Rand) {
	if before := len(l.accepted.keys()); moments.IntN(5) > 0 {
		l.env.actor(l.env.listen).eventually("load", func() bool { return len(l.accepted.keys()) >= before+5 })
	}
	<-time.After(time.Duration(moments.IntN(400)) * time.Millisecond)
}

// wantEveryEmail checks that everybody whose signup was answered 202 gets an email: while some arrive the others may
// just wait their turn, but none comes after such a time without any.
func (l *load) wantEveryEmail(within time.Duration) {
	l.t.Helper()
	accepted := l.accepted.keys()
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(accepted),
			func(email string) bool { return len(l.emails.get(email)) > 0 })
	}
	left := len(accepted) + 1
	for end := time.Now().Add(within); left > 0 && time.Now().Before(end); {
		if n := len(missing()); n < left {
			left, end = n, time.Now().Add(within)
		}
		<-time.After(100 * time.Millisecond)
	}
	if m := missing(); len(m) > 0 {
		l.t.Errorf("%d of %d whose signup was answered 202 have no email: %v", len(m), len(accepted),
			m[:min(5, len(m))])
	}
}

// wantLoad checks that there was a load: without one the test proves nothing.
func (l *load) wantLoad(least int) {
	l.t.Helper()
	accepted, confirmed := len(l.accepted.keys()), len(l.confirmed.keys())
	l.t.Logf("%d signups accepted, %d not answered; %d confirmations answered, %d not; %d emails for %d people",
		accepted, l.unanswered.Load(), confirmed, l.unconfirmed.Load(), l.emailCount.Load(), len(l.emails.keys()))
	if accepted < least || confirmed < least/4 || l.unanswered.Load() == 0 {
		l.t.Errorf("that was no load")
	}
}

// wantNothingLost checks that everybody who was answered "confirmed" is, and that nobody is who did not confirm.
func (l *load) wantNothingLost() {
	l.t.Helper()
	a := l.env.actor(l.env.listen)
	for _, email := range l.confirmed.keys() {
		if state := a.Lookup(email).State; state != "confirmed" {
			l.t.Errorf("%s was answered confirmed, and is %q", email, state)
		}
	}
	for _, email := range l.accepted.keys() {
		if state := a.Lookup(email).State; l.clicked.get(email) == nil && state != "pending" {
			l.t.Errorf("%s did not confirm, and is %q", email, state)
		}
	}
}

// wantEveryEvent checks that the website gets the event of each confirmation, perhaps several times, with one id.
func (l *load) wantEveryEvent(hook *endpoint) {
	l.t.Helper()
	a := l.env.actor(l.env.listen)
	for _, email := range l.confirmed.keys() {
		a.eventually("the event of "+email, func() bool { return len(hook.eventsAbout(email)) > 0 })
		for _, e := range hook.eventsAbout(email) {
			if first := hook.eventsAbout(email)[0]; e != first || e.Data.State != "confirmed" {
				l.t.Errorf("the website got %+v and %+v", first, e)
			}
		}
	}
}

// wantNoExtraEmail checks that a second copy of an email comes only if the process was killed between the two, and is
// the same email.
func (l *load) wantNoExtraEmail() {
	l.t.Helper()
	for _, email := range l.emails.keys() {
		all := l.emails.get(email)
		for i, m := range all[1:] {
			died := func(at time.Time) bool {
				// an email that was being sent still arrived
				return at.After(all[i].at.Add(-time.Second)) && at.Before(m.at)
			}
			if !slices.ContainsFunc(l.kills, died) {
				l.t.Errorf("%s got emails at %v and %v, and the process was not killed between", email, all[i].at, m.at)
			}
			if m.id != all[0].id || m.link != all[0].link {
				l.t.Errorf("%s has two different emails: %+v and %+v", email, all[0], m)
			}
		}
		if all[0].id == "" || all[0].link == "" || len(all) > 4 {
			l.t.Errorf("%s has %d emails: %+v", email, len(all), all[0])
		}
	}
}
