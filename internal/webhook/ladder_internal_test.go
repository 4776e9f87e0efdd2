package webhook

import (
	"testing"
	"time"
)

func TestTheLadderIsClimbedByAge(t *testing.T) {
	const total = 9 * 24 * time.Hour
	for _, row := range []struct {
		age   time.Duration
		tries int
		want  time.Duration
		ends  bool
	}{
		{-time.Minute, 1, 5 * time.Second, false}, // its clock is behind
		{0, 1, 5 * time.Second, false},
		{time.Second, 1, 4 * time.Second, false},
		{4 * time.Second, 2, 301 * time.Second, false},                // came early: the next step
		{4 * time.Minute, 3, 31*time.Minute + 5*time.Second, false},   // early again
		{4 * time.Minute, 300, 31*time.Minute + 5*time.Second, false}, // however often it was tried out of turn
		{80 * time.Hour, 11, 0, false},
		{total + time.Hour, 200, 0, true},
		{total + time.Hour, 1, 5 * time.Second, false}, // replayed
		{total + time.Hour, 9, 24 * time.Hour, false},
		{total + time.Hour, 10, 0, true},
	} {
		got, more := next(Waits(), row.age, row.tries)
		if more == row.ends {
			t.Errorf("age %v, try %d: goes on is %v", row.age, row.tries, more)
		}
		if row.want != 0 && (got-row.want).Abs() > 6*time.Second {
			t.Errorf("age %v, try %d: waits %v, want %v", row.age, row.tries, got, row.want)
		}
		if got > 24*time.Hour || more && got <= 0 {
			t.Errorf("age %v: waits %v", row.age, got)
		}
	}
}

func TestAnEventIsTriedForSevenDaysHoweverWaitsAreChanged(t *testing.T) {
	for _, by := range []time.Duration{80, 100, 120} { // percent
		age, tries := time.Duration(0), 1
		for {
			wait, more := next(Waits(), age, tries+standard)
			if !more {
				break
			}
			age, tries = age+wait*by/100, tries+1
		}
		if age < 7*24*time.Hour || tries > 200 {
			t.Errorf("at %d%%: given up after %v and %d tries", by, age, tries)
		}
		t.Logf("at %d%%: %d tries in %v", by, tries, age)
	}
}
