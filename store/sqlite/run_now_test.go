package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// enqueueLater enqueues n jobs, many of them due in the same millisecond, an hour from now and later.
func enqueueLater(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), store.Key{Site: "gazette", ID: "a"}, func(store.Record) (store.Change, error) {
		c := store.Change{Put: &store.Record{}}
		for i := range n {
			due := s.o.Now().Add(time.Hour + time.Duration(i/700)*time.Millisecond)
			c.Enqueue = append(c.Enqueue, store.Job{ID: fmt.Sprint(i), Queue: "email", Due: due})
		}
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunNowMakesAllDueInAnyNumberOfBatches(t *testing.T) {
	const n = 4*runNowBatch + 7
	s, _ := openWithClock(t)
	enqueueLater(t, s, n)
	for _, step := range []struct{ ask, want int }{
		{0, 0}, {-1, 0}, {1, 1}, {runNowBatch, runNowBatch}, {runNowBatch + 1, runNowBatch + 1},
		{1e9, n - 2*runNowBatch - 2}, {1e9, 0},
	} {
		if got, err := s.RunNow(t.Context(), "email", step.ask); got != step.want || err != nil {
			t.Errorf("RunNow of %d made %d due, %v, want %d", step.ask, got, err, step.want)
		}
	}
	if jobs, err := s.Lease(t.Context(), "email", n+1, time.Minute); len(jobs) != n || err != nil {
		t.Errorf("due are %d, %v, want %d", len(jobs), err, n)
	}
}

func TestRunNowCountsEachJobOnceWhileWorkersPutJobsBack(t *testing.T) {
	const n = 12 * runNowBatch
	s, c := openWithClock(t)
	enqueueLater(t, s, n)
	ctx, stop := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { // it leases what is due, and lets it wait for less than the others do
		for ctx.Err() == nil {
			jobs, err := s.Lease(ctx, "email", 20, time.Minute)
			for _, job := range jobs {
				err = errors.Join(err, s.End(ctx, job, store.Retry(c.Now().Add(time.Minute))))
			}
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	got, err := s.RunNow(t.Context(), "email", 1e9)
	stop()
	worker.Wait()
	if got != n || err != nil {
		t.Errorf("RunNow made %d due, %v, want %d", got, err, n)
	}
}

func TestRunNowPassesOverWhatWasPutBackMeanwhile(t *testing.T) {
	s, c := openWithClock(t)
	enqueueLater(t, s, 4)
	step := func(few int, from position) (done runNowStep) {
		t.Helper()
		err := s.write(t.Context(), s.deadline(), func(tx *transaction) (err error) {
			done, err = tx.runNow("email", few, from)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	first := step(2, position{available: math.MinInt64})
	jobs, err := s.Lease(t.Context(), "email", 9, time.Minute)
	if err != nil || len(jobs) != 2 || first.count != 2 {
		t.Fatalf("leased %+v, %v after %+v", jobs, err, first)
	}
	for _, job := range jobs {
		if err := s.End(t.Context(), job, store.Retry(c.Now().Add(time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	if second := step(9, first.to); second.count != 2 {
		t.Errorf("the next step made %d due, want the two that were not", second.count)
	}
	for _, id := range []string{"2", "3"} {
		jobs, err := s.Lease(t.Context(), "email", 1, time.Minute)
		if err != nil || len(jobs) != 1 || jobs[0].ID != id || !jobs[0].Due.Equal(c.Now()) {
			t.Errorf("leased %+v, %v, want %s, due now", jobs, err, id)
		}
	}
}
