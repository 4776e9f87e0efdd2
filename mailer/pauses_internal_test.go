package mailer

import (
	"testing"
	"time"
)

func TestAPauseGrowsUntilAnAttemptSucceeds(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var p pause
	if p.remaining(now) != 0 || p.begin() || p.succeed() {
		t.Fatal("a pause is on before anything failed")
	}
	for n, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		first := n > 0 && p.begin()
		if began := p.fail(now, first, relayBusy()); began != (n == 0) || p.remaining(now) != want*time.Second {
			t.Fatalf("failure %d: %s is left, want %d s; began %v", n+1, p.remaining(now), want, began)
		}
		now = p.until
		if p.remaining(now) != 0 {
			t.Fatalf("%s is left when it is over", p.remaining(now))
		}
	}
	p.begin()
	if p.fail(now, true, relayRefuses()); p.remaining(now) != 2*time.Minute {
		t.Errorf("a refusal after that: %s", p.remaining(now))
	}
	for range 5 {
		now = p.until
		p.fail(now, p.begin(), relayRefuses())
	}
	if p.remaining(now) != 10*time.Minute {
		t.Errorf("refusals without end: %s, want 10 minutes", p.remaining(now))
	}
	if !p.succeed() || p.remaining(now) != 0 || p.succeed() {
		t.Error("a success does not end it, or ends it twice")
	}
}

func TestAfterAPauseOneAttemptIsMadeAndTheOthersWait(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var p pause
	p.fail(now, false, relayBusy())
	if p.remaining(p.until.Add(-time.Millisecond)) != time.Second {
		t.Error("a pause that is almost over lets an email come back at once")
	}
	now = p.until
	if !p.begin() || p.remaining(now) != time.Second {
		t.Fatalf("%s is left for the others while one is attempted", p.remaining(now))
	}
	if p.fail(now, false, relayBusy()) || !p.attempting || p.duration != 5*time.Second {
		t.Error("what was under way before the pause, and fails too, counts")
	}
	p.abandon(false)
	if p.remaining(now) == 0 {
		t.Error("another attempt ended the first one")
	}
	p.abandon(true)
	if p.remaining(now) != 0 || !p.active() {
		t.Error("an attempt that found nothing out ended the pause, or left no room for another")
	}
}
