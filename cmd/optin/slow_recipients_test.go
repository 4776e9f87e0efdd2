package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Many emails are refused for now, many more stall the relay, and a new one to somebody else is still sent soon.
func TestBadRecipientsDoNotDelayGoodOnes(t *testing.T) {
	bad, good := size(300, 10_000), size(20, 100)
	relay := newSMTPServer(t, map[string]func(context.Context) error{"slow.test": stalls, "later.test": refusesForNow})
	onEachStore(t, func(t *testing.T, e *env) {
		e.relayAddr, e.topYAML = relay.addr, unlimited
		service := e.core().service
		signUpMany(t, service, bad, func(i int) string {
			return fmt.Sprintf("person%d@%s", i, []string{"slow.test", "later.test"}[i%2])
		})
		p := e.launch(e.listen)
		a := e.actor(e.listen)
		a.eventually("ready", func() bool { return a.status("/readyz") == 200 })
		var waited []time.Duration
		for i := range good {
			email := fmt.Sprintf("%s%d@good%d.test", t.Name()[len(t.Name())-5:], i, i)
			begun := time.Now()
			if code := a.SignUp(email); code != 202 {
				t.Fatalf("a signup returns %d", code)
			}
			a.eventually("the email to "+email, func() bool { return len(relay.arrivedAt(email)) > 0 })
			waited = append(waited, relay.arrivedAt(email)[0].Sub(begun))
		}
		slices.Sort(waited)
		late := waited[(len(waited)*99+99)/100-1]
		t.Logf("beside %d bad ones, %d new emails were sent after %v (median), %v (99 in 100), %v (last)", bad, good,
			waited[len(waited)/2].Round(time.Millisecond), late.Round(time.Millisecond),
			waited[len(waited)-1].Round(time.Millisecond))
		if late > 5*time.Second {
			t.Errorf("a new email waited for %v", late)
		}
		p.kill() // some of its emails stall
	})
}
