package main

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"
)

// kills is how often the program is killed on each store.
const kills = 20

// The promise is that of an answer: what was acknowledged is kept, wherever the process was when it died.
func TestKilledAtAnyMomentItLosesNothingItAcknowledged(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		w.hold, w.smtp = 3*time.Second, slowRelay(t, w.mail.Addr(), 4*time.Millisecond)
		hook := newReceiver(t)
		w.more = hook.yaml()
		seed := uint64(time.Now().UnixNano())
		t.Logf("moments by seed %d", seed)
		p := w.launch(w.listen)
		c := newCrowd(t, w)
		moments := rand.New(rand.NewPCG(seed, 0))
		for range kills {
			c.liveFor(moments)
			p.kill()
			c.deaths = append(c.deaths, time.Now())
			p = w.launch(w.listen)
		}
		c.rest()
		w.actor(w.listen).until("ready", func() bool { return w.actor(w.listen).status("/readyz") == http.StatusOK })
		c.wasThere(3 * kills)
		c.everyLetterComes(30 * time.Second) // also what the dead had leased
		c.nothingIsForgotten()
		c.everythingIsTold(hook)
		if code := p.stops(); code != exitOK {
			t.Errorf("after all that it ends with %d:\n%s", code, p.stderr)
		}
		c.noLetterTooMany()
	})
}

// liveFor waits for the moment to kill: mostly under load, however slow this machine is, now and then while the program is still starting.
func (c *crowd) liveFor(moments *rand.Rand) {
	if before := len(c.accepted.keys()); moments.IntN(5) > 0 {
		c.w.actor(c.w.listen).until("load", func() bool { return len(c.accepted.keys()) >= before+5 })
	}
	<-time.After(time.Duration(moments.IntN(400)) * time.Millisecond)
}

// everyLetterComes: whoever was told 202 gets their letter in time.
func (c *crowd) everyLetterComes(within time.Duration) {
	c.t.Helper()
	accepted := c.accepted.keys()
	end := time.Now().Add(within)
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(accepted), func(email string) bool { return len(c.letters.get(email)) > 0 })
	}
	for len(missing()) > 0 && time.Now().Before(end) {
		<-time.After(20 * time.Millisecond)
	}
	if m := missing(); len(m) > 0 {
		c.t.Errorf("%d of %d who were told 202 have no letter: %v", len(m), len(accepted), m[:min(5, len(m))])
	}
}

// wasThere: a test under load proves something only if there was one.
func (c *crowd) wasThere(least int) {
	c.t.Helper()
	accepted, confirmed := len(c.accepted.keys()), len(c.confirmed.keys())
	c.t.Logf("%d signups accepted, %d not answered; %d presses answered, %d not; %d letters for %d people",
		accepted, c.unheard.Load(), confirmed, c.unpressed.Load(), c.came.Load(), len(c.letters.keys()))
	if accepted < least || confirmed < least/4 || c.unheard.Load() == 0 {
		c.t.Errorf("that was no load")
	}
}

// nothingIsForgotten: whoever was told "confirmed" is, and nobody else but who may have been without hearing it.
func (c *crowd) nothingIsForgotten() {
	c.t.Helper()
	a := c.w.actor(c.w.listen)
	for _, email := range c.confirmed.keys() {
		if state := a.MayIWrite(email).State; state != "confirmed" {
			c.t.Errorf("%s was told confirmed, and is %q", email, state)
		}
	}
	for _, email := range c.accepted.keys() {
		if state := a.MayIWrite(email).State; c.pressed.get(email) == nil && state != "pending" {
			c.t.Errorf("%s pressed nothing, and is %q", email, state)
		}
	}
}

// everythingIsTold: the website hears of each confirmation, however often, under one id.
func (c *crowd) everythingIsTold(hook *receiver) {
	c.t.Helper()
	a := c.w.actor(c.w.listen)
	for _, email := range c.confirmed.keys() {
		a.until("the website is told of "+email, func() bool { return len(hook.about(email)) > 0 })
		for _, e := range hook.about(email) {
			if first := hook.about(email)[0]; e != first || e.Data.State != "confirmed" {
				c.t.Errorf("the website was told %+v and %+v", first, e)
			}
		}
	}
}

// noLetterTooMany: a copy comes only where the relay's answer was lost, so somebody died between the two; and it is the same letter.
func (c *crowd) noLetterTooMany() {
	c.t.Helper()
	for _, email := range c.letters.keys() {
		all := c.letters.get(email)
		for i, l := range all[1:] {
			died := func(at time.Time) bool {
				return at.After(all[i].at.Add(-time.Second)) && at.Before(l.at) // what was on its way still came
			}
			if !slices.ContainsFunc(c.deaths, died) {
				c.t.Errorf("%s got letters at %v and %v, and nobody died between", email, all[i].at, l.at)
			}
			if l.id != all[0].id || l.link != all[0].link {
				c.t.Errorf("%s has two different letters: %+v and %+v", email, all[0], l)
			}
		}
		if all[0].id == "" || all[0].link == "" || len(all) > 4 {
			c.t.Errorf("%s has %d letters: %+v", email, len(all), all[0])
		}
	}
}
