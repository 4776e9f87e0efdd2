package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// clock is a clock that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func steered(t *testing.T) (*Store, *clock) {
	t.Helper()
	c := newClock()
	return open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: c.Now}), c
}

// acquire acquires one bucket and returns the wait.
func acquire(t testing.TB, s *Store, bucket, taker string, limits ...store.Limit) (time.Duration, error) {
	t.Helper()
	waits, err := s.Acquire(t.Context(), taker, store.Bucket{Name: bucket, Limits: limits})
	if waits == nil {
		return 0, err
	}
	return waits[0], err
}

func count(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.reader.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheWaitIsExactToTheNanosecond(t *testing.T) {
	s, c := steered(t)
	limits := []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}}
	for _, step := range []struct{ turn, wait time.Duration }{
		{0, 0},
		{0, 10 * time.Minute},
		{10*time.Minute - 1, 1},
		{1, 0},
		{10 * time.Minute, 0},
		{10 * time.Minute, 24*time.Hour - 30*time.Minute},
		{24*time.Hour - 30*time.Minute - 1, 1},
		{1, 0},
	} {
		c.turn(step.turn)
		if wait, err := acquire(t, s, "bucket", "", limits...); wait != step.wait || err != nil {
			t.Errorf("at %v the wait is %v, %v, want %v", c.Now(), wait, err, step.wait)
		}
	}
}

func TestAClockThatStepsBackMakesNobodyWaitLongerThanTheWindow(t *testing.T) {
	s, c := steered(t)
	limit := store.Limit{N: 2, Per: time.Minute}
	for range 2 {
		if wait, err := acquire(t, s, "bucket", "", limit); wait != 0 || err != nil {
			t.Fatal(wait, err)
		}
	}
	c.turn(-2 * time.Hour)
	if wait, err := acquire(t, s, "bucket", "", limit); wait != time.Minute || err != nil {
		t.Errorf("after the step the wait is %v, %v", wait, err)
	}
	c.turn(time.Minute - 1)
	if wait, err := acquire(t, s, "bucket", "", limit); wait != 1 || err != nil {
		t.Errorf("a moment before the end of the window it is %v, %v", wait, err)
	}
	c.turn(1)
	for n, want := range []time.Duration{0, 0, time.Minute} {
		if wait, err := acquire(t, s, "bucket", "", limit); wait != want || err != nil {
			t.Errorf("take %d waits %v, %v, want %v", n, wait, err, want)
		}
	}
}

func TestTenThousandAreTakenAndNotOneMore(t *testing.T) {
	s, c := steered(t)
	limit := store.Limit{N: 10_000, Per: time.Hour}
	const real = 20 // the last ones are taken one by one; the others are written as if they had been
	const others = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?3)
		INSERT INTO takes SELECT 'bucket', i, ?1 + 1000*i, ?1 + 1000*i + ?2, NULL FROM n`
	_, err := s.soft.db.Exec(others, c.Now().UnixNano(), int64(limit.Per), limit.N-real)
	if err != nil {
		t.Fatal(err)
	}
	c.turn(time.Duration(limit.N-real) * time.Microsecond)
	for n := range real {
		c.turn(time.Microsecond)
		if wait, err := acquire(t, s, "bucket", "", limit); wait != 0 || err != nil {
			t.Fatalf("the %dth before the last waits %v, %v", real-n, wait, err)
		}
	}
	want := limit.Per - time.Duration(limit.N-1)*time.Microsecond
	if wait, err := acquire(t, s, "bucket", "", limit); wait != want || err != nil {
		t.Errorf("the next waits %v, %v, want %v", wait, err, want)
	}
	c.turn(want)
	for n, want := range []time.Duration{0, time.Microsecond} {
		if wait, err := acquire(t, s, "bucket", "", limit); wait != want || err != nil {
			t.Errorf("%d after that waits %v, %v, want %v", n, wait, err, want)
		}
	}
	c.turn(2 * time.Hour)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "takes"); n != 0 {
		t.Errorf("%d takes are left", n)
	}
}

func TestOldTakesAreDroppedAsNewOnesCome(t *testing.T) {
	s, c := steered(t)
	for n := range 300 {
		c.turn(time.Second)
		bucket := fmt.Sprintf("bucket-%d", n)
		if wait, err := acquire(t, s, bucket, "", store.Limit{N: 1, Per: 10 * time.Second}); wait != 0 || err != nil {
			t.Fatal(wait, err)
		}
	}
	if n := count(t, s, "takes"); n != 10 {
		t.Errorf("%d takes are kept, want those of the last 10 seconds", n)
	}
}

func TestWhatHasExpiredIsSweptAndNothingElse(t *testing.T) {
	s, c := steered(t)
	for i := range 250 {
		err := s.Update(t.Context(), store.Key{Site: "gazette", ID: fmt.Sprint(i)}, func(store.Record) (store.Change, error) {
			r := &store.Record{State: "pending", Created: c.Now()}
			if i%50 != 0 {
				r.Expires = c.Now().Add(time.Hour)
			}
			return store.Change{Put: r, Enqueue: []store.Job{{ID: fmt.Sprint(i), Queue: "letter"}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		turn time.Duration
		left int
	}{{time.Hour - time.Millisecond, 250}, {time.Millisecond, 5}} {
		c.turn(step.turn)
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "records"); n != step.left {
			t.Errorf("%d records are left, want %d", n, step.left)
		}
	}
	if n := count(t, s, "entries"); n != 250 {
		t.Errorf("%d entries are left, want all", n)
	}
}

func TestReservationsEndToTheMillisecondAndAreSwept(t *testing.T) {
	s, c := steered(t)
	c.turn(900 * time.Microsecond) // kept times are cut to the millisecond, which must not shorten what was asked for
	for i := range 250 {
		if _, err := s.SetNX(t.Context(), fmt.Sprint("brief-", i), []byte("mine"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SetNX(t.Context(), "long", []byte("mine"), time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		turn time.Duration
		left int
		held string
	}{{time.Minute - time.Nanosecond, 251, "mine"}, {time.Millisecond, 1, ""}} {
		c.turn(step.turn)
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "cells"); n != step.left {
			t.Errorf("%d are kept, want %d", n, step.left)
		}
		if held, err := s.SetNX(t.Context(), "brief-7", []byte("another's"), time.Hour); string(held) != step.held || err != nil {
			t.Errorf("kept is %q, %v, want %q", held, err, step.held)
		}
	}
}

func TestWhatIsOverIsNotKeptThoughItIsNotSwept(t *testing.T) {
	s, c := steered(t)
	if _, err := s.SetNX(t.Context(), "name", []byte("mine"), time.Minute); err != nil {
		t.Fatal(err)
	}
	c.turn(time.Minute)
	if err := s.CompareAndSwap(t.Context(), "name", []byte("mine"), []byte("later"), time.Minute); !errors.Is(err, store.ErrChanged) {
		t.Errorf("replacing gave %v", err)
	}
	if held, err := s.SetNX(t.Context(), "name", []byte("another's"), time.Minute); held != nil || err != nil {
		t.Errorf("reserving gave %q, %v", held, err)
	}
}

func TestTheOrderOfDeathsOutlastsAClockThatStepsBack(t *testing.T) {
	s, c := steered(t)
	var died []time.Time
	for _, id := range []string{"z", "y", "x"} {
		if err := put(t.Context(), s, id, nil); err != nil {
			t.Fatal(err)
		}
		es, err := s.Lease(t.Context(), "letter", 9, time.Minute)
		if err != nil || len(es) != 1 {
			t.Fatal(es, err)
		}
		if err := s.End(t.Context(), es[0], store.Fail()); err != nil {
			t.Fatal(err)
		}
		died = append(died, c.Now())
		c.turn(-time.Hour)
	}
	es, err := s.Failed(t.Context(), "letter", "", 9)
	if err != nil || len(es) != 3 || es[0].Key.ID != "z" || es[1].Key.ID != "y" || es[2].Key.ID != "x" {
		t.Fatalf("dead are %+v, %v", es, err)
	}
	if !es[0].Due.Equal(died[0]) {
		t.Errorf("the first died at %v, want %v", es[0].Due, died[0])
	}
}

func TestTheSweeperRunsByItself(t *testing.T) {
	c := newClock()
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db"), Now: c.Now, Sweep: 5 * time.Millisecond})
	err := s.Update(t.Context(), store.Key{Site: "gazette", ID: "a"}, func(store.Record) (store.Change, error) {
		return store.Change{Put: &store.Record{Expires: c.Now().Add(-time.Hour)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); count(t, s, "records") > 0; {
		if time.Now().After(end) {
			t.Fatal("the expired record is still in the file")
		}
	}
}

func TestALeaseIsHeldToTheMillisecond(t *testing.T) {
	s, c := steered(t)
	if err := put(t.Context(), s, "a", nil); err != nil {
		t.Fatal(err)
	}
	c.turn(900 * time.Microsecond) // kept times are cut to the millisecond, which must not shorten the hold
	for _, step := range []struct {
		turn time.Duration
		want int
	}{{0, 1}, {time.Minute - time.Millisecond/2, 0}, {time.Millisecond, 1}} {
		c.turn(step.turn)
		if es, err := s.Lease(t.Context(), "letter", 1, time.Minute); len(es) != step.want || err != nil {
			t.Errorf("after %v more, %d are leased, %v, want %d", step.turn, len(es), err, step.want)
		}
	}
}

func TestCallsThatCannotBeAreRefused(t *testing.T) {
	s, _ := steered(t)
	_, zero := acquire(t, s, "bucket", "", store.Limit{N: 0, Per: time.Hour})
	_, never := acquire(t, s, "bucket", "", store.Limit{N: 1})
	_, unnamed := acquire(t, s, "", "", store.Limit{N: 1, Per: time.Hour})
	_, page := s.List(t.Context(), store.Query{Site: "gazette", Limit: 1001})
	verdict := s.End(t.Context(), store.Job{ID: "a"}, store.Outcome{End: 9})
	_, anonymous := s.Get(t.Context(), "")
	for what, err := range map[string]error{
		"no takes": zero, "no window": never, "no bucket": unnamed, "a page too large": page, "an unknown verdict": verdict,
		"held under no name": anonymous,
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s gives %v", what, err)
		}
	}
}
