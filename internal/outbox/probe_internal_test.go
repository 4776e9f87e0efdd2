package outbox

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/store"
)

func TestWhenAndHowManyJobsRunOutOfTurn(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	type step struct {
		at     time.Duration // since the start
		result *Result       // of a job
		due    int           // without a result: how many must be made due
	}
	completes := new(Complete())
	fails := new(Retry(errors.New("not now")))
	alone := new(fails.AsOfJob())
	asks := func(notBefore time.Duration) *Result { return new(fails.WithNotBefore(notBefore)) }
	for name, steps := range map[string][]step{
		"one every ProbeEvery, from the start": {
			{0, nil, 0}, {7 * m, nil, 0}, {13 * m, nil, 1}, {13 * m, nil, 0},
			{20 * m, nil, 0}, {26 * m, nil, 1}, {26 * m, nil, 0},
		},
		"none while all is well": {{1 * s, completes, 0}, {1 * s, nil, allWaiting}, {13 * m, nil, 0}, {26 * m, nil, 0}},
		"all, once, when one completes after failures": {
			{1 * s, completes, 0}, {1 * s, nil, allWaiting}, {2 * s, completes, 0}, {10 * m, nil, 0},
			{11 * m, fails, 0}, {12 * m, fails, 0}, {13 * m, completes, 0}, {13 * m, nil, allWaiting}, {13 * m, nil, 0},
		},
		"all at most once a minute, and not forgotten": {
			{1 * s, completes, 0}, {1 * s, nil, allWaiting}, {2 * s, fails, 0}, {3 * s, completes, 0}, {3 * s, nil, 0},
			{60 * s, nil, 0}, {61 * s, nil, allWaiting}, {61 * s, nil, 0},
		},
		"a failure cancels that": {
			{1 * s, completes, 0}, {1 * s, nil, allWaiting}, {2 * s, fails, 0}, {3 * s, completes, 0},
			{4 * s, fails, 0}, {2 * m, nil, 0}, {3 * m, completes, 0}, {3 * m, nil, allWaiting},
		},
		"failures do not delay a probe": {
			{2 * m, fails, 0}, {11 * m, fails, 0}, {12 * m, fails, 0}, {12*m + s, nil, 1},
		},
		"ProbeEvery is counted from the first failure": {
			{1 * m, completes, 0}, {1 * m, nil, allWaiting}, {60 * m, fails, 0}, {67 * m, nil, 0}, {73 * m, nil, 1},
		},
		"a failure of one job alone says nothing": {
			{1 * m, completes, 0}, {1 * m, nil, allWaiting}, {2 * m, alone, 0}, {3 * m, completes, 0},
			{60 * m, alone, 0}, {90 * m, nil, 0},
		},
		"not before what a failure asked for": {
			{5 * m, asks(h), 0}, {64 * m, nil, 0}, {65 * m, nil, 1}, {65 * m, nil, 0},
		},
		"… the last that asked": {
			{5 * m, asks(24 * h), 0}, {5 * m, asks(h), 0}, {6 * m, fails, 0}, {64 * m, nil, 0}, {65 * m, nil, 1},
		},
		"… but all when one completed nevertheless": {
			{5 * m, asks(24 * h), 0}, {6 * m, completes, 0}, {6 * m, nil, allWaiting},
			{7 * m, fails, 0}, {20 * m, nil, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			p, never := newProber(10*m, start), newProber(0, start)
			for i, st := range steps {
				now := start.Add(st.at)
				if st.result != nil {
					p.observe(*st.result, now)
					if never.observe(*st.result, now) {
						t.Error("without ProbeEvery, jobs are to be made due")
					}
					continue
				}
				if got := p.due(now); got != st.due {
					t.Errorf("step %d, %v: %d due, want %d", i, st.at, got, st.due)
				}
				if got := never.due(now); got != 0 {
					t.Errorf("step %d: %d due without ProbeEvery", i, got)
				}
			}
		})
	}
}

func TestWhatAStoreDidNotMakeDueIsTriedAgainInAMinute(t *testing.T) {
	now := time.Now()
	p := newProber(time.Hour, now)
	p.observe(Complete(), now)
	for i := range 3 {
		if n := p.due(now); n != allWaiting {
			t.Fatalf("time %d: %d due, want all", i, n)
		}
		if isNew := p.madeDue(allWaiting, 0, store.ErrUnavailable); isNew != (i == 0) {
			t.Errorf("time %d: new is %v", i, isNew)
		}
		if n := p.due(now.Add(59 * time.Second)); n != 0 {
			t.Errorf("time %d: asked again within the minute", i)
		}
		now = now.Add(time.Minute)
	}
	p.due(now)
	p.madeDue(allWaiting, 5, nil)
	if p.due(now.Add(time.Hour)) != 0 {
		t.Error("what was made due is due again")
	}
	if !p.madeDue(1, 0, store.ErrUnavailable) {
		t.Error("after a success, an error is new")
	}
}

func TestSoManyQueuesAreProbedEveryPollInTurn(t *testing.T) {
	names := make([]store.QueueName, 20)
	for i := range names {
		names[i] = store.QueueName(fmt.Sprint(i))
	}
	b, err := New(Options{Store: struct{ store.Queue }{}, Pools: []Pool{{
		Queues: names, Timeout: time.Minute, Waits: []time.Duration{time.Hour}, RepeatLast: true,
		ProbeEvery: time.Minute, Run: func(context.Context, store.Job) Result { return Complete() },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	now, next := time.Now().Add(time.Hour), 0
	for round, want := range [][]string{
		{"0", "1", "2", "3", "4", "5", "6", "7"}, {"8", "9", "10", "11", "12", "13", "14", "15"},
		{"16", "17", "18", "19", "0", "1", "2", "3"},
	} {
		next = b.signalProbes(now, next)
		var got []string
		for _, q := range b.pools[0].rotation.allVain() {
			got = append(got, string(q))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", round, diff)
		}
	}
}
