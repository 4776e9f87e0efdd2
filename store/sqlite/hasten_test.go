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

// waiting owes letters of which many are due in the same millisecond, an hour from now and later.
func waiting(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), store.Key{Site: "gazette", ID: "a"}, func(store.Record) (store.Change, error) {
		c := store.Change{Put: &store.Record{}}
		for i := range n {
			due := s.o.Now().Add(time.Hour + time.Duration(i/700)*time.Millisecond)
			c.Enqueue = append(c.Enqueue, store.Job{ID: fmt.Sprint(i), Queue: "letter", Due: due})
		}
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAllAreHastenedHoweverManySteps(t *testing.T) {
	const n = 4*crowd + 7
	s, _ := steered(t)
	waiting(t, s, n)
	for _, step := range []struct{ ask, want int }{
		{0, 0}, {-1, 0}, {1, 1}, {crowd, crowd}, {crowd + 1, crowd + 1}, {1e9, n - 2*crowd - 2}, {1e9, 0},
	} {
		if got, err := s.RunNow(t.Context(), "letter", step.ask); got != step.want || err != nil {
			t.Errorf("of %d were hastened %d, %v, want %d", step.ask, got, err, step.want)
		}
	}
	if es, err := s.Lease(t.Context(), "letter", n+1, time.Minute); len(es) != n || err != nil {
		t.Errorf("due are %d, %v, want %d", len(es), err, n)
	}
}

func TestWhileOthersPutBackEachIsHastenedOnce(t *testing.T) {
	const n = 12 * crowd
	s, c := steered(t)
	waiting(t, s, n)
	ctx, stop := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() { // it leases what is due and has it wait for less than the others do
		for ctx.Err() == nil {
			es, err := s.Lease(ctx, "letter", 20, time.Minute)
			for _, e := range es {
				err = errors.Join(err, s.End(ctx, e, store.Retry(c.Now().Add(time.Minute))))
			}
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	got, err := s.RunNow(t.Context(), "letter", 1e9)
	stop()
	worker.Wait()
	if got != n || err != nil {
		t.Errorf("%d were hastened, %v, want %d", got, err, n)
	}
}

func TestWhatIsPutBackIsBehindTheNextStep(t *testing.T) {
	s, c := steered(t)
	waiting(t, s, 4)
	step := func(few int, from place) advance {
		t.Helper()
		a, err := change(t.Context(), s, s.hard, func(tx transaction) (advance, error) {
			return tx.hasten("letter", few, from, millis(c.Now()))
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := step(2, place{hidden: math.MinInt64})
	es, err := s.Lease(t.Context(), "letter", 9, time.Minute)
	if err != nil || len(es) != 2 || first.moved != 2 {
		t.Fatalf("leased %+v, %v after %+v", es, err, first)
	}
	for _, e := range es {
		if err := s.End(t.Context(), e, store.Retry(c.Now().Add(time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	if second := step(9, first.to); second.moved != 2 {
		t.Errorf("the next step moved %d, want the two that were not", second.moved)
	}
	for _, id := range []string{"2", "3"} {
		if es, err := s.Lease(t.Context(), "letter", 1, time.Minute); err != nil || len(es) != 1 || es[0].ID != id || !es[0].Due.Equal(c.Now()) {
			t.Errorf("leased %+v, %v, want %s, due now", es, err, id)
		}
	}
}
