package outbox

import (
	"errors"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestWhenAndHowManyAreTriedOutOfTurn(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	type step struct {
		at   time.Duration // since the start
		done bool          // a trial was done
		err  error         // or was not
		due  int           // neither: so many are to be made due
	}
	bad := errors.New("not now")
	for name, steps := range map[string][]step{
		"one every Probe, from the start": {
			{at: 0}, {at: 7 * m}, {at: 13 * m, due: 1}, {at: 13 * m}, {at: 20 * m}, {at: 26 * m, due: 1}, {at: 26 * m},
		},
		"none while all is well": {{at: 1 * s, done: true}, {at: 1 * s, due: all}, {at: 13 * m}, {at: 26 * m}},
		"all, once, when one is done after failures": {
			{at: 1 * s, done: true}, {at: 1 * s, due: all}, {at: 2 * s, done: true}, {at: 10 * m},
			{at: 11 * m, err: bad}, {at: 12 * m, err: bad}, {at: 13 * m, done: true}, {at: 13 * m, due: all}, {at: 13 * m},
		},
		"all at most once a minute, and not forgotten": {
			{at: 1 * s, done: true}, {at: 1 * s, due: all}, {at: 2 * s, err: bad}, {at: 3 * s, done: true}, {at: 3 * s}, {at: 60 * s},
			{at: 61 * s, due: all}, {at: 61 * s},
		},
		"a failure takes that back": {
			{at: 1 * s, done: true}, {at: 1 * s, due: all}, {at: 2 * s, err: bad}, {at: 3 * s, done: true}, {at: 4 * s, err: bad}, {at: 2 * m},
			{at: 3 * m, done: true}, {at: 3 * m, due: all},
		},
		"failures do not put a probe off": {
			{at: 2 * m, err: bad}, {at: 11 * m, err: bad}, {at: 12 * m, err: bad}, {at: 12*m + s, due: 1},
		},
		"Probe is counted from the first failure": {
			{at: 1 * m, done: true}, {at: 1 * m, due: all}, {at: 60 * m, err: bad}, {at: 67 * m}, {at: 73 * m, due: 1},
		},
		"not before what a failure named": {
			{at: 5 * m, err: said{later: h}}, {at: 64 * m}, {at: 65 * m, due: 1}, {at: 65 * m},
		},
		"… the last that named one": {
			{at: 5 * m, err: said{later: 24 * h}}, {at: 5 * m, err: said{later: h}}, {at: 6 * m, err: bad}, {at: 64 * m}, {at: 65 * m, due: 1},
		},
		"… but all when one was done nevertheless": {
			{at: 5 * m, err: said{later: 24 * h}}, {at: 6 * m, done: true}, {at: 6 * m, due: all},
			{at: 7 * m, err: bad}, {at: 20 * m, due: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			hl := newHealth(10*m, start)
			off := newHealth(0, start)
			for i, st := range steps {
				now := start.Add(st.at)
				if st.done || st.err != nil {
					hl.after(st.err, now)
					if off.after(st.err, now) {
						t.Error("without Probe something is to be made due")
					}
					continue
				}
				if got := hl.due(now); got != st.due {
					t.Errorf("step %d, %v: %d due, want %d", i, st.at, got, st.due)
				}
				if got := off.due(now); got != 0 {
					t.Errorf("step %d: %d due without Probe", i, got)
				}
			}
		})
	}
}

func TestWhatAStoreRefusedToMakeDueIsDueAgainInAMinute(t *testing.T) {
	now := time.Now()
	h := newHealth(time.Hour, now)
	h.after(nil, now)
	for i := range 3 {
		if n := h.due(now); n != all {
			t.Fatalf("time %d: %d due, want all", i, n)
		}
		if news := h.could(all, store.ErrUnavailable); news != (i == 0) {
			t.Errorf("time %d: news is %v", i, news)
		}
		if n := h.due(now.Add(59 * time.Second)); n != 0 {
			t.Errorf("time %d: asked again within the minute", i)
		}
		now = now.Add(time.Minute)
	}
	h.due(now)
	h.could(all, nil)
	if h.due(now.Add(time.Hour)) != 0 {
		t.Error("what was done is due again")
	}
	if !h.could(1, store.ErrUnavailable) {
		t.Error("after a success, an error is news")
	}
}
