package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func TestThereIsALimitToHowManyFailuresAreRemembered(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	job := func(n int) store.Job { return store.Job{ID: fmt.Sprint(n), Attempts: 7} }
	var f failures
	for n := range maxFailures {
		f.add(job(n), now)
	}
	if got := f.add(job(1), now); got != 2 {
		t.Errorf("the second failure of a known job is number %d", got)
	}
	if got := f.add(job(-1), now); got != 7 || len(f.byJob) != maxFailures {
		t.Errorf("the first failure of one job too many is number %d, want its attempts; %d are remembered",
			got, len(f.byJob))
	}
	f.forget(job(0))
	if got := f.add(job(-1), now); got != 1 {
		t.Errorf("where there is room it is number %d", got)
	}
	f.add(job(1), now.Add(time.Hour))
	day := now.Add(rememberFor)
	if got := f.add(job(-2), day); got != 7 || len(f.byJob) != maxFailures {
		t.Errorf("a day later it is number %d, and %d are remembered", got, len(f.byJob))
	}
	for after, want := range []int{7, 1} { // it is looked for old ones once a minute
		if got := f.add(job(-2), day.Add(time.Minute-1+time.Duration(after))); got != want {
			t.Errorf("%v after a day it is number %d", time.Minute-1+time.Duration(after), got)
		}
	}
	if len(f.byJob) != 2 {
		t.Errorf("%d are remembered", len(f.byJob))
	}
}

func TestTheFailuresOfAJobAreForgottenOnceItEnds(t *testing.T) {
	for name, row := range map[string]struct {
		last       Result
		remembered int
	}{
		"completed": {Complete(), 0}, "failed": {Fail(errors.New("never")), 0},
		"retried": {Retry(errors.New("not now")), 1}, "moved": {Move("b", errors.New("elsewhere")), 1},
		"lost": {Retry(store.ErrLeaseLost), 0},
	} {
		b, err := New(Options{Store: ends{}, Log: slog.New(slog.DiscardHandler), Pools: []Pool{{
			Queues: []store.QueueName{"a", "b"}, Timeout: time.Minute, Waits: []time.Duration{time.Hour},
			RepeatLast: true, Run: func(context.Context, store.Job) Result { return Complete() },
		}}})
		if err != nil {
			t.Fatal(err)
		}
		job := store.Job{ID: "j", Queue: "a", Attempts: 1}
		for _, r := range []Result{Retry(errors.New("not now")), row.last} {
			b.pools[0].end(t.Context(), job, r)
		}
		if n := len(b.failures.byJob); n != row.remembered {
			t.Errorf("%s: %d jobs' failures are remembered, want %d", name, n, row.remembered)
		}
	}
}

// ends is a store that ends every job.
type ends struct{ store.Queue }

func (ends) End(context.Context, store.Job, store.Outcome) error { return nil }
