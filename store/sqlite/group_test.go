package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/optin/optin/store"
)

// together keeps the writer busy until n calls are waiting, and returns once all are done. They go into one group.
func together(t *testing.T, s *Store, n int, call func(i int)) {
	t.Helper()
	release := hang(t, s)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { call(i) })
	}
	for end := time.Now().Add(10 * time.Second); len(s.acts) < n; {
		if time.Now().After(end) {
			t.Fatalf("%d calls are waiting, want %d", len(s.acts), n)
		}
		time.Sleep(time.Millisecond)
	}
	release()
	all.Wait()
}

// commits counts transactions that change something.
func commits(s *Store) *atomic.Int64 {
	n := new(atomic.Int64)
	s.conns[0].Conn.(driversqlite.HookRegisterer).RegisterCommitHook(func() int32 {
		n.Add(1)
		return 0
	})
	return n
}

func TestWhatWaitsIsCommittedTogether(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	n := commits(s)
	together(t, s, groupSize-1, func(i int) {
		if err := put(t.Context(), s, fmt.Sprint("record-", i), nil); err != nil {
			t.Error(err)
		}
	})
	if got := count(t, s, "records"); got != groupSize-1 || n.Load() > 2 {
		t.Errorf("%d records are there after %d commits", got, n.Load())
	}
}

// TestAnActThatFailsIsUndoneAlone has acts fail among others of their group, each after it has written, taken and
// counted.
func TestAnActThatFailsIsUndoneAlone(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	limit := store.Limit{N: 60, Per: time.Hour}
	large := store.Limit{N: 600, Per: time.Hour}
	failed := errors.New("failed")
	act := func(i int) error {
		key := store.Key{Site: "gazette", ID: fmt.Sprint("record-", i)}
		c := store.Change{
			Put: &store.Record{State: fmt.Sprint("state-", i)},
			Enqueue: []store.Job{{
				ID: key.ID, Queue: "email", Reserve: []store.Bucket{{Name: "m", Limits: []store.Limit{limit}}},
			}},
			Count: []store.Count{{At: day("2026-10-01"), Name: "signup", N: 1}},
			Acquire: &store.Acquisition{Buckets: []store.Bucket{
				{Name: "exact", Limits: []store.Limit{limit}}, {Name: "large", Limits: []store.Limit{large}},
			}},
		}
		return s.write(t.Context(), s.deadline(), func(tx *transaction) error {
			r, err := tx.find(key)
			if err == nil {
				err = tx.apply(key, r, newChange(c))
			}
			if err == nil && i%3 == 0 {
				err = failed
			}
			return err
		})
	}
	together(t, s, 30, func(i int) {
		if err := act(i); i%3 == 0 && !errors.Is(err, failed) || i%3 != 0 && err != nil {
			t.Errorf("act %d gives %v", i, err)
		}
	})
	if records, jobs := count(t, s, "records"), count(t, s, "jobs"); records != 20 || jobs != 20 {
		t.Errorf("%d records and %d jobs are there, want 20", records, jobs)
	}
	counts, err := s.Counts(t.Context(), "gazette", store.ByDay, day("2026-10-01"), day("2026-10-01"))
	if err != nil || len(counts) != 1 || counts[0].N != 20 {
		t.Errorf("counted are %v, %v, want 20", counts, err)
	}
	for name, l := range map[string]store.Limit{"exact": limit, "large": large, "m": limit} {
		room := 0
		for wait := time.Duration(0); wait == 0; room++ {
			if wait, err = acquire(t, s, name, "", l); err != nil {
				t.Fatal(err)
			}
		}
		if room-1 != l.N-20 {
			t.Errorf("%s has room for %d, want %d", name, room-1, l.N-20)
		}
	}
	r, err := s.Find(t.Context(), store.Key{Site: "gazette", ID: "record-1"})
	if r.State != "state-1" || err != nil {
		t.Errorf("the record is %+v, %v", r, err)
	}
}

// TestAPanicIsTheCallersAndNobodyElses runs functions in the goroutine that writes, as Update does in the end.
func TestAPanicIsTheCallersAndNobodyElses(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	together(t, s, 20, func(i int) {
		defer func() {
			if p := recover(); (p != nil) != (i%2 == 0) || p != nil && p != i {
				t.Errorf("update %d panics with %v", i, p)
			}
		}()
		err := s.write(t.Context(), s.deadline(), func(tx *transaction) error {
			return tx.update(hashed(int64(i)), func(store.Record) (store.Change, error) {
				if i%2 == 0 {
					panic(i)
				}
				return store.Change{Put: &store.Record{}}, nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	})
	if n := count(t, s, "records"); n != 10 {
		t.Errorf("%d records are there, want 10", n)
	}
}

func TestANameThatWasRolledBackIsNotRemembered(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	failed := errors.New("failed")
	for range 2 {
		err := s.write(t.Context(), s.deadline(), func(tx *transaction) error {
			for _, name := range []string{"a", "a", "b"} {
				if _, err := tx.number(name); err != nil {
					return err
				}
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), s, "c", nil); err != nil {
		t.Fatal(err)
	}
	p, err := s.List(t.Context(), store.Query{Site: "gazette", State: "pending"})
	if err != nil || len(p.Records) != 1 || count(t, s, "names") != 3 {
		t.Errorf("%+v, %v, among %d names", p, err, count(t, s, "names"))
	}
}

// TestAnUpdateThatOthersAlwaysOvertakeIsDoneAtLast changes the record each time when the function has seen it, until
// nobody else can write.
func TestAnUpdateThatOthersAlwaysOvertakeIsDoneAtLast(t *testing.T) {
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "optin.db")})
	var seen []string
	key := store.Key{Site: "gazette", ID: "a"}
	err := s.Update(t.Context(), key, func(r store.Record) (store.Change, error) {
		seen = append(seen, r.State)
		if len(seen) <= mostRounds {
			err := s.Update(t.Context(), key, func(store.Record) (store.Change, error) {
				return store.Change{Put: &store.Record{State: fmt.Sprint("other-", len(seen))}}, nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		r.State = "mine"
		return store.Change{Put: &r, Count: []store.Count{{At: day("2026-10-01"), Name: "mine", N: 1}}}, nil
	})
	if err != nil || !slices.Equal(seen, []string{"", "other-1", "other-2", "other-3"}) {
		t.Errorf("it gives %v after it has seen %q", err, seen)
	}
	r, err := s.Find(t.Context(), key)
	if r.State != "mine" || err != nil {
		t.Errorf("the record is %+v, %v", r, err)
	}
	counts, err := s.Counts(t.Context(), "gazette", store.ByDay, day("2026-10-01"), day("2026-10-01"))
	if err != nil || len(counts) != 1 || counts[0].N != 1 {
		t.Errorf("counted are %v, %v, want it once", counts, err)
	}
}
