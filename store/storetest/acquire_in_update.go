package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/store"
)

func acquireInUpdateCases() []testCase {
	return []testCase{
		{"UpdateAcquiresInTheSameCommit", acquireInCommit},
		{"UpdateThatFindsNoRoomCommitsNothingAndReturnsExceeded", acquireExceeded},
		{"UpdateAcquiresOnceHoweverOftenFRuns", acquireOncePerUpdate},
		{"UpdateTakesNothingUnlessItCommits", acquireNothing},
		{"UpdateCountsATakerOnce", acquireOnceInUpdates},
		{"UpdateAndAcquireCountInTheSameBuckets", acquireBothWays},
		{"UpdatesOfManyRecordsNeverExceedALimit", acquireInManyUpdates},
		{"AnErasureMayAcquire", acquireInErasure},
	}
}

func acquisition(taker string, buckets ...store.Bucket) *store.Acquisition {
	return &store.Acquisition{Taker: taker, Buckets: buckets}
}

// signUp puts a record with a job and a count, and acquires.
func signUp(t *testing.T, s store.Store, n int, a *store.Acquisition) error {
	t.Helper()
	return s.Update(t.Context(), key(n), func(store.Record) (store.Change, error) {
		return store.Change{
			Put:     pending(),
			Enqueue: []store.Job{job(fmt.Sprintf("email-%d", n), "email")},
			Count:   []store.Count{{At: day("2026-10-01"), Name: "signup", N: 1}},
			Acquire: a,
		}, nil
	})
}

// exceeded fails unless err is an Exceeded, and returns its waits.
func exceeded(t *testing.T, err error, buckets int) []time.Duration {
	t.Helper()
	var e *store.Exceeded
	if !errors.As(err, &e) || len(e.Waits) != buckets {
		t.Fatalf("the error is %v, want Exceeded with %d waits", err, buckets)
	}
	return e.Waits
}

func acquireInCommit(t *testing.T, open func(*testing.T) store.Store) {
	s := open(t)
	limit, large := store.Limit{N: 2, Per: time.Hour}, store.Limit{N: store.MaxExact + 4, Per: time.Hour}
	if err := signUp(t, s, 1, acquisition("", bucket("small", limit), bucket("large", large), bucket(""))); err != nil {
		t.Fatal(err)
	}
	get(t, s, key(1))
	leaseOne(t, s, "email", time.Minute)
	counted(t, s, site, day("2026-10-01"), day("2026-10-01"), store.Count{At: day("2026-10-01"), Name: "signup", N: 1})
	hasRoom(t, open(t), "small", 1, limit)
	hasRoom(t, open(t), "large", store.MaxExact+3, large)
	if err := signUp(t, s, 2, acquisition("")); err != nil {
		t.Errorf("acquiring no bucket gives %v", err)
	}
	if err := signUp(t, s, 3, acquisition("email-1", bucket("free"))); err != nil {
		t.Errorf("acquiring a bucket without limits gives %v", err)
	}
}

func acquireExceeded(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 3, Per: time.Hour}
	free, full := bucket("free", limit), bucket("full", store.Limit{N: 1, Per: time.Minute})
	put(t, s, key(2), pending())
	before := get(t, s, key(2))
	acquireAll(t, s, "", full)
	for n := range 4 {
		waits := exceeded(t, signUp(t, s, 1+n%2, acquisition("", free, bucket("unlimited"), full)), 3)
		if waits[0] != 0 || waits[1] != 0 || waits[2] <= 50*time.Second || waits[2] > time.Minute {
			t.Errorf("the waits are %v, want the minute of the last only", waits)
		}
	}
	absent(t, s, key(1))
	if after := get(t, s, key(2)); after.Version != before.Version {
		t.Errorf("the record went from %+v to %+v", before, after)
	}
	nothingDue(t, s, "email")
	counted(t, s, site, day("2026-10-01"), day("2026-10-01"))
	hasRoom(t, open(t), "free", 3, limit)
}

// acquireOncePerUpdate updates a record that is there: an implementation that runs f without looking runs it twice.
func acquireOncePerUpdate(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	limit := store.Limit{N: 50, Per: time.Hour}
	put(t, clients[0], key(1), pending())
	atOnce(t, 20, func(i int) error {
		return clients[i%2].Update(t.Context(), key(1), func(r store.Record) (store.Change, error) {
			r.State = "pending"
			return store.Change{Put: &r, Acquire: acquisition("", bucket("bucket", limit))}, nil
		})
	})
	hasRoom(t, clients[0], "bucket", 30, limit)
}

func acquireNothing(t *testing.T, open func(*testing.T) store.Store) {
	s, mine, limit := open(t), errors.New("no"), store.Limit{N: 1, Per: time.Hour}
	a := acquisition("", bucket("bucket", limit))
	err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{Put: pending(), Acquire: a}, mine
	})
	want(t, "an update whose f fails", err, mine)
	old := leasedJob(t, s, 20*time.Millisecond)
	leaseOne(t, s, "email", time.Minute)
	err = s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) {
		return store.Change{Put: pending(), Acquire: a, End: &store.JobEnd{Job: old, Outcome: store.Complete()}}, nil
	})
	want(t, "an update that ends a lost lease", err, store.ErrLeaseLost)
	for what, c := range map[string]store.Change{
		"acquiring without a state": {Acquire: a},
		"a bucket twice":            {Put: pending(), Acquire: acquisition("", a.Buckets[0], a.Buckets[0])},
		"a taker with a space":      {Put: pending(), Acquire: acquisition("a b", a.Buckets...)},
		"a bad job beside it":       {Put: pending(), Acquire: a, Enqueue: []store.Job{job("", "email")}},
	} {
		err := s.Update(t.Context(), key(1), func(store.Record) (store.Change, error) { return c, nil })
		want(t, what, err, store.ErrInvalid)
	}
	hasRoom(t, s, "bucket", 1, limit)
}

func acquireOnceInUpdates(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	limit := store.Limit{N: 2, Per: time.Hour}
	b := bucket("bucket", limit)
	for i := range 5 {
		if err := signUp(t, clients[i%2], i, acquisition("signup-1", b)); err != nil {
			t.Fatalf("acquiring again gives %v", err)
		}
	}
	if err := signUp(t, clients[0], 1, acquisition("signup-2", b)); err != nil {
		t.Fatalf("another taker gets %v", err)
	}
	exceeded(t, signUp(t, clients[1], 1, acquisition("signup-3", b)), 1)
	if waits := acquireAll(t, clients[0], "signup-1", b); waits != nil {
		t.Errorf("a taker that has taken waits %v", waits)
	}
}

func acquireBothWays(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 2, Per: time.Hour}
	b := bucket("bucket", limit)
	acquireAll(t, s, "", b)
	if err := signUp(t, s, 1, acquisition("", b)); err != nil {
		t.Fatal(err)
	}
	exceeded(t, signUp(t, s, 2, acquisition("", b)), 1)
	if waits := acquireAll(t, s, "", b); waits == nil {
		t.Error("Acquire took what Update had taken")
	}
}

func acquireInManyUpdates(t *testing.T, open func(*testing.T) store.Store) {
	clients := []store.Store{open(t), open(t)}
	small := bucket("small", store.Limit{N: 30, Per: time.Hour})
	large := bucket("large", store.Limit{N: store.MaxExact + 1, Per: time.Hour})
	var committed atomic.Int32
	atOnce(t, 100, func(i int) error {
		err := signUp(t, clients[i%2], i, acquisition("", small, large))
		if err == nil {
			committed.Add(1)
		}
		if e := new(store.Exceeded); errors.As(err, &e) {
			return nil
		}
		return err
	})
	if committed.Load() != 30 {
		t.Errorf("%d committed, want 30", committed.Load())
	}
	there := 0
	for i := range 100 {
		if _, err := clients[0].Find(t.Context(), key(i)); err == nil {
			there++
		}
	}
	if there != 30 || len(lease(t, clients[0], "email", 100, time.Minute)) != 30 {
		t.Errorf("%d records are there, want 30, each with its job", there)
	}
	hasRoom(t, clients[1], "large", store.MaxExact+1-30, large.Limits...)
}

func acquireInErasure(t *testing.T, open func(*testing.T) store.Store) {
	s, limit := open(t), store.Limit{N: 1, Per: time.Hour}
	put(t, s, key(1), pending())
	put(t, s, key(2), pending())
	erasing := func(store.Record) (store.Change, error) {
		return store.Change{Erase: true, Acquire: acquisition("", bucket("bucket", limit))}, nil
	}
	if err := s.Update(t.Context(), key(1), erasing); err != nil {
		t.Fatal(err)
	}
	absent(t, s, key(1))
	exceeded(t, s.Update(t.Context(), key(2), erasing), 1)
	get(t, s, key(2))
}
