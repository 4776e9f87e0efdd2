package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/outbox"
	"github.com/optin/optin/store"
)

var day = []time.Duration{24 * time.Hour}

// away is a receiver that comes back.
func away(until time.Duration) (d *diary, done *diary, try outbox.Run) {
	begun := time.Now()
	d, done = &diary{}, &diary{}
	return d, done, func(_ context.Context, e store.Job) (bool, error) {
		d.note(begun, e)
		if time.Since(begun) < until {
			return false, errors.New("nobody there")
		}
		done.note(begun, e)
		return false, nil
	}
}

func TestAReceiverThatWasAwayGetsEverythingSoonAfterItsReturn(t *testing.T) {
	const probe, back = 10 * time.Minute, 3 * time.Hour
	for _, again := range []store.QueueName{"", "hook/again"} {
		t.Run("waiting in "+string(again), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := open(t)
				oweIn(t, st, "hook", 0, 60)
				d, done, try := away(back)
				lane := outbox.Pool{Queues: []store.QueueName{"hook"}, Workers: 2, Timeout: time.Minute, Waits: day, RepeatLast: true, RetryQueue: again, Run: try, Probe: probe}
				lanes := []outbox.Pool{lane}
				if again != "" {
					lane.Queues, lane.RetryQueue = []store.QueueName{again}, ""
					lanes = append(lanes, lane)
				}
				run(t, st, 4*time.Hour, lanes...)
				got := done.tries()
				if len(got) != 60 {
					t.Fatalf("%d of 60 were done", len(got))
				}
				if last := slices.Max(got); last > back+probe*6/5+15*time.Second {
					t.Errorf("the last was done %v after the return", last-back)
				}
				// Three hours at one every ten minutes, give or take a fifth.
				if probes := len(d.tries()) - 60 - 60; probes < 14 || probes > 23 {
					t.Errorf("it was tried %d times while it was away, want about 18", probes)
				}
			})
		})
	}
}

func TestWithoutProbeOnlyTheTableCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 20)
		d, done, try := away(time.Hour)
		run(t, st, 4*time.Hour, outbox.Pool{Queues: []store.QueueName{kind}, Workers: 2, Timeout: time.Minute, Waits: day, Run: try})
		if len(d.tries()) != 20 || len(done.tries()) != 0 {
			t.Errorf("%d trials, want 20, once each", len(d.tries()))
		}
	})
}

func TestAReceiverThatAskedToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 1)
		begun, d := time.Now(), &diary{}
		run(t, st, 4*time.Hour, outbox.Pool{Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: day, RepeatLast: true, Probe: time.Minute,
			Run: func(_ context.Context, e store.Job) (bool, error) {
				d.note(begun, e)
				if e.Attempts < 4 {
					return false, fmt.Errorf("busy: %w", later(time.Hour))
				}
				return false, errors.New("nobody there")
			}})
		got := d.tries()
		if len(got) < 40 {
			t.Fatalf("tried %d times, want every minute once nothing was asked any more", len(got))
		}
		for i, gap := range gaps(got) {
			least, most := 48*time.Second, 72*time.Second
			if i < 3 {
				least, most = time.Hour, time.Hour
			}
			if gap < least || gap > most+20*time.Second {
				t.Errorf("%v between trials %d and %d, want from %v to %v", gap, i, i+1, least, most)
			}
		}
	})
}

func gaps(at []time.Duration) (gaps []time.Duration) {
	for i := range at[1:] {
		gaps = append(gaps, at[i+1]-at[i])
	}
	return gaps
}

func TestAPoisonEntryBesideGoodOnesIsTriedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		oweIn(t, st, "poison", 0, 1)
		begun, poison, good := time.Now(), &diary{}, &diary{}
		b := box(t, st, time.Second, outbox.Pool{Queues: []store.QueueName{"poison", kind}, Timeout: time.Minute, Waits: day, RepeatLast: true, Probe: time.Hour,
			RetryQueue: "poison", // where good ones are done, too
			Run: func(_ context.Context, e store.Job) (bool, error) {
				if e.ID == "poison-0" {
					poison.note(begun, e)
					return false, errors.New("bad")
				}
				good.note(begun, e)
				return false, nil
			}})
		start(t, b)
		for i := range 200 {
			oweIn(t, st, "poison", i+1, i+2)
			b.Wake("poison")
			time.Sleep(3 * time.Second)
		}
		if len(good.tries()) != 200 {
			t.Errorf("%d good ones were done, want 200", len(good.tries()))
		}
		got := poison.tries()
		if len(got) < 8 || len(got) > 11 {
			t.Errorf("tried %d times in ten minutes, want about once a minute", len(got))
		}
		for i, gap := range gaps(got) {
			if i > 0 && gap < time.Minute-2*time.Second {
				t.Errorf("only %v between trials %d and %d", gap, i, i+1)
			}
		}
	})
}

// stiff is a real store that makes nothing due.
type stiff struct{ store.Store }

func (stiff) RunNow(context.Context, store.QueueName, int) (int, error) {
	return 0, store.ErrUnavailable
}

func TestAStoreThatMakesNothingDueIsSaidOnceAndStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := open(t)
		owe(t, st, 20)
		_, done, try := away(time.Hour)
		log := &lines{}
		b, err := outbox.New(outbox.Options{Store: stiff{st}, Log: slog.New(log), Poll: 10 * time.Second, Pools: []outbox.Pool{{
			Queues: []store.QueueName{kind}, Timeout: time.Minute, Waits: []time.Duration{2 * time.Hour}, RepeatLast: true, Run: try, Probe: time.Minute}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Hour)
		defer stop()
		b.Run(ctx)
		if len(done.tries()) != 20 {
			t.Errorf("%d done by the table, want 20", len(done.tries()))
		}
		if n := log.count("out of turn"); n != 1 {
			t.Errorf("said %d times, want once", n)
		}
	})
}
