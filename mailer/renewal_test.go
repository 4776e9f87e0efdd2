package mailer_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// TestTheEmailThatAsksToRenewSaysWhenItWasAgreedToAndWhenItEnds also rebuilds it, after it was confirmed.
func TestTheEmailThatAsksToRenewSaysWhenItWasAgreedToAndWhenItEnds(t *testing.T) {
	r := startRelay(t)
	env := newEnv(t, r.addr, withKeys(t))
	first := env.signUp(ada)
	env.deliver(first)
	confirm := func(n int) {
		t.Helper()
		link := links(parse(t, r.received()[n].raw).text)[0]
		token := link[strings.LastIndexByte(link, '/')+1:]
		if _, err := env.Person.Confirm(t.Context(), token, nil, consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
	}
	confirm(0)
	env.keepSignature()
	env.advance(700 * 24 * time.Hour)
	jobs, err := env.store.Lease(t.Context(), store.TimerQueue, 10, time.Minute)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%d timers, %v", len(jobs), err)
	}
	if err := env.Clock.Expire(t.Context(), jobs[0]); err != nil {
		t.Fatal(err)
	}
	env.deliver(env.lease())
	raw := r.received()[1].raw
	m := parse(t, raw)
	for _, want := range []string{"Le 21 novembre 2026", "Cela prend fin le 20 novembre 2028", "Recevoir la lettre"} {
		if !strings.Contains(m.text, want) {
			t.Errorf("no %q in\n%s", want, m.text)
		}
	}
	if n := len(raw); n > 12_000 {
		t.Errorf("%d bytes", n)
	}
	if got := m.header.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe-Post is %q", got)
	}
	confirm(1)
	env.keepSignature()
	all, err := env.Relay.Sent(t.Context(), first.Key)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d emails, %v", len(all), err)
	}
	rebuilt, err := mailer.RebuildSent(all[1])
	if got := append([]byte(all[1].Delivery.Signature), rebuilt...); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("%v, it was\n%s\nand is now\n%s", err, raw, got)
	}
}
