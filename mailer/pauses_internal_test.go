package mailer

import (
	"testing"
	"time"
)

func TestAPauseGrowsUntilATrialSucceeds(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var p pause
	if p.left(now) != 0 || p.enter() || p.succeed() {
		t.Fatal("a pause is on before anything failed")
	}
	for n, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		trial := n > 0 && p.enter()
		if began := p.fail(now, trial, transient()); began != (n == 0) || p.left(now) != want*time.Second {
			t.Fatalf("failure %d: %s is left, want %d s; began %v", n+1, p.left(now), want, began)
		}
		now = p.until
		if p.left(now) != 0 {
			t.Fatalf("%s is left when it is over", p.left(now))
		}
	}
	p.enter()
	if p.fail(now, true, refusing()); p.left(now) != 2*time.Minute {
		t.Errorf("a refusal after that: %s", p.left(now))
	}
	for range 5 {
		now = p.until
		p.fail(now, p.enter(), refusing())
	}
	if p.left(now) != 10*time.Minute {
		t.Errorf("refusals without end: %s, want 10 minutes", p.left(now))
	}
	if !p.succeed() || p.left(now) != 0 || p.succeed() {
		t.Error("a success does not end it, or ends it twice")
	}
}

func TestAfterAPauseOneTriesAndTheOthersWait(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var p pause
	p.fail(now, false, transient())
	if p.left(p.until.Add(-time.Millisecond)) != time.Second {
		t.Error("what is all but over is told to come back at once")
	}
	now = p.until
	if !p.enter() || p.left(now) != time.Second {
		t.Fatalf("%s is left for the others while one tries", p.left(now))
	}
	if p.fail(now, false, transient()) || !p.tried || p.length != 5*time.Second {
		t.Error("what was under way before the pause, and fails too, counts")
	}
	p.leave(false)
	if p.left(now) == 0 {
		t.Error("somebody else ended the trial")
	}
	p.leave(true)
	if p.left(now) != 0 || !p.on() {
		t.Error("a trial that found nothing out ended the pause, or left no room for another")
	}
}
