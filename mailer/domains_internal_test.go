package mailer

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func TestWhatIsRememberedOfDomainsIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &domains{now: func() time.Time { return now }}
	stalled := &fault{stage: stageRCPT, cause: context.DeadlineExceeded}
	under, _, _ := s.enter(t.Context(), "under-way.example")
	for n := range 3 * maxDomains {
		v, _, err := s.enter(t.Context(), fmt.Sprintf("d%d.example", n))
		if err != nil {
			t.Fatal(err)
		}
		v.end(stalled)
		if len(s.all) > maxDomains {
			t.Fatalf("%d domains are remembered", len(s.all))
		}
	}
	if _, wait, err := s.enter(t.Context(), fmt.Sprintf("d%d.example", 3*maxDomains-1)); wait != time.Minute || err != errResting {
		t.Errorf("the last of them is forgotten: %s, %v", wait, err)
	}
	before := len(s.all)
	under.end(nil) // it was remembered as long as its letter was under way; now it is one of many
	v, _, _ := s.enter(t.Context(), "new.example")
	if v.end(nil); len(s.all) != before {
		t.Errorf("%d domains are remembered, want %d", len(s.all), before)
	}
}

func TestWhileOneDomainAfterAnotherStallsTheOthersKeepTheirWorkers(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &domains{now: func() time.Time { return now }, most: 2}
	stalled := &fault{stage: stageRCPT, cause: context.DeadlineExceeded}
	in := func(name string) *visit {
		t.Helper()
		v, wait, err := s.enter(t.Context(), name)
		if err != nil {
			t.Fatalf("%s waits for %s: %v", name, wait, err)
		}
		return v
	}
	in("known.example").end(nil)
	a, b := in("a.example"), in("b.example") // nothing is known yet: both find out
	a.end(stalled)
	b.end(stalled)
	in("c.example").end(stalled)
	finder := in("d.example")
	if _, wait, err := s.enter(t.Context(), "e.example"); err != errSlow || wait != slowFor {
		t.Errorf("a second letter finds out: waits %s, %v", wait, err)
	}
	in("known.example").end(nil)
	finder.end(stalled)
	in("f.example").end(nil) // one that answers: it was not everybody's fault
	g, h := in("g.example"), in("h.example")
	g.end(nil)
	h.end(nil)
	if s.finding != 0 {
		t.Errorf("%d letters are still finding out", s.finding)
	}
}
