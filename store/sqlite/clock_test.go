package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

// clock is a clock that tests move.
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

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func openWithClock(t *testing.T) (*Store, *clock) {
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
	v, err := read(t.Context(), s.deadline(), s.database, func(c *conn) (driver.Value, error) {
		return c.value("SELECT count(*) FROM " + table)
	})
	if err != nil {
		t.Fatal(err)
	}
	return int(integer(v))
}

func TestAcquireWaitsAreExactToTheNanosecond(t *testing.T) {
	s, c := openWithClock(t)
	limits := []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}}
	for _, step := range []struct{ advance, wait time.Duration }{
		{0, 0},
		{0, 10 * time.Minute},
		{10*time.Minute - 1, 1},
		{1, 0},
		{10 * time.Minute, 0},
		{10 * time.Minute, 24*time.Hour - 30*time.Minute},
		{24*time.Hour - 30*time.Minute - 1, 1},
		{1, 0},
	} {
		c.advance(step.advance)
		if wait, err := acquire(t, s, "bucket", "", limits...); wait != step.wait || err != nil {
			t.Errorf("at %v the wait is %v, %v, want %v", c.Now(), wait, err, step.wait)
		}
	}
}

func TestAClockThatStepsBackMakesNobodyWaitLongerThanTheWindow(t *testing.T) {
	s, c := openWithClock(t)
	limit := store.Limit{N: 2, Per: time.Minute}
	for range 2 {
		if wait, err := acquire(t, s, "bucket", "", limit); wait != 0 || err != nil {
			t.Fatal(wait, err)
		}
	}
	c.advance(-2 * time.Hour)
	if wait, err := acquire(t, s, "bucket", "", limit); wait != time.Minute || err != nil {
		t.Errorf("after the step the wait is %v, %v", wait, err)
	}
	c.advance(time.Minute - 1)
	if wait, err := acquire(t, s, "bucket", "", limit); wait != 1 || err != nil {
		t.Errorf("a moment before the end of the window it is %v, %v", wait, err)
	}
	c.advance(1)
	for n, want := range []time.Duration{0, 0, time.Minute} {
		if wait, err := acquire(t, s, "bucket", "", limit); wait != want || err != nil {
			t.Errorf("number %d waits %v, %v, want %v", n, wait, err, want)
		}
	}
}

func TestAClockThatStepsBackMakesNobodyWaitForALargeLimitMuchLongerThanTheWindow(t *testing.T) {
	s, c := openWithClock(t)
	limit := store.Limit{N: 200, Per: time.Minute}
	slice := limit.Per / slicesOfWindow
	for n := range limit.N {
		if n == limit.N/2 {
			c.advance(20 * time.Second)
		}
		if wait, err := acquire(t, s, "bucket", "", limit); wait != 0 || err != nil {
			t.Fatal(n, wait, err)
		}
	}
	c.advance(-2 * time.Hour)
	wait, err := acquire(t, s, "bucket", "", limit)
	if wait < limit.Per || wait > limit.Per+slice || err != nil {
		t.Errorf("after the step the wait is %v, %v", wait, err)
	}
	c.advance(limit.Per - 1)
	if wait, err := acquire(t, s, "bucket", "", limit); wait < 1 || wait > slice+1 || err != nil {
		t.Errorf("a moment before the end of the window it is %v, %v", wait, err)
	}
	c.advance(slice + 1)
	for range limit.N {
		if wait, err := acquire(t, s, "bucket", "", limit); wait != 0 || err != nil {
			t.Fatalf("a slice after the window it is %v, %v", wait, err)
		}
	}
	if wait, err := acquire(t, s, "bucket", "", limit); wait == 0 || err != nil {
		t.Errorf("one more waits %v, %v", wait, err)
	}
}

func TestABucketInWhichNothingCountsIsSwept(t *testing.T) {
	s, c := openWithClock(t)
	for n := range 300 {
		limit := store.Limit{N: 1 + 400*(n%2), Per: 10 * time.Second}
		if n%3 == 0 {
			limit.Per = time.Hour
		}
		if wait, err := acquire(t, s, fmt.Sprint("bucket-", n), "", limit); wait != 0 || err != nil {
			t.Fatal(wait, err)
		}
	}
	for _, step := range []struct {
		advance time.Duration
		left    int
	}{{10*time.Second - 1, 300}, {time.Second, 100}, {2 * time.Hour, 0}} {
		c.advance(step.advance)
		for part := 0; part < bucketParts; part += bucketsEach {
			if err := s.sweepBuckets(t.Context(), part, part+bucketsEach); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, s, "buckets"); n != step.left {
			t.Errorf("%d are left, want %d", n, step.left)
		}
	}
}

// TestAnExactBucketHoldsNoMoreThanItsLimitsCount takes for hours; the row stays as small as its limits allow.
func TestAnExactBucketHoldsNoMoreThanItsLimitsCount(t *testing.T) {
	s, c := openWithClock(t)
	b := store.Bucket{Name: "bucket", Tag: "gazette", Limits: []store.Limit{
		{N: 3, Per: time.Minute, Tagged: true}, {N: 20, Per: time.Hour},
	}}
	for n := range 400 {
		c.advance(30 * time.Second)
		if _, err := s.Acquire(t.Context(), fmt.Sprint("email-", n), b); err != nil {
			t.Fatal(err)
		}
	}
	v, err := read(t.Context(), s.deadline(), s.database, func(c *conn) (driver.Value, error) {
		return c.value("SELECT length(state) FROM buckets")
	})
	if n := integer(v); n == 0 || n > 20*18+10 || err != nil {
		t.Errorf("the bucket has %d bytes, %v", n, err)
	}
}

func TestWhatHasExpiredIsSweptAndNothingElse(t *testing.T) {
	s, c := openWithClock(t)
	for i := range 250 {
		k := store.Key{Site: "gazette", ID: fmt.Sprint(i)}
		err := s.Update(t.Context(), k, func(store.Record) (store.Change, error) {
			r := &store.Record{State: "pending", Created: c.Now()}
			if i%50 != 0 {
				r.Expires = c.Now().Add(time.Hour)
			}
			return store.Change{Put: r, Enqueue: []store.Job{{ID: fmt.Sprint(i), Queue: "email"}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		advance time.Duration
		left    int
	}{{time.Hour - time.Millisecond, 250}, {time.Millisecond, 5}} {
		c.advance(step.advance)
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "records"); n != step.left {
			t.Errorf("%d records are left, want %d", n, step.left)
		}
	}
	if n := count(t, s, "jobs"); n != 250 {
		t.Errorf("%d jobs are left, want all", n)
	}
}

func TestCellsExpireToTheMillisecondAndAreSwept(t *testing.T) {
	s, c := openWithClock(t)
	c.advance(900 * time.Microsecond) // times are kept to the millisecond, which must not shorten what was asked for
	for i := range 250 {
		if _, err := s.SetNX(t.Context(), fmt.Sprint("brief-", i), []byte("mine"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SetNX(t.Context(), "long", []byte("mine"), time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		advance time.Duration
		left    int
		current string
	}{{time.Minute - time.Nanosecond, 251, "mine"}, {time.Millisecond, 1, ""}} {
		c.advance(step.advance)
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "cells"); n != step.left {
			t.Errorf("%d are kept, want %d", n, step.left)
		}
		current, err := s.SetNX(t.Context(), "brief-7", []byte("another's"), time.Hour)
		if string(current) != step.current || err != nil {
			t.Errorf("the cell holds %q, %v, want %q", current, err, step.current)
		}
	}
}

func TestAnExpiredCellHoldsNothingThoughItIsNotSweptYet(t *testing.T) {
	s, c := openWithClock(t)
	if _, err := s.SetNX(t.Context(), "name", []byte("mine"), time.Minute); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	err := s.CompareAndSwap(t.Context(), "name", []byte("mine"), []byte("later"), time.Minute)
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("CompareAndSwap gave %v", err)
	}
	if current, err := s.SetNX(t.Context(), "name", []byte("another's"), time.Minute); current != nil || err != nil {
		t.Errorf("SetNX gave %q, %v", current, err)
	}
}

func TestFailedKeepsItsOrderWhenTheClockStepsBack(t *testing.T) {
	s, c := openWithClock(t)
	var failed []time.Time
	for _, id := range []string{"z", "y", "x"} {
		if err := put(t.Context(), s, id, nil); err != nil {
			t.Fatal(err)
		}
		jobs, err := s.Lease(t.Context(), "email", 9, time.Minute)
		if err != nil || len(jobs) != 1 {
			t.Fatal(jobs, err)
		}
		if err := s.End(t.Context(), jobs[0], store.Fail()); err != nil {
			t.Fatal(err)
		}
		failed = append(failed, c.Now())
		c.advance(-time.Hour)
	}
	jobs, err := s.Failed(t.Context(), "email", "", 9)
	if err != nil || len(jobs) != 3 || jobs[0].Key.ID != "z" || jobs[1].Key.ID != "y" || jobs[2].Key.ID != "x" {
		t.Fatalf("failed are %+v, %v", jobs, err)
	}
	if !jobs[0].Due.Equal(failed[0]) {
		t.Errorf("the first failed at %v, want %v", jobs[0].Due, failed[0])
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

func TestALeaseLastsToTheMillisecond(t *testing.T) {
	s, c := openWithClock(t)
	if err := put(t.Context(), s, "a", nil); err != nil {
		t.Fatal(err)
	}
	c.advance(900 * time.Microsecond) // times are kept to the millisecond, which must not shorten the lease
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{0, 1}, {time.Minute - time.Millisecond/2, 0}, {time.Millisecond, 1}} {
		c.advance(step.advance)
		if jobs, err := s.Lease(t.Context(), "email", 1, time.Minute); len(jobs) != step.want || err != nil {
			t.Errorf("after %v more, %d are leased, %v, want %d", step.advance, len(jobs), err, step.want)
		}
	}
}

func TestInvalidCallsAreRefused(t *testing.T) {
	s, _ := openWithClock(t)
	_, zero := acquire(t, s, "bucket", "", store.Limit{N: 0, Per: time.Hour})
	_, never := acquire(t, s, "bucket", "", store.Limit{N: 1})
	_, unnamed := acquire(t, s, "", "", store.Limit{N: 1, Per: time.Hour})
	_, page := s.List(t.Context(), store.Query{Site: "gazette", Limit: 1001})
	outcome := s.End(t.Context(), store.Job{ID: "a"}, store.Outcome{End: 9})
	_, anonymous := s.Get(t.Context(), "")
	for what, err := range map[string]error{
		"a limit of none": zero, "no window": never, "no bucket": unnamed, "a page too large": page,
		"an unknown outcome":    outcome,
		"a cell without a name": anonymous,
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s gives %v", what, err)
		}
	}
}
