package mailer

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNumberOfRememberedDomainsIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &domains{now: func() time.Time { return now }}
	stalled := &smtpError{step: stepRCPT, cause: context.DeadlineExceeded}
	under, _, _ := s.acquire(t.Context(), "under-way.example")
	for n := range 3 * maxDomains {
		slot, _, err := s.acquire(t.Context(), fmt.Sprintf("d%d.example", n))
		if err != nil {
			t.Fatal(err)
		}
		slot.release(stalled)
		if len(s.byName) > maxDomains {
			t.Fatalf("%d domains are remembered", len(s.byName))
		}
	}
	if _, wait, err := s.acquire(t.Context(), fmt.Sprintf("d%d.example", 3*maxDomains-1)); wait != time.Minute ||
		err != errDomainPaused {
		t.Errorf("the last of them is forgotten: %s, %v", wait, err)
	}
	before := len(s.byName)
	under.release(nil) // it was remembered as long as its email was under way; now it is one of many
	slot, _, _ := s.acquire(t.Context(), "new.example")
	if slot.release(nil); len(s.byName) != before {
		t.Errorf("%d domains are remembered, want %d", len(s.byName), before)
	}
}

func TestWhileOneDomainAfterAnotherStallsTheOthersKeepTheirWorkers(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &domains{now: func() time.Time { return now }, limit: 2}
	stalled := &smtpError{step: stepRCPT, cause: context.DeadlineExceeded}
	in := func(name string) *slot {
		t.Helper()
		slot, wait, err := s.acquire(t.Context(), name)
		if err != nil {
			t.Fatalf("%s waits for %s: %v", name, wait, err)
		}
		return slot
	}
	in("known.example").release(nil)
	a, b := in("a.example"), in("b.example") // nothing is known yet: both find out
	a.release(stalled)
	b.release(stalled)
	in("c.example").release(stalled)
	finder := in("d.example")
	if _, wait, err := s.acquire(t.Context(), "e.example"); err != errDomainSlow || wait != slowDelay {
		t.Errorf("a second email finds out: is retried in %s, %v", wait, err)
	}
	in("known.example").release(nil)
	finder.release(stalled)
	in("f.example").release(nil) // one that answers: it was not everybody's fault
	g, h := in("g.example"), in("h.example")
	g.release(nil)
	h.release(nil)
	if s.unproven != 0 {
		t.Errorf("%d emails are still finding out", s.unproven)
	}
}

func TestAnEmailToADomainWithEnoughUnderWayWaitsForOneToBeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &domains{now: time.Now, limit: 2}
		in := func() *slot {
			slot, _, err := s.acquire(t.Context(), "known.example")
			if err != nil {
				t.Fatal(err)
			}
			return slot
		}
		in().release(nil)
		first, second := in(), in()
		time.AfterFunc(time.Second, func() { first.release(nil) }) // not the last that was begun
		begun := time.Now()
		third := in()
		if waited := time.Since(begun); waited != time.Second {
			t.Errorf("it waited for %s, want until one was done", waited)
		}
		begun = time.Now()
		if _, wait, err := s.acquire(t.Context(), "known.example"); err != errDomainBusy || wait != busyWait ||
			time.Since(begun) != busyWait {
			t.Errorf("after %s it is retried in %s, %v", time.Since(begun), wait, err)
		}
		second.release(nil)
		third.release(nil)
	})
}
