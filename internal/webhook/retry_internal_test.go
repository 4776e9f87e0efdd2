package webhook

import (
	"testing"
	"time"
)

func TestTheAgeOfAnEventDecidesItsNextWait(t *testing.T) {
	const total = 9 * 24 * time.Hour
	for _, row := range []struct {
		age      time.Duration
		attempts int
		want     time.Duration
		ends     bool
	}{
		{-time.Minute, 1, 5 * time.Second, false}, // the clock is behind
		{0, 1, 5 * time.Second, false},
		{time.Second, 1, 4 * time.Second, false},
		{4 * time.Second, 2, 301 * time.Second, false},                // came early: the next wait
		{4 * time.Minute, 3, 31*time.Minute + 5*time.Second, false},   // early again
		{4 * time.Minute, 300, 31*time.Minute + 5*time.Second, false}, // however often it was probed
		{80 * time.Hour, 11, 0, false},
		{total + time.Hour, 200, 0, true},
		{total + time.Hour, 1, 5 * time.Second, false}, // requeued
		{total + time.Hour, 9, 24 * time.Hour, false},
		{total + time.Hour, 10, 0, true},
	} {
		got, more := nextWait(Waits(), row.age, row.attempts)
		if more == row.ends {
			t.Errorf("age %v, attempt %d: more is %v", row.age, row.attempts, more)
		}
		if row.want != 0 && (got-row.want).Abs() > 6*time.Second {
			t.Errorf("age %v, attempt %d: waits %v, want %v", row.age, row.attempts, got, row.want)
		}
		if got > 24*time.Hour || more && got <= 0 {
			t.Errorf("age %v: waits %v", row.age, got)
		}
	}
}

func TestAnEventIsTriedForSevenDaysEvenWithJitter(t *testing.T) {
	for _, by := range []time.Duration{80, 100, 120} { // percent
		age, attempts := time.Duration(0), 1
		for {
			wait, more := nextWait(Waits(), age, attempts+standardWaits)
			if !more {
				break
			}
			age, attempts = age+wait*by/100, attempts+1
		}
		if age < 7*24*time.Hour || attempts > 200 {
			t.Errorf("at %d%%: given up after %v and %d attempts", by, age, attempts)
		}
		t.Logf("at %d%%: %d attempts in %v", by, attempts, age)
	}
}
